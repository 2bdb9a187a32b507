"""map2style: the block of pSp, and of both networks of a bridge, from a map to a style code."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class EqualLinear(nn.Module):
    """Linear layer whose weight is scaled by 1/√inputs at run time (equalized learning rate)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,inputs] to [B,outputs]."""
        return F.linear(x, self.weight * self.scale, self.bias)


class MapToStyle(nn.Module):
    """map2style of pSp: 3×3 convolutions of stride 2 down to 1×1, then an EqualLinear.

    channels  of the map [B,channels,size,size]
    size      of the map, halved (rounding up) until 1
    width     channels of the convolutions
    outputs   numbers of the style code (default: width)

    >>> MapToStyle(channels=4, size=8, width=16)(torch.zeros(2, 4, 8, 8)).shape
    torch.Size([2, 16])
    """

    def __init__(
        self,
        channels: int,
        size: int,
        width: int,
        outputs: int | None = None,
    ):
        super().__init__()
        layers: list[nn.Module] = []
        while not layers or size > 1:
            layers.append(nn.Conv2d(channels, width, 3, stride=2, padding=1))
            layers.append(nn.LeakyReLU())
            channels = width
            size = (size + 1) // 2
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(width, outputs or width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.convs(x).flatten(1)
        return self.linear(x)
