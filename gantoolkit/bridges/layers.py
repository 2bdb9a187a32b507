"""Layers of both networks of a bridge: codes from maps by map2style, and a stack of convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.networks.map2style import MapToStyle


class Styles(nn.Module):
    """Maps → L codes [B,L,w_dim]: one map2style trunk with L·w_dim outputs, or one block per style as in pSp.

    The last layers start at zero, so that an untrained network gives zeros.
    """

    def __init__(self, channels: int, size: int, width: int, num_ws: int, w_dim: int,
                 per_style: bool = False):
        super().__init__()
        self.num_ws, self.w_dim = num_ws, w_dim
        count, outputs = (num_ws, w_dim) if per_style else (1, num_ws * w_dim)
        self.blocks = nn.ModuleList(MapToStyle(channels, size, width, outputs) for _ in range(count))
        for block in self.blocks:
            nn.init.zeros_(block.linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        codes = torch.stack([block(x) for block in self.blocks], 1).float()
        return codes.reshape(len(x), self.num_ws, self.w_dim)


def conv_stack(channels: int, width: int, depth: int) -> nn.Sequential:
    """`depth` × (3×3 convolution, LeakyReLU(0.2)): [B,channels,H,W] → [B,width,H,W]."""
    layers: list[nn.Module] = []
    for n in range(depth):
        layers += [nn.Conv2d(width if n else channels, width, 3, 1, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps [B,C,·,·] at a common size: bilinear upwards, averages downwards."""
    if tuple(x.shape[-2:]) == size:
        return x
    if x.shape[-2] > size[0] or x.shape[-1] > size[1]:
        return F.adaptive_avg_pool2d(x, size)
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
