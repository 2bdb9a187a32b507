"""Conversions at the borders: label maps to one-hot masks, 8-bit pictures to tensors in −1..1 and back."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.labels import CLASSES, flip_table


def one_hot(labels: Tensor, classes: int = len(CLASSES)) -> Tensor:
    """Label map [B,H,W] of 0..classes−1 → mask [B,classes,H,W] of 0 and 1 (float32)."""
    index = labels.long().unsqueeze(1)
    mask = torch.zeros(len(labels), classes, *labels.shape[1:], device=labels.device)
    return mask.scatter_(1, index, 1.0)


def to_float(pictures: Tensor) -> Tensor:
    """uint8 0..255 → float −1..1."""
    return pictures.float().div_(127.5).sub_(1)


def to_uint8(images: Tensor) -> Tensor:
    """Float −1..1 (clamped) → uint8 0..255, rounded."""
    return images.detach().float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def flip_labels(labels: Tensor) -> Tensor:
    """Label maps [...,H,W] mirrored left to right; left and right eyes, brows and ears change their numbers."""
    table = torch.tensor(flip_table(), device=labels.device)
    return table[labels.long()].flip(-1).to(labels.dtype)
