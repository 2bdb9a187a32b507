"""Layers of both networks of a bridge: codes from maps by map2style, stacks of convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.types import FeatureShapes
from gantoolkit.networks.map2style import MapToStyle


class Styles(nn.Module):
    """Turn maps [B,channels,size,size] into L codes [B,L,w_dim] by map2style.

    One trunk with L·w_dim outputs, or one block per style as in pSp. The last layers start at zero,
    so that an untrained network gives zeros.
    """

    def __init__(
        self, channels: int, size: int, width: int, num_ws: int, w_dim: int, per_style: bool = False
    ):
        super().__init__()
        self.num_ws = num_ws
        self.w_dim = w_dim
        self.blocks = nn.ModuleList()
        if per_style:
            for _ in range(num_ws):
                self.blocks.append(MapToStyle(channels, size, width, w_dim))
        else:
            self.blocks.append(MapToStyle(channels, size, width, num_ws * w_dim))
        for block in self.blocks:
            nn.init.zeros_(block.linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        codes = torch.stack([block(x) for block in self.blocks], 1).float()
        return codes.reshape(len(x), self.num_ws, self.w_dim)


def conv_stack(channels: int, width: int, depth: int) -> nn.Sequential:
    """Build `depth` × (3×3 convolution, LeakyReLU(0.2)): [B,channels,H,W] → [B,width,H,W]."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers.append(nn.Conv2d(channels, width, kernel_size=3, stride=1, padding=1))
        layers.append(nn.LeakyReLU(0.2))
        channels = width
    return nn.Sequential(*layers)


class Pyramid(nn.Module):
    """Join h and all f^n into maps [B,width,·,·] of h's size, from the finest f^n to h.

    Each level is layer-normalized over channels and places first, because its scale changes with t.
    """

    def __init__(self, shapes: FeatureShapes, width: int):
        super().__init__()
        self.joins = nn.ModuleList()
        previous = 0  # channels that come from the finer levels
        for level in (*reversed(shapes.f), shapes.h):
            self.joins.append(conv_stack(level[0] + previous, width, 1))
            previous = width

    def forward(self, h: Tensor, f: Sequence[Tensor]) -> Tensor:
        x = None
        for join, level in zip(self.joins, (*reversed(f), h)):
            level = F.layer_norm(level, level.shape[1:])
            if x is not None:
                level = torch.cat([level, resize(x, tuple(level.shape[-2:]))], 1)
            x = join(level)
        return x


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps [B,C,·,·] to `size`: bilinear upwards, averages downwards."""
    if tuple(x.shape[-2:]) == size:
        return x
    if x.shape[-2] > size[0] or x.shape[-1] > size[1]:
        return F.adaptive_avg_pool2d(x, size)
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
