"""Conversions of images: label maps to one-hot masks and colors, 8-bit images to −1..1 and back."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.labels import CLASSES, PALETTE, flip_table


def one_hot(labels: Tensor, classes: int = len(CLASSES)) -> Tensor:
    """Turn label maps [B,H,W] of 0..classes−1 into masks [B,classes,H,W] of 0 and 1 (float32)."""
    index = labels.long().unsqueeze(1)
    mask = torch.zeros(len(labels), classes, *labels.shape[1:], device=labels.device)
    return mask.scatter_(1, index, 1.0)


def to_float(images: Tensor) -> Tensor:
    """Scale uint8 0..255 to float32 −1..1."""
    return images.float().div_(127.5).sub_(1)


def quantize(images: Tensor) -> Tensor:
    """Round images in −1..1 (clamped) to the whole numbers 0..255, still as float32."""
    return images.detach().float().add(1).mul(127.5).round().clamp(0, 255)


def to_uint8(images: Tensor) -> Tensor:
    """Round images in −1..1 (clamped) to uint8 0..255.

    >>> to_uint8(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([  0, 128, 255], dtype=torch.uint8)
    """
    return quantize(images).to(torch.uint8)


def colorize_labels(labels: Tensor) -> Tensor:
    """Paint label maps [...,H,W] in the colors of CelebAMask-HQ: uint8 RGB [...,H,W,3]."""
    palette = torch.tensor(PALETTE, dtype=torch.uint8, device=labels.device)
    return palette[labels.long()]


def flip_labels(labels: Tensor) -> Tensor:
    """Mirror label maps [...,H,W]; left and right eyes, brows and ears swap their labels."""
    table = torch.tensor(flip_table(), device=labels.device)
    return table[labels.long()].flip(-1).to(labels.dtype)
