"""Which faces a task trains on, and which it holds out for its scores."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.data.face_zip import FaceZip


class HeldOutSplit:
    """Split faces into training rows and held-out rows.

    data      zip of faces to train on
    val       another zip, all of which is held out; None holds out the end of `data`
    held_out  rows at the end of `data` that are held out without `val`, at most a quarter of them
    """

    def __init__(self, data: str, val: str | None = None, held_out: int = 64):
        self.train = FaceZip(data)
        self.val = FaceZip(val) if val else self.train
        self.held_out = 0 if val else min(held_out, len(self.train) // 4)

    @property
    def train_size(self) -> int:
        """Number of training rows: the first ones of `train`."""
        return len(self.train) - self.held_out

    def held_out_rows(self, limit: int | None = None) -> tuple[FaceZip, Tensor]:
        """Return the held-out faces and their first `limit` rows (None: all rows).

        A set that is too small to hold any rows out gives its training rows.
        """
        first = self.train_size if self.held_out else 0
        last = len(self.val)
        if limit is not None:
            last = min(first + limit, last)
        return self.val, torch.arange(first, last)
