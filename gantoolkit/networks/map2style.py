"""map2style, the block with which pSp and both networks of a bridge turn a map into a style code."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class EqualLinear(nn.Module):
    """A linear layer whose weight is scaled by 1/√in at run time (equalised learning rate)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B,in] → [B,out]."""
        return F.linear(x, self.weight * self.scale, self.bias)


class MapToStyle(nn.Module):
    """map2style of pSp: stride-2 3×3 convolutions with LeakyReLU(0.01) down to 1×1, then one EqualLinear.

    inputs [B,channels,size,size] → [B,outputs]; `size` is halved (rounding up) until 1.
    """

    def __init__(self, channels: int, size: int, width: int, outputs: int | None = None):
        super().__init__()
        layers: list[nn.Module] = []
        while not layers or size > 1:
            layers += [nn.Conv2d(channels, width, 3, 2, 1), nn.LeakyReLU()]
            channels, size = width, (size + 1) // 2
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(width, outputs or width)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).flatten(1))
