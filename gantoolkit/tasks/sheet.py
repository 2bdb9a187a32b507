"""The picture that tasks write of what they draw."""

from __future__ import annotations

from collections.abc import Iterable

from einops import rearrange
from torch import Tensor


def joined(rows: Iterable[Tensor]) -> Tensor:
    """Rows of images [columns,3,R,R] as one picture [3,rows·R,columns·R] in −1..1."""
    return rearrange(
        [row.cpu().clamp(-1, 1) for row in rows], "rows columns c h w -> c (rows h) (columns w)"
    )
