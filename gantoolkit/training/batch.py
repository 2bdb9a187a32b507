"""Randomness per sample: the same draw whatever the batch split, the number of processes or a resume."""

from __future__ import annotations

from functools import cached_property, lru_cache

import torch
from torch import Tensor


class SeededBatch:
    """Which samples one iteration takes, with a random stream of its own for each.

    Every call of a drawing method advances all streams alike, so that a sample's numbers depend on
    (run seed, iteration, turn, position in the global batch) alone.
    """

    def __init__(self, indices: Tensor, seeds: Tensor):
        self.indices = indices  # [b] int64, rows of the data set
        self.seeds = seeds  # [b] int64

    @cached_property
    def _streams(self) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in self.seeds.tolist()]

    @classmethod
    def of_iteration(
        cls, seed: int, iteration: int, phase: int, batch: int, size: int
    ) -> SeededBatch:
        """The global batch of an iteration: each epoch is a permutation of 0..size−1 drawn from `seed`."""
        first = iteration * batch
        indices = [
            _permutation(seed, p // size, size)[p % size] for p in range(first, first + batch)
        ]
        mix = torch.Generator().manual_seed((seed * 1_000_003 + iteration) * 31 + phase)
        seeds = torch.randint(2**62, (batch,), generator=mix)
        return cls(torch.tensor(indices), seeds)

    def __len__(self) -> int:
        return len(self.indices)

    def part(self, index: int, parts: int) -> SeededBatch:
        """The index-th of `parts` contiguous parts (for processes and for gradient accumulation)."""
        rows = torch.arange(len(self)).tensor_split(parts)[index]
        return SeededBatch(self.indices[rows], self.seeds[rows])

    def normal(self, *shape: int) -> Tensor:
        """Standard normals [b,*shape]."""
        return torch.stack([torch.randn(shape, generator=g) for g in self._streams])

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in 0..1, [b,*shape]."""
        return torch.stack([torch.rand(shape, generator=g) for g in self._streams])

    def integers(self, high: int) -> Tensor:
        """Integers 0..high−1, [b]."""
        return torch.stack([torch.randint(high, (), generator=g) for g in self._streams])


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, size: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed * 7919 + epoch)
    return torch.randperm(size, generator=generator).tolist()
