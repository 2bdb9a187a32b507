"""The operations of StyleGAN2 against SciPy, closed forms and per-sample weights."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gantoolkit.generators.synthesis import Affine
from gantoolkit.networks import modulated_conv, ops


@pytest.mark.parametrize(
    "up, down, taps",
    [
        (2, 1, (1, 3, 3, 1)),
        (1, 2, (1, 3, 3, 1)),
        (3, 2, (1, 4, -2)),
        (2, 3, (1, 2, 3, 5, 8, 5, 1, -1)),
    ],
)
def test_upfirdn2d_is_scipys_along_both_axes(up, down, taps):
    signal = pytest.importorskip("scipy.signal")
    x = torch.randn(2, 3, 9, 7, dtype=torch.float64)
    k = len(taps)
    f = torch.tensor(taps, dtype=torch.float64)
    got = ops.upfirdn2d(
        x, f if k >= 8 else f.outer(f), up, down, padding=[k - 1, k - 1] * 2
    ).numpy()
    expected = x.numpy()
    for axis in (2, 3):
        expected = signal.upfirdn(taps, expected, up, down, axis=axis)
    rows, columns = (min(a, b) for a, b in zip(got.shape[2:], expected.shape[2:]))
    assert rows >= expected.shape[2] - 1
    np.testing.assert_allclose(
        got[:, :, :rows, :columns], expected[:, :, :rows, :columns], atol=1e-12
    )


def test_double_is_upsample2d():
    x = torch.randn(2, 3, 5, 6)
    torch.testing.assert_close(ops.upsample2d_bilinear(x), ops.upsample2d(x, ops.setup_filter()))


def test_halving_keeps_a_constant_inside():
    y = ops.downsample2d(torch.ones(1, 1, 8, 8), ops.setup_filter())
    torch.testing.assert_close(y[0, 0, 1:-1, 1:-1], torch.ones(2, 2))


@pytest.mark.parametrize(
    "act, function",
    [
        ("linear", lambda x: x),
        ("relu", lambda x: max(x, 0) * math.sqrt(2)),
        ("lrelu", lambda x: (x if x > 0 else 0.2 * x) * math.sqrt(2)),
        ("tanh", math.tanh),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("elu", lambda x: x if x > 0 else math.expm1(x)),
        (
            "selu",
            lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
        ),
        ("softplus", lambda x: math.log1p(math.exp(x))),
        ("swish", lambda x: math.sqrt(2) * x / (1 + math.exp(-x))),
    ],
)
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
    got = modulated_conv.modulated_conv2d(x, w, s, up=up, padding=1, f=f, flip_weight=up == 1)
    for i in range(3):
        one = w * s[i].view(1, -1, 1, 1)
        one = one / (one.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up == 1:
            expected = F.conv2d(x[i : i + 1], one, padding=1)
        else:  # zeros between pixels, true convolution, low-pass filter
            wide = F.pad(x[i : i + 1].reshape(1, 6, 8, 1, 8, 1), (0, 1, 0, 0, 0, 1)).reshape(
                1, 6, 16, 16
            )
            wide = F.conv2d(F.pad(wide, (2, 1, 2, 1)), one.flip([2, 3]))  # 17 px kept of 18
            wide = F.conv2d(F.pad(wide, (1, 2, 1, 2)), (f * 4).expand(5, 1, 4, 4), groups=5)
            expected = wide[:, :, :16, :16]
        torch.testing.assert_close(got[i : i + 1], expected, atol=1e-5, rtol=1e-4)


def per_sample(x, weight, styles, noise, bias, up, gain):
    """The definition: weights of its own for every sample, gradients by differentiating it."""
    w = weight[None] * styles[:, None, :, None, None]
    w = w * (w.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt() * gain
    drawn = [
        ops.conv2d_resample(
            x[i : i + 1],
            w[i],
            ops.setup_filter(),
            up=up,
            padding=weight.shape[-1] // 2,
            flip_weight=up == 1,
        )
        for i in range(len(x))
    ]
    return torch.cat(drawn) + noise + bias[:, None, None]


@pytest.mark.parametrize(
    "batch, up, kernel, size",
    [(1, 1, 3, 4), (1, 1, 3, 16), (1, 2, 3, 16), (1, 1, 1, 16), (2, 1, 3, 16), (2, 2, 3, 4)],
)
def test_every_way_to_modulate_is_the_definition(batch, up, kernel, size):
    """A sample alone, in a batch, without and with gradients; images of several sizes."""
    weight = modulated_conv.new_conv_weight(5, 6, kernel, up)
    leaves = [
        torch.randn(batch, 6, size, size),
        weight.detach(),
        torch.randn(batch, 6),
        torch.randn(1, 1, up * size, up * size),
        torch.randn(5),
    ]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    ours = lambda x, w, s, n, b: modulated_conv.modulated_conv2d(  # noqa: E731
        x,
        w,
        s,
        n,
        up,
        padding=kernel // 2,
        f=ops.setup_filter(),
        flip_weight=up == 1,
        bias=b,
        gain=1.3,
    )
    wanted, got = per_sample(*leaves, up, 1.3), ours(*leaves)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(ours(*leaves), wanted, atol=1e-5, rtol=1e-4)
    cotangent = torch.randn_like(wanted)
    for mine, its in zip(
        torch.autograd.grad(got, leaves, cotangent),
        torch.autograd.grad(wanted, leaves, cotangent),
        strict=True,
    ):
        torch.testing.assert_close(mine, its, atol=1e-4, rtol=1e-3)


def test_fully_connected_stays_in_float32():
    layer = ops.FullyConnected(8, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(2, 8)).dtype == torch.float32


def test_codes_do_not_depend_on_whether_gradients_are_asked_for():
    """Bit by bit, unless a layer may round otherwise; that one does too while it trains."""
    x = torch.randn(3, 64)
    for kind, frozen in itertools.product((ops.FullyConnected, Affine), (True, False)):
        layer = kind(64, 32).requires_grad_(not frozen)
        wanted = layer(x).detach()
        with torch.no_grad():
            torch.testing.assert_close(
                layer(x), wanted, **({} if frozen and kind is Affine else dict(rtol=0, atol=0))
            )


def test_scale_and_shift_has_the_gradients_of_its_formula():
    sizes = (2, 3, 4, 5), (2, 3, 1, 1), (3, 4, 5)
    inputs = [torch.randn(size, dtype=torch.double, requires_grad=True) for size in sizes]
    x, scale, shift = inputs
    torch.testing.assert_close(modulated_conv.ScaleAndShift.apply(*inputs), x * scale + shift)
    assert torch.autograd.gradcheck(modulated_conv.ScaleAndShift.apply, inputs)
    assert torch.autograd.gradgradcheck(modulated_conv.ScaleAndShift.apply, inputs)


@pytest.mark.parametrize("demodulate", [False, True])
def test_modulated_1x1_convolution_is_one_convolution_per_sample(demodulate):
    x, weight, styles = torch.randn(3, 4, 5, 6), torch.randn(7, 4, 1, 1), torch.randn(3, 4)
    got = modulated_conv.modulated_conv2d(x, weight, styles, demodulate=demodulate)
    for one, image, style in zip(got, x, styles, strict=True):
        modulated = weight * style[None, :, None, None]
        if demodulate:
            modulated = modulated / (modulated.square().sum([1, 2, 3], keepdim=True) + 1e-8).sqrt()
        expected = F.conv2d(image[None], modulated)[0]
        torch.testing.assert_close(one, expected, atol=1e-5, rtol=1e-4)
