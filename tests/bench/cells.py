"""Where the pictures of a sheet stand."""

from __future__ import annotations


def rows_of(picture, left, side) -> list[int]:
    """Tops of the rows of pictures: runs of `side` lines without white at the left end of a
    column of masks."""
    full = (picture[:, left : left + side] != 255).any(2).mean(1) > 0.95
    tops = [y for y in range(1, len(full)) if full[y] and not full[y - 1]]
    assert all(full[y : y + side].all() for y in tops)
    return tops


def cell(picture, top, left, side):
    """A cell at its own size again."""
    return picture[top : top + side, left : left + side][
        side // 64 :: side // 32, side // 64 :: side // 32
    ]
