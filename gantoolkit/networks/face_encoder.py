"""A small encoder of faces into W, the shortest way to teach a generator: it sees the face that is wanted."""

from __future__ import annotations

import math

from torch import Tensor, nn


class FaceEncoder(nn.Module):
    """Faces [B,3,R,R] in −1..1 → w [B,w_dim]: stride-2 convolutions down to 4 × 4, then a linear layer.

    widths  channels after each halving; the last repeats where the resolution has more halvings
    """

    def __init__(self, resolution: int, w_dim: int, widths: tuple[int, ...] = (32, 64, 128, 192)):
        super().__init__()
        halvings = int(math.log2(resolution)) - 2
        sizes = [3, *(widths[min(i, len(widths) - 1)] for i in range(halvings))]
        layers: list[nn.Module] = []
        for narrow, wide in zip(sizes, sizes[1:]):
            layers += [nn.Conv2d(narrow, wide, 3, 2, 1), nn.GroupNorm(8, wide), nn.LeakyReLU(0.2)]
        self.convs = nn.Sequential(*layers)
        self.linear = nn.Linear(sizes[-1] * 16, w_dim)

    def forward(self, image: Tensor) -> Tensor:
        return self.linear(self.convs(image).flatten(1).float())
