"""BiSeNet against the published network, and its classes in CelebAMask-HQ order."""

from __future__ import annotations

import pytest
import torch
from golden_files import golden
from network_golden import by_recipe

from gantoolkit.core.labels import CLASSES
from gantoolkit.networks.bisenet import TO_CELEBAMASK, BiSeNet
from gantoolkit.networks.blocks import IMAGENET_MEAN, IMAGENET_STD

PUBLISHED = [
    "background",
    "skin",
    "l_brow",
    "r_brow",
    "l_eye",
    "r_eye",
    "eye_g",
    "l_ear",
    "r_ear",
    "ear_r",
    "nose",
    "mouth",
    "u_lip",
    "l_lip",
    "neck",
    "neck_l",
    "cloth",
    "hair",
    "hat",
]


def test_remap_by_name():
    assert [CLASSES[k] for k in TO_CELEBAMASK] == PUBLISHED


@pytest.mark.golden
@torch.no_grad()
def test_full_network(golden_dir):
    meta, t = golden(golden_dir, "bisenet19_recipe_96x128")
    network = by_recipe(BiSeNet(), **meta["recipe_args"])
    assert {k: list(v.shape) for k, v in network.state_dict().items()} == meta["state_shapes"]
    pixels = (t["in.image_u8"] / 255 - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(
        IMAGENET_STD
    ).view(3, 1, 1)
    eighth, near, deep = network.cp(pixels)
    out, out16, out32 = network(pixels)
    found = {
        "cp.feat8": eighth,
        "cp.feat_cp8": near,
        "cp.feat_cp16": deep,
        "ffm": network.ffm(eighth, near),
        "out": out,
        "out16": out16,
        "out32": out32,
    }
    for name, value in found.items():
        wanted = t[f"out.{name}"]
        torch.testing.assert_close(
            value, wanted, atol=1e-4 * max(1, wanted.abs().max().item()), rtol=0, msg=name
        )
    assert (out.argmax(1) == t["out.labels"]).all()


@pytest.mark.golden
@torch.no_grad()
def test_logits_are_reordered(golden_dir):
    meta, t = golden(golden_dir, "bisenet19_recipe_96x128")
    network = by_recipe(BiSeNet(resolution=96), **meta["recipe_args"])
    image = t["in.image_u8"][:, :, :96] / 127.5 - 1
    pixels = ((image + 1) / 2 - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(
        IMAGENET_STD
    ).view(3, 1, 1)
    labels = network(pixels)[0].argmax(1)
    torch.testing.assert_close(network.logits(image).argmax(1), torch.tensor(TO_CELEBAMASK)[labels])
