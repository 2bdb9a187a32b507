"""Perceptual distances: squared differences of unit-length features (Zhang et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

EPS = 1e-8  # added to squared lengths


def unit_length(maps: Tensor, eps: float = EPS) -> Tensor:
    """Scale features [B,C,H,W] to length 1 along C at every pixel."""
    maps = maps.float()
    squared_length = maps.square().sum(1, keepdim=True)
    return maps * torch.rsqrt(squared_length + eps)


class UnitDistance(torch.autograd.Function):
    """Σ_c (a/‖a‖ − b)², mean over pixels: maps a, unit-length maps b [B,C,H,W] → [B].

    It is `unit_length` and `Perceptual.between` of one level; its backward pass is in closed form.
    """

    @staticmethod
    def forward(ctx, maps: Tensor, target: Tensor) -> Tensor:
        """Compute the distance; `target` gets no gradient."""
        ctx.dtype = maps.dtype
        maps = maps.float()
        inverse_length = (maps.square().sum(1, keepdim=True) + EPS).rsqrt()
        unit = maps * inverse_length
        difference = unit - target
        ctx.save_for_backward(unit, difference, inverse_length)
        return difference.square().sum(1).mean((1, 2))

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the maps: what is perpendicular to them."""
        unit, difference, inverse_length = ctx.saved_tensors
        pixels = unit.shape[2] * unit.shape[3]
        factor = inverse_length * (2 / pixels * gradient[:, None, None, None])
        along = (unit * difference).sum(1, keepdim=True)
        return torch.addcmul(difference, unit, along, value=-1).mul_(factor).to(ctx.dtype), None


class Perceptual(nn.Module):
    """d(a, b) = mean over levels n of mean over pixels of Σ_c (φ̂^n_c(a) − φ̂^n_c(b))².

    With non-negative features the distance lies in 0..2, otherwise in 0..4.

    trunk   any module with `features(images −1..1) → tuple of maps`; it is frozen here
    levels  indices of the maps that count (default: all)
    """

    def __init__(self, trunk: nn.Module, levels: tuple[int, ...] | None = None):
        super().__init__()
        self.trunk = trunk.eval().requires_grad_(False)
        self.levels = levels

    def train(self, mode: bool = True):
        """Leave the trunk in eval mode: its batch statistics are part of the distance."""
        super().train(mode)
        self.trunk.eval()
        return self

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return unit-length maps of the chosen levels, which `between` compares."""
        return tuple(unit_length(maps) for maps in self.maps(images))

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps of the chosen levels, of any length."""
        maps = self.trunk.features(images)
        levels = range(len(maps)) if self.levels is None else self.levels
        return [maps[level] for level in levels]

    def to_target(self, images: Tensor, target: tuple[Tensor, ...]) -> Tensor:
        """Return the distance [B] of images to what `features` returned of a target."""
        pairs = zip(self.maps(images), target, strict=True)
        distances = [UnitDistance.apply(maps, unit) for maps, unit in pairs]
        return torch.stack(distances).mean(0)

    @staticmethod
    def between(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> Tensor:
        """Return the distance [B] of two results of `features`."""
        total = 0
        for a, b in zip(first, second):
            squared = (a - b).square().sum(1)
            total = total + squared.mean((1, 2))
        return total / len(first)

    def forward(self, images: Tensor, target: Tensor) -> Tensor:
        """Return the distance [B]; no gradient flows into `target`."""
        with torch.no_grad():
            target_features = self.features(target)
        return self.to_target(images, target_features)
