"""A small encoder of faces into W, with which pre-training teaches a generator."""

from __future__ import annotations

import math

from torch import Tensor, nn


class FaceEncoder(nn.Module):
    """Encode faces [B,3,R,R] in −1..1 as w [B,w_dim].

    Convolutions of stride 2 lead down to 4×4, then comes a linear layer.

    resolution  R, a power of 2
    w_dim       of the generator
    widths      channels after each halving; the last repeats where there are more halvings

    >>> import torch
    >>> FaceEncoder(resolution=16, w_dim=8, widths=(8,))(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 8])
    """

    def __init__(
        self,
        resolution: int,
        w_dim: int,
        widths: tuple[int, ...] = (32, 64, 128, 192),
    ):
        super().__init__()
        self.resolution = resolution
        self.code_shape = (w_dim,)
        halvings = int(math.log2(resolution)) - 2
        channels = 3
        layers: list[nn.Module] = []
        for halving in range(halvings):
            width = widths[min(halving, len(widths) - 1)]
            layers.append(nn.Conv2d(channels, width, 3, stride=2, padding=1))
            layers.append(nn.GroupNorm(8, width))
            layers.append(nn.LeakyReLU(0.2))
            channels = width
        self.convs = nn.Sequential(*layers)
        self.linear = nn.Linear(channels * 4 * 4, w_dim)

    def forward(self, image: Tensor) -> Tensor:
        x = self.convs(image).flatten(1)
        return self.linear(x.float())
