"""What a cache would hold, computed when it is asked for: for disks that are too small.

The values are those of the cache (halves and 8-bit images), so a streamed run learns the same; it pays the
whole denoising run for every sample that it has not seen lately.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from gantoolkit.training.tensor_cache import digest


class Streamed:
    """`Cache` without a disk: the rows of the last `memory_gb` gigabytes stay in memory."""

    def __init__(self, key: dict, rows: int, memory_gb: float = 2.0, device: str = "cpu"):
        self.key, self.rows = dict(key, rows=rows), rows
        self.digest, self.device = digest(self.key), device
        self.limit, self.used = memory_gb * 1e9, 0
        self.compute: Callable[[Tensor], dict[str, Tensor]] | None = None
        self._kept: OrderedDict[int, dict[str, Tensor]] = OrderedDict()

    def missing(self) -> list[int]:
        """Nothing ever is."""
        return []

    def fill(
        self,
        compute,
        progress: Callable = lambda *_: None,
        name: str = "",
        row_bytes: int | None = None,
    ) -> int:
        """Remember how rows are computed."""
        self.compute = compute
        return 0

    def read(self, name: str, rows: Tensor | Iterable[int], steps: Tensor | None = None) -> Tensor:
        """[b,…]: the tensor `name` of some samples, or with `steps` [b] its entry along dim 1."""
        rows = torch.as_tensor(rows).tolist()
        found = self._rows(rows)
        values = [found[row][name] for row in rows]
        if steps is not None:
            values = [value[int(step)] for value, step in zip(values, steps)]
        out = values[0].new_empty(
            len(rows), *values[0].shape
        )  # autocast on a CPU cannot stack halves
        for place, value in zip(out, values):
            place.copy_(value)
        return out

    def _rows(self, rows: list[int]) -> dict[int, dict[str, Tensor]]:
        """All tensors of some rows; what is not in memory is computed in one batch."""
        found = {row: self._kept[row] for row in rows if row in self._kept}
        todo = sorted(set(rows) - found.keys())
        if todo:
            with torch.no_grad(), torch.autocast(self.device, enabled=False):
                tensors = {k: v.detach().cpu() for k, v in self.compute(torch.tensor(todo)).items()}
            for place, row in enumerate(todo):
                found[row] = {k: v[place].clone() for k, v in tensors.items()}
                self._keep(row, found[row])
        for row in found:
            if row in self._kept:
                self._kept.move_to_end(row)
        return found

    def _keep(self, row: int, tensors: dict[str, Tensor]) -> None:
        size = sum(v.numel() * v.element_size() for v in tensors.values())
        self._kept[row], self.used = tensors, self.used + size
        while self.used > self.limit and self._kept:
            _, old = self._kept.popitem(last=False)
            self.used -= sum(v.numel() * v.element_size() for v in old.values())
