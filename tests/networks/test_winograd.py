"""Winograd's convolution against the plain one in float64, and where it stands in for it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gantoolkit.networks import ops
from gantoolkit.networks.cpu import onednn, winograd, winograd_bf16
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache


@pytest.mark.parametrize("strip", [1, 2**11, 2**21])
def test_equals_the_plain_convolution(strip, monkeypatch):
    """Also where strips end within the map, at its edges, and for a batch."""
    monkeypatch.setattr(winograd, "STRIP", strip)
    x, weight, bias = torch.randn(2, 6, 16, 10), torch.randn(5, 6, 3, 3) / 8, torch.randn(5)
    wanted = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    for b, expected in ((bias, wanted), (None, wanted - bias[:, None, None])):
        torch.testing.assert_close(
            winograd.conv2d(x, weight, b).double(), expected, atol=2e-5, rtol=0
        )


def test_stands_in_only_without_gradients_and_in_its_shapes(monkeypatch):
    monkeypatch.setattr(winograd, "MIN_CHANNELS", 4)
    calls, real = [], winograd.conv2d
    monkeypatch.setattr(winograd, "conv2d", lambda *a: calls.append(a) or real(*a))
    x, weight = torch.randn(1, 4, 32, 32), torch.randn(4, 4, 3, 3)
    with torch.no_grad():
        found = ops.conv2d_resample(x, weight, padding=1)
        assert len(calls) == 1
        torch.testing.assert_close(found, F.conv2d(x, weight, padding=1), atol=1e-4, rtol=0)
        ops.conv2d_resample(x, weight, padding=0)
        ops.conv2d_resample(x, weight[:, :1], padding=1, groups=4)
        ops.conv2d_resample(x.double(), weight.double(), padding=1)
    ops.conv2d_resample(x, weight, padding=1)
    assert len(calls) == 1


@pytest.mark.skipif(
    torch.bfloat16 not in onednn.supported_dtypes(), reason="this machine has no bf16"
)
@pytest.mark.parametrize("strip", [1, 2**22])
def test_in_bf16_within_three_hundredths_of_the_spread(strip, monkeypatch):
    """For a batch, with strips, height ≠ width; a plain convolution in bf16 is within 0.005."""
    monkeypatch.setattr(winograd_bf16, "STRIP", strip)
    x, weight = (
        torch.randn(2, 32, 16, 24),
        torch.nn.Parameter(torch.randn(24, 32, 3, 3) / 17, requires_grad=False),
    )
    bias = torch.randn(24)
    wanted = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    with torch.no_grad():
        found = winograd_bf16.conv2d(x, weight, bias, FrozenWeightCache())
    assert found.dtype == torch.bfloat16
    assert (found.double() - wanted).square().mean().sqrt() < 0.03 * wanted.std()


@pytest.mark.skipif(
    torch.bfloat16 not in onednn.supported_dtypes(), reason="this machine has no bf16"
)
def test_in_bf16_stands_in_for_frozen_weights_that_are_kept(monkeypatch):
    monkeypatch.setattr(winograd_bf16, "MIN_CHANNELS", 4)
    calls, real = [], winograd_bf16.conv2d
    monkeypatch.setattr(winograd_bf16, "conv2d", lambda *a: calls.append(a) or real(*a))
    x, weight = (
        torch.randn(1, 4, 32, 32),
        torch.nn.Parameter(torch.randn(4, 4, 3, 3), requires_grad=False),
    )
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            ops.conv2d_resample(x, weight, padding=1, cache=FrozenWeightCache())
            assert len(calls) == 1
            ops.conv2d_resample(x, weight, padding=1)
            ops.conv2d_resample(x[:, :, :30], weight, padding=1, cache=FrozenWeightCache())
            ops.conv2d_resample(
                x, weight.clone().requires_grad_(), padding=1, cache=FrozenWeightCache()
            )
        ops.conv2d_resample(x, weight, padding=1, cache=FrozenWeightCache())
    with torch.autocast("cpu", torch.bfloat16):
        ops.conv2d_resample(x, weight, padding=1, cache=FrozenWeightCache())
    assert len(calls) == 1
