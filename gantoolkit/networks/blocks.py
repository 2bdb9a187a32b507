"""Pieces that the small networks share."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def fit(images: Tensor, size: int) -> Tensor:
    """Images [B,C,H,W] resized to size×size: box average when H and W are multiples, else bilinear.

    The bilinear filter is antialiased when it shrinks, so that a result does not depend on aliasing.
    """
    height, width = images.shape[-2:]
    if (height, width) == (size, size):
        return images
    if height % size == 0 and width % size == 0:
        return F.avg_pool2d(images, (height // size, width // size))
    shrinks = height > size or width > size
    return F.interpolate(
        images.float(), (size, size), mode="bilinear", align_corners=False, antialias=shrinks
    )


def conv_norm(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, SiLU."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.SiLU())


class ResidualPair(nn.Module):
    """Two convolutions beside a shortcut; `stride` halves the size in the first."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            conv_norm(inputs, outputs, 3, stride), conv_norm(outputs, outputs)
        )
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)
