"""Perceptual distances: squared differences of unit-length features (Zhang et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def unit_length(maps: Tensor, eps: float = 1e-8) -> Tensor:
    """Scale features [B,C,H,W] to length 1 along C at every pixel."""
    maps = maps.float()
    squared_length = maps.square().sum(1, keepdim=True)
    return maps * torch.rsqrt(squared_length + eps)


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
        maps = self.trunk.features(images)
        levels = range(len(maps)) if self.levels is None else self.levels
        return tuple(unit_length(maps[level]) for level in levels)

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
        return self.between(self.features(images), target_features)
