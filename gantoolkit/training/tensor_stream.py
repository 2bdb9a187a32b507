"""What a cache would hold, computed when it is asked for: for disks that are too small.

The values are those of the cache (halves and 8-bit images), so a streamed run learns the same; it
pays the whole denoising run for every sample that it has not read lately.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from gantoolkit.training.tensor_cache import digest


class Streamed:
    """`Cache` without a disk: the rows read last stay in memory, up to `memory_gb` gigabytes."""

    def __init__(self, key: dict, rows: int, memory_gb: float = 2.0, device: str = "cpu"):
        self.key = dict(key, rows=rows)
        self.rows = rows
        self.digest = digest(self.key)
        self.device = device
        self.limit = memory_gb * 1e9
        self.used = 0
        self.compute: Callable[[Tensor], dict[str, Tensor]] | None = None
        self._in_memory: OrderedDict[int, dict[str, Tensor]] = OrderedDict()  # oldest first

    def missing(self) -> list[int]:
        """List what is absent: nothing ever is."""
        return []

    def fill(
        self,
        compute,
        progress: Callable = lambda *_: None,
        name: str = "",
        row_bytes: int | None = None,
    ) -> int:
        """Remember how rows are computed; nothing is computed yet."""
        self.compute = compute
        return 0

    def read(self, name: str, rows: Tensor | Iterable[int], steps: Tensor | None = None) -> Tensor:
        """Read the tensor `name` of samples [b,…], or with `steps` [b] its entry along dim 1."""
        rows = torch.as_tensor(rows).tolist()
        tensors = self._tensors(rows)
        values = [tensors[row][name] for row in rows]
        if steps is not None:
            values = [value[int(step)] for value, step in zip(values, steps)]
        out = values[0].new_empty(len(rows), *values[0].shape)
        for target, value in zip(out, values):  # autocast on a CPU cannot stack halves
            target.copy_(value)
        return out

    def _tensors(self, rows: list[int]) -> dict[int, dict[str, Tensor]]:
        """Collect all tensors of some rows; those not in memory are computed in one batch."""
        tensors = {row: self._in_memory[row] for row in rows if row in self._in_memory}
        missing = sorted(set(rows) - tensors.keys())
        if missing:
            with torch.no_grad(), torch.autocast(self.device, enabled=False):
                computed = self.compute(torch.tensor(missing))
            computed = {name: value.detach().cpu() for name, value in computed.items()}
            for position, row in enumerate(missing):
                tensors[row] = {name: value[position].clone() for name, value in computed.items()}
                self._remember(row, tensors[row])
        for row in tensors:
            if row in self._in_memory:
                self._in_memory.move_to_end(row)
        return tensors

    def _remember(self, row: int, tensors: dict[str, Tensor]) -> None:
        """Keep a row in memory, in place of the oldest ones where it is full."""
        self._in_memory[row] = tensors
        self.used += _bytes(tensors)
        while self.used > self.limit and self._in_memory:
            _, oldest = self._in_memory.popitem(last=False)
            self.used -= _bytes(oldest)


def _bytes(tensors: dict[str, Tensor]) -> int:
    return sum(value.numel() * value.element_size() for value in tensors.values())
