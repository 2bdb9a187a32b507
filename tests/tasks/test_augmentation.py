"""DiffAugment: each change by hand, the same on pairs, and gradients pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gantoolkit.core.errors import UsageError
from gantoolkit.tasks.gan.augmentation import (
    NUMBERS,
    DiffAugment,
    brighten,
    contrast,
    cut_out,
    saturate,
    translate,
)


def images(count: int = 4, channels: int = 3, size: int = 16) -> torch.Tensor:
    stream = torch.Generator().manual_seed(channels)
    return torch.rand(count, channels, size, size, generator=stream) * 2 - 1


def numbers(count: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, NUMBERS, generator=torch.Generator().manual_seed(seed))


def test_color_by_hand():
    x = images(2)
    by = torch.tensor([0.25, -0.5])
    torch.testing.assert_close(brighten(x, by)[1], x[1] - 0.5)
    gray = saturate(x, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(gray[0], x[0].mean(0, keepdim=True).expand(3, -1, -1))
    torch.testing.assert_close(gray[1], x[1])
    flat = contrast(x, torch.tensor([0.0, 2.0]))
    assert flat[0].std() < 1e-6 and flat[0].mean().item() == pytest.approx(x[0].mean().item())
    assert flat[1].std().item() == pytest.approx(2 * x[1].std().item(), rel=1e-5)


def test_translation_is_that_of_numpy():
    x = images(5)
    shifts = torch.tensor([[0, 0], [3, 0], [0, -2], [-5, 4], [16, 0]])
    moved = translate(x, shifts).numpy()
    for image, result, (down, right) in zip(x.numpy(), moved, shifts.tolist(), strict=True):
        padded = np.pad(image, ((0, 0), (16, 16), (16, 16)))
        rolled = np.roll(padded, (down, right), (1, 2))[:, 16:32, 16:32]
        np.testing.assert_array_equal(result, rolled)


def test_cutout_hides_a_square():
    x = torch.ones(2, 3, 16, 16)
    hidden = cut_out(x, torch.tensor([[0.5, 0.5], [0.0, 1.0]]), 0.5)
    expected = torch.ones(16, 16)
    expected[4:12, 4:12] = 0
    assert torch.equal(hidden[0, 0], expected)
    corner = torch.ones(16, 16)
    corner[:4, 12:] = 0
    assert torch.equal(hidden[1, 2], corner)


def test_strength_zero_is_the_identity():
    nothing = DiffAugment(color=0, translation=0, cutout=0)
    assert torch.equal(nothing(images(), numbers()), images())
    for only in ("color", "translation", "cutout"):
        strengths = {"color": 0.0, "translation": 0.0, "cutout": 0.0, only: 0.5}
        changed = DiffAugment(**strengths)(images(), numbers())
        assert changed.shape == images().shape and not torch.equal(changed, images())


def test_shifts_reach_both_sides_evenly():
    augment = DiffAugment(color=0, translation=0.125)
    u = torch.linspace(0, 1, 1001).repeat_interleave(2).view(-1, 2)
    shifts = augment._shifts(images(1), u)
    values, counts = shifts[:, 0].unique(return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    assert counts.max() - counts.min() <= 2


def test_pairs_are_changed_alike():
    augment = DiffAugment(color=1, translation=0.25, cutout=0.3)
    x = images(4, 3)
    pair = augment(torch.cat([x, x], 1), numbers())
    assert torch.equal(pair[:, :3], pair[:, 3:])
    torch.testing.assert_close(pair[:, :3], augment(x, numbers()))
    different = augment(torch.cat([x, images(4, 6)[:, :3]], 1), numbers())
    torch.testing.assert_close(different[:, :3], augment(x, numbers()))


def test_gradients_flow():
    augment = DiffAugment(color=0.8, translation=0.25, cutout=0.25)
    u = numbers(2, seed=3).double()
    x = images(2, 3, 8).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda y: augment(y, u), (x,))
    assert torch.autograd.gradgradcheck(lambda y: augment(y, u).square(), (x,))


def test_strengths_are_checked():
    with pytest.raises(UsageError, match="augmentation.cutout=2"):
        DiffAugment(cutout=2)
    with pytest.raises(UsageError, match="augmentation has no key 'colour'"):
        DiffAugment.of({"colour": 1})
