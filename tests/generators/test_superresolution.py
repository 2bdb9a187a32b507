"""EG3D's super-resolution, every variant, against operations that golden files prove."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from gantoolkit.generators.superresolution import SuperResolution
from gantoolkit.networks import modulated_conv, ops

# from the table of the published classes: input size, channels, factor of each block, antialias
PUBLISHED = {
    "8XDC": (128, (256, 128), (2, 2), True),
    "8X": (128, (128, 64), (2, 2), True),
    "4X": (128, (128, 64), (1, 2), True),
    "2X": (64, (128, 64), (1, 2), True),
    "deep": (128, (128, 64), (1, 2), False),
}


def layer(x, w, block, name, up):
    """Affine, modulated 3×3 convolution, bias, leaky ReLU; no noise, as for released files."""
    conv = getattr(block, name)
    styles = F.linear(w, conv.affine.weight / math.sqrt(w.shape[1]), conv.affine.bias)
    x = modulated_conv.modulated_conv2d(
        x, conv.weight, styles, up=up, padding=1, f=ops.setup_filter(), flip_weight=up == 1
    )
    return ops.bias_act(x, conv.bias, "lrelu", clamp=conv.conv_clamp)


def block_by_hand(block, x, image, w, up):
    x = layer(layer(x, w, block, "conv0", up), w, block, "conv1", 1)
    rgb = block.torgb
    styles = F.linear(w, rgb.affine.weight / math.sqrt(w.shape[1]), rgb.affine.bias) / math.sqrt(
        x.shape[1]
    )
    drawn = ops.bias_act(
        modulated_conv.modulated_conv2d(x, rgb.weight, styles, demodulate=False),
        rgb.bias,
        clamp=rgb.conv_clamp,
    )
    image = ops.upsample2d(image, ops.setup_filter()) if up == 2 else image
    return x, image + drawn


@pytest.mark.parametrize("variant", PUBLISHED)
@pytest.mark.parametrize("small", [False, True], ids=["published", "small"])
@torch.no_grad()
def test_variant(variant, small):
    size, channels, ups, smooth = PUBLISHED[variant]
    if not small:  # the defaults are the published sizes
        with torch.device("meta"):
            network = SuperResolution(32, 512, variant)
        assert network.input_resolution == size and network.resolution == size * ups[0] * ups[1]
        assert [len(b.conv1.bias) for b in (network.block0, network.block1)] == list(channels)
        assert (network.block0.up, network.block1.up) == ups and network.antialias == smooth
        return
    torch.manual_seed(0)
    network = SuperResolution(7, 10, variant, 16, (6, 4), conv_clamp=256)
    for parameter in network.parameters():
        parameter.copy_(torch.randn_like(parameter))
    features, ws = torch.randn(2, 7, 24, 24), torch.randn(2, 5, 10)
    resized = F.interpolate(
        features, size=(16, 16), mode="bilinear", align_corners=False, antialias=smooth
    )
    x, image = resized, resized[:, :3]
    for block, up in zip((network.block0, network.block1), ups, strict=True):
        x, image = block_by_hand(block, x, image, ws[:, -1], up)
    found = network(features, ws)
    assert found.shape[-1] == 16 * ups[0] * ups[1]
    torch.testing.assert_close(found, image, atol=1e-3, rtol=1e-4)
