"""The picture that tasks write of what they generate."""

from __future__ import annotations

from collections.abc import Iterable

from einops import rearrange
from torch import Tensor


def image_grid(rows: Iterable[Tensor]) -> Tensor:
    """Join rows of images [columns,3,R,R] to one picture [3,rows·R,columns·R], clamped to −1..1.

    >>> import torch
    >>> image_grid([torch.zeros(4, 3, 8, 8), torch.ones(4, 3, 8, 8)]).shape
    torch.Size([3, 16, 32])
    """
    clamped = [row.cpu().clamp(-1, 1) for row in rows]
    return rearrange(clamped, "rows columns c h w -> c (rows h) (columns w)")
