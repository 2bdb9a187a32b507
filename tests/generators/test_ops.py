"""The operations of StyleGAN2 against SciPy, closed forms and per-sample weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gantoolkit.networks import ops


@pytest.mark.parametrize("up, down, taps", [
    (2, 1, (1, 3, 3, 1)), (1, 2, (1, 3, 3, 1)), (3, 2, (1, 4, -2)), (2, 3, (1, 2, 3, 5, 8, 5, 1, -1))])
def test_upfirdn2d_is_scipys_along_both_axes(up, down, taps):
    signal = pytest.importorskip("scipy.signal")
    x = torch.randn(2, 3, 9, 7, dtype=torch.float64)
    k = len(taps)
    f = torch.tensor(taps, dtype=torch.float64)
    got = ops.upfirdn2d(x, f if k >= 8 else f.outer(f), up, down, padding=[k - 1, k - 1] * 2).numpy()
    expected = x.numpy()
    for axis in (2, 3):
        expected = signal.upfirdn(taps, expected, up, down, axis=axis)
    rows, columns = (min(a, b) for a, b in zip(got.shape[2:], expected.shape[2:]))
    assert rows >= expected.shape[2] - 1
    np.testing.assert_allclose(got[:, :, :rows, :columns], expected[:, :, :rows, :columns], atol=1e-12)


def test_double_is_upsample2d():
    x = torch.randn(2, 3, 5, 6)
    torch.testing.assert_close(ops.double(x), ops.upsample2d(x, ops.setup_filter()))


def test_halving_keeps_a_constant_inside():
    y = ops.downsample2d(torch.ones(1, 1, 8, 8), ops.setup_filter())
    torch.testing.assert_close(y[0, 0, 1:-1, 1:-1], torch.ones(2, 2))


@pytest.mark.parametrize("act, function", [
    ("linear", lambda x: x), ("relu", lambda x: max(x, 0) * math.sqrt(2)),
    ("lrelu", lambda x: (x if x > 0 else 0.2 * x) * math.sqrt(2)), ("tanh", math.tanh),
    ("sigmoid", lambda x: 1 / (1 + math.exp(-x))), ("elu", lambda x: x if x > 0 else math.expm1(x)),
    ("selu", lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x))),
    ("softplus", lambda x: math.log1p(math.exp(x))),
    ("swish", lambda x: math.sqrt(2) * x / (1 + math.exp(-x)))])
def test_activations(act, function):
    x, b = torch.linspace(-3, 3, 12).reshape(3, 4), torch.tensor([0.5, -1.0, 0.0, 2.0])
    expected = [[function(float(v + b[j])) for j, v in enumerate(row)] for row in x]
    torch.testing.assert_close(ops.bias_act(x, b, act), torch.tensor(expected))
    clamped = ops.bias_act(x, b, act, gain=2.0, clamp=0.7)
    assert clamped.abs().max() <= 0.7


@pytest.mark.parametrize("up", [1, 2])
def test_modulated_convolution_is_one_convolution_per_sample(up):
    x, w, s = torch.randn(3, 6, 8, 8), torch.randn(5, 6, 3, 3), torch.randn(3, 6)
    f = ops.setup_filter()
    got = ops.modulated_conv2d(x, w, s, up=up, padding=1, f=f, flip_weight=up == 1)
    for i in range(3):
        one = w * s[i].view(1, -1, 1, 1)
        one = one / (one.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up == 1:
            expected = F.conv2d(x[i:i + 1], one, padding=1)
        else:  # zeros between pixels, true convolution, low-pass filter
            wide = F.pad(x[i:i + 1].reshape(1, 6, 8, 1, 8, 1), (0, 1, 0, 0, 0, 1)).reshape(1, 6, 16, 16)
            wide = F.conv2d(F.pad(wide, (2, 1, 2, 1)), one.flip([2, 3]))  # 17 px kept of 18
            wide = F.conv2d(F.pad(wide, (1, 2, 1, 2)), (f * 4).expand(5, 1, 4, 4), groups=5)
            expected = wide[:, :, :16, :16]
        torch.testing.assert_close(got[i:i + 1], expected, atol=1e-5, rtol=1e-4)


def test_fully_connected_stays_in_float32():
    layer = ops.FullyConnected(8, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(2, 8)).dtype == torch.float32
