"""StyleGAN3 beside NumPy and SciPy in float64, written from the paper, and its symmetries."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import signal, special

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Latent
from gantoolkit.generators import lowpass
from gantoolkit.generators.alias_free_synthesis import AliasFreeLayer, AliasFreeToRGB
from gantoolkit.generators.bands import Band
from gantoolkit.generators.filtered_lrelu import filtered_lrelu
from gantoolkit.generators.fourier_input import FourierInput
from gantoolkit.generators.stylegan3 import StyleGAN3

TINY = dict(z_dim=6, w_dim=8, resolution=32, channels=(8, 8, 6, 6, 4))
BAND = Band(size=36, rate=16, cutoff=2.0, half_width=6.0)
FINER = Band(size=52, rate=32, cutoff=6.5, half_width=9.5)


def numbers(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def scrambled(module: torch.nn.Module) -> torch.nn.Module:
    """The module with all that it learns drawn anew, so that nothing stays at 0 or 1."""
    for seed, parameter in enumerate(module.parameters()):
        parameter.data += 0.5 * numbers(seed, *parameter.shape)
    for name, buffer in module.named_buffers():
        if name.endswith("magnitude_ema"):
            buffer.fill_(0.3)
    return module.eval().requires_grad_(False)


def make(**options) -> StyleGAN3:
    torch.manual_seed(0)
    generator = scrambled(StyleGAN3(**{**TINY, **options}))
    generator.mapping.w_avg.copy_(numbers(1, 8))
    return generator


def double(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


# -- filters and bands ---------------------------------------------------------------------------


@pytest.mark.parametrize("taps, cutoff, width, rate", [(12, 2, 12, 32), (24, 6.5, 19, 128)])
def test_separable_filters_are_scipys(taps, cutoff, width, rate):
    expected = signal.firwin(taps, cutoff, width=width, fs=rate)
    found = lowpass.separable_filter(taps, cutoff, width, rate)
    np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("width", [2, 8, 30])  # without a window, with each of Kaiser's formulas
def test_radial_filters_are_a_disc_of_frequencies_in_a_window(width):
    """The jinc as an integral of waves over the disc, instead of by a Bessel function."""
    taps, cutoff, rate = 12, 6, 64
    places = (np.arange(taps) - 5.5) / rate
    radius = np.hypot(places[:, None], places)
    across = (np.arange(4000) + 0.5) / 4000 * 2 * cutoff - cutoff
    height = 2 * np.sqrt(cutoff**2 - across**2)
    waves = np.cos(2 * np.pi * radius[:, :, None] * across)
    disc = (waves * height).mean(-1)
    beta = signal.kaiser_beta(signal.kaiser_atten(taps, width / (rate / 2)))
    window = signal.windows.kaiser(taps, beta)
    expected = disc * np.outer(window, window)
    found = lowpass.radial_filter(taps, cutoff, width, rate)
    np.testing.assert_allclose(found, expected / expected.sum(), atol=2e-6)
    assert special.j1(0) == 0  # an even number of taps never meets the center


def test_sizes_are_those_of_the_published_generators():
    t = StyleGAN3()
    r = StyleGAN3(variant="r")
    assert sum(parameter.numel() for parameter in t.parameters()) == 22_313_167
    assert sum(parameter.numel() for parameter in r.parameters()) == 15_093_151
    assert len(t.state_dict()) == len(r.state_dict()) == 114
    assert t.num_ws == r.num_ws == 16
    published = "L0_36_512 L2_52_512 L4_84_512 L5_148_512 L7_276_323 L9_532_128 L10_1044_81"
    published += " L13_1024_32 L14_1024_3"
    assert set(published.split()) < set(t.synthesis.layer_names)
    assert t.synthesis.L1_36_512.padding == (9, 8, 9, 8)
    assert t.synthesis.L4_84_512.padding == (-6, -9, -6, -9)
    shapes = [tuple(layer.down_filter.shape) for layer in list(r.synthesis.children())[1:-1]]
    assert shapes == [(12, 12)] * 12 + [(12,)] * 2


# -- the operations in float64 -------------------------------------------------------------------


def resample(x, taps, up, down, padding):
    """Insert zeros, pad or crop, convolve, keep every `down`-th: one map [H,W]."""
    height, width = x.shape
    enlarged = np.zeros((height * up, width * up))
    enlarged[::up, ::up] = x * up**2
    left, right, top, bottom = padding
    enlarged = np.pad(enlarged, [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))])
    rows = slice(max(-top, 0), enlarged.shape[0] - max(-bottom, 0))
    columns = slice(max(-left, 0), enlarged.shape[1] - max(-right, 0))
    taps = np.outer(taps, taps) if taps.ndim == 1 else taps
    return signal.convolve2d(enlarged[rows, columns], taps, "valid")[::down, ::down]


def leaky(x, clamp):
    return np.clip(np.where(x > 0, x, 0.2 * x) * math.sqrt(2), -clamp, clamp)


def reference_filtered_lrelu(x, bias, up_filter, down_filter, up, down, padding, clamp):
    maps = []
    for sample in x:
        for channel, shift in zip(sample, bias, strict=True):
            enlarged = resample(channel + shift, up_filter, up, 1, padding)
            maps.append(resample(leaky(enlarged, clamp), down_filter, 1, down, (0, 0, 0, 0)))
    return np.stack(maps).reshape(*x.shape[:2], *maps[0].shape)


@pytest.mark.parametrize(
    "up, down, padding, down_shape",
    [(2, 2, (9, 8, 9, 8), (12,)), (4, 2, (-6, -9, 3, -2), (12, 12)), (2, 2, (0, 5, -3, 1), (7,))],
)
def test_filtered_lrelu(up, down, padding, down_shape):
    """Filters without symmetry, so that a flip would be seen."""
    x = numbers(1, 2, 3, 11, 13).double()
    bias = numbers(2, 3).double()
    up_filter = numbers(3, 6 * up).double()
    down_filter = numbers(4, *down_shape).double()
    found = filtered_lrelu(x, bias, up_filter, down_filter, up, down, padding, clamp=9.0)
    expected = reference_filtered_lrelu(
        *map(double, (x, bias, up_filter, down_filter)), up, down, padding, 9.0
    )
    np.testing.assert_allclose(found, expected, atol=1e-9)


def rotation_and_shift(pose):
    """The two matrices of a pose (cosine, sine, x, y), which map picture to plane."""
    cosine, sine, x, y = pose / np.hypot(pose[0], pose[1])
    rotation = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    shift = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    return rotation @ shift


def test_fourier_input_is_its_closed_form():
    torch.manual_seed(0)
    module = scrambled(FourierInput(8, 5, BAND))
    module.transform.copy_(torch.tensor([[3.0, 0.2, 0.1], [-0.3, 2.5, -0.2], [0, 0, 1]]))
    w = numbers(7, 2, 8)
    found = module(w)
    affine, bias = double(module.affine.weight), double(module.affine.bias)
    expected = np.zeros((2, 5, 36, 36))
    damped = 0
    for sample in range(2):
        pose = double(w[sample]) @ affine.T / math.sqrt(8) + bias
        place = rotation_and_shift(pose) @ double(module.transform)
        waves = np.zeros((5, 36, 36))
        for channel in range(5):
            frequency = double(module.freqs[channel])
            moved = frequency @ place[:2, :2]
            excess = (np.linalg.norm(moved) - 2) / (16 / 2 - 2)
            amplitude = min(1, max(0, 1 - excess))
            damped += amplitude < 1
            for row in range(36):
                for column in range(36):
                    point = np.array([column - 17.5, row - 17.5, 16]) / 16
                    turns = frequency @ (place @ point)[:2] + double(module.phases[channel])
                    waves[channel, row, column] = amplitude * math.sin(2 * math.pi * turns)
        expected[sample] = np.tensordot(double(module.weight) / math.sqrt(5), waves, 1)
    assert damped, "some waves lie beyond the bandwidth"
    np.testing.assert_allclose(found, expected, atol=2e-5)


def reference_conv(layer, x, w, demodulate):
    """Every sample's own weight, and all overlaps of kernel and map."""
    maps = []
    for sample, code in zip(x, w, strict=True):
        fan_in = len(code)
        style = code @ double(layer.affine.weight).T / math.sqrt(fan_in) + double(layer.affine.bias)
        weight = double(layer.weight) * style[:, None, None]
        if demodulate:
            weight /= np.sqrt((weight**2).sum((1, 2, 3), keepdims=True))
        else:
            weight /= math.sqrt(weight.shape[1])
        weight /= math.sqrt(float(layer.magnitude_ema))
        for kernels in weight:
            channels = zip(sample, kernels, strict=True)
            maps.append(sum(signal.correlate2d(one, kernel) for one, kernel in channels))
    return np.stack(maps).reshape(len(x), -1, *maps[0].shape)


