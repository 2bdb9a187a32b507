"""Pieces that the small networks share."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def fit(images: Tensor, size: int) -> Tensor:
    """Resize images [B,C,H,W] to size×size: box average when H and W are multiples, else bilinear.

    The bilinear filter is antialiased when it shrinks, so that a result does not depend on
    aliasing.
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


def resize_logits(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize logits [B,K,·,·] bilinearly to `size` (height, width), where they differ."""
    if logits.shape[-2:] == size:
        return logits
    return F.interpolate(logits.float(), size, mode="bilinear", align_corners=False)


def imagenet_normalize(images: Tensor) -> Tensor:
    """Bring images from −1..1 to the mean and deviation of ImageNet."""
    return channel_normalize(images / 2 + 0.5, IMAGENET_MEAN, IMAGENET_STD)


def channel_normalize(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Subtract the mean and divide by the deviation of each channel of [B,C,H,W]."""
    mean = images.new_tensor(mean).view(1, -1, 1, 1)
    std = images.new_tensor(std).view(1, -1, 1, 1)
    return (images - mean) / std


def conv_norm(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
) -> nn.Sequential:
    """Build convolution, batch norm, SiLU."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.SiLU())


class ResidualPair(nn.Module):
    """Two convolutions beside a shortcut; `stride` 2 halves the size in the first."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        first = conv_norm(inputs, outputs, 3, stride)
        second = conv_norm(outputs, outputs)
        self.body = nn.Sequential(first, second)
        if inputs == outputs and stride == 1:
            self.shortcut = nn.Identity()
        else:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)


def residual_stages(widths: tuple[int, ...]) -> list[ResidualPair]:
    """Build one ResidualPair per width, each but the first at half the size of the one before."""
    stages = []
    inputs = widths[0]
    for index, outputs in enumerate(widths):
        stages.append(ResidualPair(inputs, outputs, 1 if index == 0 else 2))
        inputs = outputs
    return stages
