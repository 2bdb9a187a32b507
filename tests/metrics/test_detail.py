"""Energy per octave against spectra that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gantoolkit.bench import suite as suites
from gantoolkit.bench import tables
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Record, Score, Target
from gantoolkit.metrics import bootstrap
from gantoolkit.metrics.base import EvalBatch
from gantoolkit.metrics.detail import OCTAVES, Detail, octave_energies

LUMA = np.array([0.299, 0.587, 0.114])


def noise(count: int, size: int = 64, seed: int = 0) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, size, size, generator=stream) / 4


def gray_waves(cycles: float, size: int = 64) -> torch.Tensor:
    """A wave of `cycles` per pixel along x, amplitude 0.5."""
    x = torch.arange(size, dtype=torch.float64)
    wave = 0.5 * torch.cos(2 * math.pi * cycles * x)
    return wave.expand(1, 3, size, size).float()


def values(images: torch.Tensor, truth: torch.Tensor) -> list[float]:
    metric = Detail()
    metric.update(EvalBatch(images, Target(truth), Condition(("",) * len(images))))
    return [score.value for score in metric.compute().values()]


@pytest.mark.parametrize("size", [64, 96, 128])
def test_white_noise_has_the_energy_of_its_bands(size):
    # E|DFT|² of white luma is σ² Σ window²; a periodic Hann window has the mean square 3/8
    variance = (LUMA**2).sum() / 16
    per_wave = variance * (3 / 8 * size) ** 2
    y, x = np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size))
    energies = octave_energies(noise(24, size)).mean(0)
    for energy, (low, high) in zip(energies, OCTAVES, strict=True):
        waves = ((np.hypot(x, y) > low) & (np.hypot(x, y) <= high)).sum()
        assert energy.item() == pytest.approx(per_wave * waves, rel=0.05)


@pytest.mark.parametrize("octave", [0, 1, 2])
def test_a_wave_lies_in_its_own_octave(octave):
    low, high = OCTAVES[octave]
    energies = octave_energies(gray_waves(0.75 * high))[0]
    # (amplitude/2)² of two peaks; Hann squared spreads over 3×3 bins of (1, ¼, ¼)² each
    side = 64 * 64 / 4  # sum of the window
    expected = 2 * (0.25 * side) ** 2 * (1 + 2 / 4) ** 2
    assert energies[octave].item() == pytest.approx(expected, rel=1e-5)
    others = [energies[other].item() for other in range(3) if other != octave]
    assert max(others) < 1e-8 * expected


def test_a_constant_picture_has_none_and_the_mean_does_not_matter():
    assert octave_energies(torch.full((1, 3, 64, 64), 0.7)).max() < 1e-12
    shifted = octave_energies(noise(1) + 0.4)
    torch.testing.assert_close(shifted, octave_energies(noise(1)), rtol=1e-5, atol=0)


def test_a_factor_is_squared_and_the_truth_has_one():
    assert values(noise(3), noise(3)) == pytest.approx([1, 1, 1])
    assert values(0.3 * noise(3), noise(3)) == pytest.approx([0.09] * 3, rel=1e-4)
    assert values(2 * noise(3), noise(3)) == pytest.approx([4] * 3, rel=1e-4)


def low_passed(images: torch.Tensor, highest: float) -> torch.Tensor:
    """Without the waves above `highest` cycles per pixel, by numpy."""
    size = images.shape[-1]
    y, x = np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size))
    spectrum = np.fft.fft2(images.numpy()) * (np.hypot(x, y) <= highest)
    return torch.from_numpy(np.fft.ifft2(spectrum).real).float()


def test_a_blur_of_the_finest_octave_alone():
    blurred = values(low_passed(noise(4), 0.25), noise(4))
    assert blurred[0] < 0.1 and blurred[1] == pytest.approx(1, abs=0.05)
    assert blurred[2] == pytest.approx(1, abs=1e-3)
    smooth = torch.nn.functional.avg_pool2d(noise(4), 3, 1, 1)
    assert values(smooth, noise(4)) == sorted(values(smooth, noise(4)))  # finest loses the most


def test_the_ratio_is_of_sums_over_all_images_in_any_batches():
    images, truth = torch.cat([noise(2), 3 * noise(1, seed=4)]), noise(3, seed=9)
    expected = octave_energies(images).sum(0) / octave_energies(truth).sum(0)
    assert values(images, truth) == pytest.approx(expected.tolist(), rel=1e-6)
    first, second = Detail(), Detail()
    for metric, rows in ((first, slice(0, 1)), (second, slice(1, 3))):
        count = len(images[rows])
        metric.update(EvalBatch(images[rows], Target(truth[rows]), Condition(("",) * count)))
    first.merge(second)
    found = [score.value for score in first.compute().values()]
    assert found == pytest.approx(expected.tolist(), rel=1e-6)
    assert first.compute()["detail_octave1"].n == 3


def test_an_interval_holds_the_value():
    metric = Detail()
    metric.replicates = 50
    weights = bootstrap.weights(range(16), 50)
    images, truth = noise(16), noise(16, seed=3)
    metric.update(EvalBatch(images, Target(truth), Condition(("",) * 16), weights=weights))
    score = metric.compute()["detail_octave2"]
    low, high = score.interval
    assert low < score.value < high and high - low < 0.3


def test_small_pictures_are_refused():
    with pytest.raises(UsageError, match="at least 32 pixels"):
        values(noise(1, 16), noise(1, 16))


def test_tables_rank_by_the_distance_from_one():
    rows = []
    for name, value in dict(soft=0.5, near=1.25, sharp=2.5, nearer=0.9).items():
        score = Score(value, 10, True, {"best": 1.0})
        record = Record(name, {"needs": ["text"]}, [], {}, 0, scores={name: {"detail": score}})
        rows.append(tables.MeasuredRow(suites.SuiteRow(name, name, {}), record))
    assert tables.ranks(rows, "detail") == {"nearer": 1, "near": 2}
    assert tables.arrow(rows, "detail") == "→ 1"
    assert score.better == "nearer to 1"
    assert Score(1.0, 1, True).arrow == "↑" and Score(1.0, 1, False).arrow == "↓"
