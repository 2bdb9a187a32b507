"""Randomness per sample: the same numbers however a batch is split, and after a resume."""

from __future__ import annotations

from functools import cached_property, lru_cache

import torch
from torch import Tensor


class SeededBatch:
    """Which samples one iteration takes, with a random stream for each.

    Every call of `normal`, `uniform` or `integers` advances all streams alike, so that a sample's
    numbers depend only on (run seed, iteration, phase, position in the global batch).

    indices  [b] int64, samples of the data set
    seeds    [b] int64, one per stream

    >>> import torch
    >>> batch = SeededBatch.of_iteration(seed=0, iteration=5, phase=0, batch=4, size=100)
    >>> shards = [batch.shard(index, 2) for index in range(2)]
    >>> torch.equal(batch.normal(3), torch.cat([shard.normal(3) for shard in shards]))
    True
    """

    def __init__(self, indices: Tensor, seeds: Tensor):
        self.indices = indices
        self.seeds = seeds

    @cached_property
    def streams(self) -> list[torch.Generator]:
        """One source of random numbers per sample."""
        return [torch.Generator().manual_seed(seed) for seed in self.seeds.tolist()]

    @classmethod
    def of_iteration(
        cls, seed: int, iteration: int, phase: int, batch: int, size: int
    ) -> SeededBatch:
        """Draw the global batch of an iteration; each epoch is a permutation of 0..size−1.

        phase  position of the phase within the iteration
        batch  number of samples
        size   number of samples in the data set
        """
        first = iteration * batch
        indices = []
        for position in range(first, first + batch):
            epoch, offset = divmod(position, size)
            indices.append(_permutation(seed, epoch, size)[offset])
        generator = torch.Generator().manual_seed((seed * 1_000_003 + iteration) * 31 + phase)
        seeds = torch.randint(2**62, (batch,), generator=generator)
        return cls(torch.tensor(indices), seeds)

    def __len__(self) -> int:
        return len(self.indices)

    def shard(self, index: int, count: int) -> SeededBatch:
        """Return one of `count` contiguous shards, for processes and for gradient accumulation."""
        positions = torch.arange(len(self)).tensor_split(count)[index]
        return SeededBatch(self.indices[positions], self.seeds[positions])

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normals [b,*shape]."""
        return torch.stack([torch.randn(shape, generator=stream) for stream in self.streams])

    def uniform(self, *shape: int) -> Tensor:
        """Draw uniformly from 0..1, [b,*shape]."""
        return torch.stack([torch.rand(shape, generator=stream) for stream in self.streams])

    def integers(self, high: int) -> Tensor:
        """Draw integers 0..high−1, [b]."""
        return torch.stack([torch.randint(high, (), generator=stream) for stream in self.streams])


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, size: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed * 7919 + epoch)
    return torch.randperm(size, generator=generator).tolist()
