"""Read the next batch from disk in a thread, while the device works on the present one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from torch import Tensor


class Prefetcher:
    """Read ahead: `prefetch(rows, steps)` begins to read what `get(rows, steps)` then returns.

    read  (rows [b], steps [b]) → what lies on disk; must touch no device, because it runs beside
          the training thread
    """

    def __init__(self, read: Callable[[Tensor, Tensor], Any]):
        self.read = read
        self.hits = 0
        self._pool = ThreadPoolExecutor(1)
        self._pending: tuple[tuple, Future] | None = None

    def prefetch(self, rows: Tensor, steps: Tensor) -> None:
        """Begin to read a batch; an older one that nobody asked for is forgotten."""
        self._pending = _key(rows, steps), self._pool.submit(self.read, rows, steps)

    def get(self, rows: Tensor, steps: Tensor) -> Any:
        """Return the prefetched batch; any other is read now. Raises the error of `read`."""
        pending, self._pending = self._pending, None
        if pending is None or pending[0] != _key(rows, steps):
            return self.read(rows, steps)
        self.hits += 1
        return pending[1].result()


def _key(rows: Tensor, steps: Tensor) -> tuple:
    return tuple(rows.tolist()), tuple(steps.tolist())
