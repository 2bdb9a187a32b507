"""A small encoder of faces into W or W+, with which pre-training teaches a generator."""

from __future__ import annotations

import math

from torch import Tensor, nn

OFFSET_CHANNELS = 8  # of the maps that offsets are read off


class FaceEncoder(nn.Module):
    """Encode faces [B,3,R,R] in −1..1 as w [B,w_dim], or as ws [B,num_ws,w_dim].

    Convolutions of stride 2 lead down to 4×4, then comes a linear layer.

    resolution  R, a power of 2
    w_dim       of the generator
    widths      channels after each halving; the last repeats where there are more halvings
    num_ws      style codes of the generator: each is w plus an offset of its own, as in e4e, zero
                at the start; 0: w alone

    >>> import torch
    >>> FaceEncoder(resolution=16, w_dim=8, widths=(8,))(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 8])
    """

    def __init__(
        self,
        resolution: int,
        w_dim: int,
        widths: tuple[int, ...] = (32, 64, 128, 192),
        num_ws: int = 0,
    ):
        super().__init__()
        self.resolution = resolution
        self.code_shape = (num_ws, w_dim) if num_ws else (w_dim,)
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
        self.offsets = None
        if num_ws:
            self.offsets = nn.Sequential(
                nn.Conv2d(channels, OFFSET_CHANNELS, 1),
                nn.LeakyReLU(0.2),
                nn.Flatten(),
                nn.Linear(OFFSET_CHANNELS * 4 * 4, num_ws * w_dim),
            )
            nn.init.zeros_(self.offsets[-1].weight)
            nn.init.zeros_(self.offsets[-1].bias)

    def forward(self, image: Tensor) -> Tensor:
        maps = self.convs(image)
        w = self.linear(maps.flatten(1).float())
        if self.offsets is None:
            return w
        return w.unsqueeze(1) + self.offsets(maps).float().unflatten(1, self.code_shape)
