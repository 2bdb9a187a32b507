"""Inception against torchvision's network with the pooling of FID's graph put in its place."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from gantoolkit import networks, weights
from gantoolkit.errors import UsageError
from gantoolkit.networks.inception import Inception


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Inception().eval().requires_grad_(False)


def test_same_as_torchvision_with_fids_pooling(network, monkeypatch):
    from gantoolkit import compat  # noqa: F401  before torchvision
    from torchvision.models import inception as theirs

    calls = []

    def pooled(x, **options):
        """Of nine average poolings the last is a maximum in FID's graph; the others leave the border out."""
        calls.append(1)
        last = len(calls) == 9
        return F.max_pool2d(x, 3, 1, 1) if last else F.avg_pool2d(x, **options, count_include_pad=False)

    monkeypatch.setattr(theirs, "F", SimpleNamespace(**{**vars(F), "avg_pool2d": pooled}))
    model = theirs.Inception3(num_classes=1008, aux_logits=False, transform_input=False, init_weights=False).eval()
    model.load_state_dict(network.state_dict())
    model.fc = torch.nn.Identity()
    pixels = torch.rand(1, 3, 299, 299, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        expected = model(pixels)
    torch.testing.assert_close(network.features(pixels), expected, atol=1e-5, rtol=1e-4)
    assert len(calls) == 9 and expected.shape == (1, 2048)


def test_resize_is_a_choice(network):
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    seen = []
    other = Inception("torch")
    for one in (network, other):
        one.trunk = lambda x: seen.append(x)
        one.features(images)
        del one.trunk
    expected = F.interpolate(images, (299, 299), mode="bilinear", align_corners=False)
    torch.testing.assert_close(seen[1], expected)
    assert (seen[0] - seen[1]).abs().max() > 0.01 and float(seen[0].abs().max()) <= 1
    with pytest.raises(UsageError, match="clean or torch"):
        Inception("tf")


def test_read_back_from_a_file(network, tmp_path):
    file = weights.save(tmp_path / "inception.safetensors", network.state_dict(), network.arch, half=True)
    assert type(networks.load(str(file))) is Inception
