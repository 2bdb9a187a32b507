"""PiDiNet: kernels by their definition, and the shipped trained weights on a photo."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from golden_files import golden

from gantoolkit.networks.blocks import IMAGENET_MEAN, IMAGENET_STD
from gantoolkit.networks.pidinet import KINDS, PiDiNet, convert, plain_kernel


def test_kernels_by_definition():
    """Pixel differences written out at one place of an image."""
    g = torch.Generator().manual_seed(0)
    w, x = torch.randn(1, 1, 3, 3, generator=g), torch.randn(1, 1, 5, 5, generator=g)
    near, center = x[..., 1:4, 1:4], x[..., 2, 2]
    got = {
        k: F.conv2d(x, plain_kernel(w, k), padding=2 if k == "rd" else 1)[0, 0, 2, 2] for k in KINDS
    }
    torch.testing.assert_close(got["cv"], (w * near).sum())
    torch.testing.assert_close(got["cd"], (w * (near - center)).sum())
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]  # clockwise
    angular = sum(
        w[0, 0][a] * (near[0, 0][a] - near[0, 0][b]) for a, b in zip(ring, ring[1:] + ring[:1])
    )
    torch.testing.assert_close(got["ad"], angular)
    outer = x[0, 0, ::2, ::2].flatten()[[0, 1, 2, 3, 5, 6, 7, 8]]
    inner = near.flatten()[[0, 1, 2, 3, 5, 6, 7, 8]]
    torch.testing.assert_close(got["rd"], (w.flatten()[1:] * (outer - inner)).sum())


@pytest.mark.golden
@pytest.mark.parametrize(
    "name,width,dilation",
    [
        ("pidinet", 60, 24),
        ("pidinet_small", 30, 12),
        ("pidinet_tiny", 20, 8),
        ("pidinet_tiny_l", 20, None),
    ],
)
@torch.no_grad()
def test_trained_weights(golden_dir, name, width, dilation):
    meta, t = golden(golden_dir, f"{name}_carv4")
    published = torch.load(golden_dir / meta["weights_file"], weights_only=True)["state_dict"]
    state = convert(published)
    for key, value in t.items():
        if key.startswith("state.converted."):
            torch.testing.assert_close(state[key.removeprefix("state.converted.")], value)
    network = PiDiNet(width, dilation).eval()
    network.load_state_dict(state)
    pixels = (t["in.image_u8"] / 255 - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(
        IMAGENET_STD
    ).view(3, 1, 1)
    for side, value in zip(("e1", "e2", "e3", "e4", "fused"), network(pixels)):
        for form in ("pdc", "converted"):
            torch.testing.assert_close(value, t[f"out.{form}.{side}"], atol=1e-4, rtol=0)
    torch.testing.assert_close(
        network.edges(t["in.image_u8"] / 127.5 - 1), t["out.pdc.fused"], atol=1e-4, rtol=0
    )