@pytest.mark.parametrize("kernel, radial", [(3, False), (1, True)], ids=["t", "r"])
@pytest.mark.parametrize("before, after", [(BAND, BAND), (BAND, FINER)])
def test_a_whole_layer(kernel, radial, before, after):
    torch.manual_seed(0)
    layer = scrambled(AliasFreeLayer(4, 3, 8, before, after, kernel, radial, conv_clamp=2.0))
    x, w = numbers(5, 2, 4, 36, 36), numbers(6, 2, 8)
    found = layer(x, w)
    up = 2 * after.rate // before.rate
    rate = 2 * after.rate
    up_filter = signal.firwin(6 * up, before.cutoff, width=2 * before.half_width, fs=rate)
    down_filter = signal.firwin(12, after.cutoff, width=2 * after.half_width, fs=rate)
    if radial:
        down_filter = double(layer.down_filter)  # tested above

    total = (after.size - 1) * 2 + 1 - (36 + kernel - 1) * up + len(up_filter) + 12 - 2
    low = (total + up) // 2
    padding = (low, total - low) * 2
    convolved = reference_conv(layer, double(x), double(w), demodulate=True)
    expected = reference_filtered_lrelu(
        convolved, double(layer.bias), up_filter, down_filter, up, 2, padding, 2.0
    )
    assert found.shape == (2, 3, after.size, after.size)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_layer_of_the_image():
    layer = scrambled(AliasFreeToRGB(4, 3, 8, conv_clamp=1.5))
    x, w = numbers(5, 2, 4, 9, 9), numbers(6, 2, 8)
    expected = reference_conv(layer, double(x), double(w), demodulate=False)
    expected = np.clip(expected + double(layer.bias)[:, None, None], -1.5, 1.5)
    np.testing.assert_allclose(layer(x, w), expected, atol=1e-5)


