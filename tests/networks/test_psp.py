"""pSp's encoder against the published one; e4e and the plainer encoders by their definitions."""

from __future__ import annotations

import pytest
import torch
from golden_files import golden

from gantoolkit.core.errors import UsageError
from gantoolkit.networks.psp import PSPEncoder

SMALL = ((4, 1), (4, 1), (6, 1), (8, 1))


@pytest.mark.golden
@torch.no_grad()
def test_published_encoder(golden_dir):
    meta, t = golden(golden_dir, "psp_encoder_narrow")
    units = list(zip(meta["channels"], (3, 4, 14, 3), strict=True))
    network = PSPEncoder(meta["opts"]["n_styles"], "psp", meta["opts"]["input_nc"], units).eval()
    network.load_state_dict({k[6:]: v for k, v in t.items() if k.startswith("state.")})
    images = t["in.image_u8"] / 127.5 - 1
    found = dict(
        zip(("c1", "c2", "c3"), network.features(images), strict=True), codes=network(images)
    )
    for name, value in found.items():
        torch.testing.assert_close(value, t[f"out.{name}"], atol=1e-4, rtol=0)


def encoder(kind: str, mean: int = 0) -> PSPEncoder:
    torch.manual_seed(0)
    return PSPEncoder(8, kind, 3, SMALL, mean).eval()


@torch.no_grad()
def test_e4e_is_psp_with_offsets_from_the_first_style():
    image = torch.rand(1, 3, 256, 256) * 2 - 1
    psp, e4e = encoder("psp"), encoder("e4e")
    offsets, codes = psp(image), e4e(image)
    torch.testing.assert_close(codes[:, 0], offsets[:, 0])
    for i in range(1, 8):
        torch.testing.assert_close(codes[:, i] - codes[:, 0], offsets[:, i])


@pytest.mark.parametrize("kind", ["w+", "w"])
@torch.no_grad()
def test_mean_code_is_added(kind):
    image = torch.rand(2, 3, 256, 256) * 2 - 1
    network = encoder(kind, mean=1)
    network.latent_avg.normal_()
    codes = network(image)
    assert codes.shape == (2, 8, 8) and network.arch["mean"] == 1
    torch.testing.assert_close(codes - network.codes(image), network.latent_avg.expand(2, 8, 8))
    assert (codes[:, 0] == codes[:, 1]).all() == (kind == "w")


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        UsageError, match="kind='sqp' is unknown; choose 'psp', 'e4e', 'w\\+' or 'w'"
    ):
        encoder("sqp")
