"""Means of the losses between two lines of the log."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core import distributed


class LossAverages:
    """Sum losses on the device, so that no iteration waits for them; average them at a log line.

    A checkpoint holds the sums too, so that a resumed run logs what an uninterrupted one does.
    """

    def __init__(self):
        self.sums: dict[str, list] = {}  # name → [sum, iterations]

    def __len__(self) -> int:
        return len(self.sums)

    def add(
        self, phase: str, losses: dict[str, Tensor], total: Tensor, weight: float, new: bool
    ) -> None:
        """Add the losses of one shard of a batch.

        weight  the shard's share of the batch
        new     whether the shard is the first of its iteration
        """
        named = {f"{phase}/{name.lstrip('_')}": value for name, value in losses.items()}
        for name, value in {**named, phase: total}.items():
            entry = self.sums.setdefault(name, [0.0, 0])
            entry[0] = entry[0] + value.detach().double() * weight
            entry[1] += int(new)

    def means(self, device: torch.device) -> dict[str, float]:
        """Average over iterations and processes, then start anew."""
        totals = self.totals(device)
        means = {name: total / max(1, self.sums[name][1]) for name, total in totals.items()}
        self.sums = {}
        return means

    def totals(self, device: torch.device) -> dict[str, float]:
        """Sum over processes; the device is waited for once."""
        names = sorted(self.sums)
        own = [float(self.sums[name][0]) for name in names]
        return dict(zip(names, distributed.all_reduce_sum(own, device)))

    def gather(self, device: torch.device) -> dict[str, float]:
        """Move the sums of all processes to rank 0, which writes them into a checkpoint."""
        totals = self.totals(device)
        for name, total in totals.items():
            self.sums[name][0] = total if distributed.is_main() else 0.0
        return totals

    def load(self, sums: dict[str, list]) -> None:
        """Take the sums of a checkpoint; rank 0 holds those of all processes."""
        self.sums = {
            name: [total if distributed.is_main() else 0.0, iterations]
            for name, (total, iterations) in sums.items()
        }