def test_magnitudes_are_tracked_in_training_only():
    layer = AliasFreeToRGB(4, 3, 8)
    x = 3 * numbers(1, 2, 4, 9, 9)
    layer(x, numbers(2, 2, 8))
    expected = 0.999 * 1 + 0.001 * float(x.square().mean())
    assert float(layer.magnitude_ema) == pytest.approx(expected, abs=1e-6)
    layer.eval()(x, numbers(2, 2, 8))
    assert float(layer.magnitude_ema) == pytest.approx(expected, abs=1e-6)


# -- what alias-free means -----------------------------------------------------------------------


def error(found: torch.Tensor, expected: torch.Tensor, edge: int) -> float:
    """The difference without `edge` pixels on each side, relative to the spread of the picture."""
    inside = slice(edge, -edge)
    difference = (found - expected)[..., inside, inside]
    return float(difference.std() / expected[..., inside, inside].std())


@pytest.mark.parametrize("variant", ["t", "r"])
def test_a_shift_of_the_input_shifts_the_picture(variant):
    generator = make(variant=variant)
    ws = numbers(3, 2, generator.num_ws, 8)
    still = generator.render(ws).image
    generator.synthesis.input.transform[0, 2] = 3 / 32  # the plane, so that the picture goes left
    moved = generator.render(ws).image
    assert error(moved, still.roll(-3, 3), edge=5) < 2e-3
    assert error(moved, still, edge=5) > 0.2


def test_variant_r_turns_with_its_input():
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    errors = {}
    for variant in "tr":
        generator = make(variant=variant)
        ws = numbers(3, 2, generator.num_ws, 8)
        still = generator.render(ws).image
        generator.synthesis.input.transform.copy_(turn)
        errors[variant] = error(generator.render(ws).image, still.rot90(1, (2, 3)), edge=1)
    assert errors["r"] < 1e-2 < 0.2 < errors["t"]


# -- the generator -------------------------------------------------------------------------------


def test_the_code_of_the_input_is_the_mean_unless_told_otherwise():
    generator = make()
    ws = numbers(3, 2, generator.num_ws, 8)
    with_mean = ws.clone()
    with_mean[:, 0] = generator.mean_w
    fixed = generator.render(ws).image
    assert torch.equal(fixed, generator.render(Latent(with_mean)).image)
    free = make(fix_input=False)
    assert not torch.allclose(free.render(ws).image, fixed)
    torch.testing.assert_close(free.render(with_mean).image, fixed)


@pytest.mark.parametrize("variant", ["t", "r"])
@pytest.mark.parametrize("fix_input", [True, False])
def test_gradients_reach_every_code_that_is_used(variant, fix_input):
    generator = make(variant=variant, fix_input=fix_input)
    ws = numbers(3, 2, generator.num_ws, 8).requires_grad_()
    generator.render(ws).image.square().mean().backward()
    reached = ws.grad.abs().sum((0, 2)) > 0
    assert reached.tolist() == [not fix_input] + [True] * (generator.num_ws - 1)


def test_the_input_is_exact_under_autocast():
    generator = make()
    w = numbers(3, 2, 8)
    exact = generator.synthesis.input(w)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(generator.synthesis.input(w), exact)
        image = generator.render(numbers(3, 2, generator.num_ws, 8)).image
    assert image.dtype == torch.float32


@pytest.mark.parametrize("options, words", [(dict(variant="x"), "t, r"), (dict(channels=[4]), "2")])
def test_what_cannot_be_built_is_said(options, words):
    with pytest.raises(UsageError, match=words):
        StyleGAN3(**{**TINY, **options})
