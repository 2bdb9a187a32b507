"""Perceptual distances: squared differences of unit-length features at several depths (Zhang et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def unit_length(maps: Tensor, eps: float = 1e-8) -> Tensor:
    """Features [B,C,H,W] scaled to length 1 along C at every place."""
    maps = maps.float()
    return maps * torch.rsqrt(maps.square().sum(1, keepdim=True) + eps)


class Perceptual(nn.Module):
    """d(a, b) = mean over levels n of mean over places of Σ_c (φ̂^n_c(a) − φ̂^n_c(b))².

    `trunk` is any module with `features(images −1..1) → tuple of maps`; it is frozen here. With
    non-negative features the distance lies in 0..2, otherwise in 0..4. `levels` picks depths.
    """

    def __init__(self, trunk: nn.Module, levels: tuple[int, ...] | None = None):
        super().__init__()
        self.trunk = trunk.eval().requires_grad_(False)
        self.levels = levels

    def train(self, mode: bool = True):
        """The trunk stays in eval mode: its batch statistics are part of the distance."""
        super().train(mode)
        self.trunk.eval()
        return self

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Unit-length maps of the chosen levels, which `between` compares."""
        maps = self.trunk.features(images)
        chosen = range(len(maps)) if self.levels is None else self.levels
        return tuple(unit_length(maps[n]) for n in chosen)

    @staticmethod
    def between(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> Tensor:
        """Distance [B] of two results of `features`."""
        return sum((a - b).square().sum(1).mean((1, 2)) for a, b in zip(first, second)) / len(first)

    def forward(self, images: Tensor, target: Tensor) -> Tensor:
        """Distance [B]; no gradient flows into `target`."""
        with torch.no_grad():
            wanted = self.features(target)
        return self.between(self.features(images), wanted)
