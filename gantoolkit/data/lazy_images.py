"""Images of a data set that are decoded when they are indexed, in place of one large tensor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

IN_MEMORY = 2.0  # gigabytes of one kind of image up to which a data set is decoded once and kept


def fits_memory(count: int, shape: tuple[int, ...], itemsize: int) -> bool:
    """Whether all images of a kind are kept: up to $GANTOOLKIT_DATA_GB (2) gigabytes."""
    limit = float(os.environ.get("GANTOOLKIT_DATA_GB") or IN_MEMORY)
    return count * int(np.prod(shape)) * itemsize <= limit * 1e9


class LazyImages:
    """Indexes like the tensor [N,…] that it stands for; every index decodes anew, in threads.

    read    index → array of one shape
    count   N
    finish  stacked arrays [b,…] → the tensor that callers get

    >>> read = lambda index: np.full((2, 2), index**2)
    >>> squares = LazyImages(read, count=4, finish=lambda batch: batch.float())
    >>> squares.shape
    torch.Size([4, 2, 2])
    >>> squares[[1, 3]][:, 0, 0]
    tensor([1., 9.])
    """

    def __init__(
        self, read: Callable[[int], np.ndarray], count: int, finish: Callable[[Tensor], Tensor]
    ):
        self.read = read
        self.count = count
        self.finish = finish

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(min(8, os.cpu_count() or 1))

    @cached_property
    def _first(self) -> Tensor:
        return self[[0]]

    @property
    def shape(self) -> torch.Size:
        return torch.Size((self.count, *self._first.shape[1:]))

    @property
    def dtype(self) -> torch.dtype:
        return self._first.dtype

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index) -> Tensor:
        if isinstance(index, int):
            return self._decode([range(self.count)[index]])[0]
        if isinstance(index, slice):
            return self._decode(list(range(self.count)[index]))
        indices = torch.as_tensor(index)
        if indices.dtype == torch.bool:
            indices = indices.nonzero().flatten()
        return self._decode([range(self.count)[i] for i in indices.tolist()])

    def _decode(self, indices: list[int]) -> Tensor:
        if not indices:
            return self._first[:0]
        if len(indices) == 1:
            arrays = [self.read(indices[0])]
        else:
            arrays = list(self._pool.map(self.read, indices))
        return self.finish(torch.from_numpy(np.stack(arrays)))

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(self.count))

    def split(self, size: int) -> Iterator[Tensor]:
        """Yield consecutive batches of `size` images, as `Tensor.split`."""
        return (self[first : first + size] for first in range(0, self.count, size))
