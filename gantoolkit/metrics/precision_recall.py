"""Scores of two sets of features that need all pairs: KID, precision and recall. At most `limit` samples are kept."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.metrics import bootstrap
from gantoolkit.metrics.base import EvalBatch, Metric


class FeatureBank(Metric):
    """Keeps the features of result and truth of the first `limit` samples, in order of their numbers."""

    uses = "features"

    def __init__(self, network: str = "judge", limit: int = 2000, resize: str | None = None):
        super().__init__(network, resize=resize)
        self.limit, self.kept = limit, []  # (numbers [b], fake [b,D], real [b,D])

    def reset(self) -> None:
        self.kept = []

    def empty(self) -> bool:
        return not self.kept

    def update(self, view: EvalBatch) -> None:
        self.kept.append(
            (
                view.numbers.cpu(),
                self.of(view).detach().float().cpu(),
                self.of(view, "image_gt").detach().float().cpu(),
            )
        )
        if sum(len(part[0]) for part in self.kept) > 2 * self.limit:
            self.kept = [self._first()]

    def merge(self, other: FeatureBank) -> None:
        self.kept += other.kept

    def all_reduce(self) -> None:
        import torch.distributed as dist

        gathered: list = [None] * dist.get_world_size()
        dist.all_gather_object(gathered, [self._first()])
        self.kept = [part for parts in gathered for part in parts]

    def _first(self) -> tuple[Tensor, Tensor, Tensor]:
        """Everything kept, by number, cut to `limit`."""
        numbers, fake, real = (torch.cat(column) for column in zip(*self.kept))
        order = numbers.argsort(stable=True)[: self.limit]
        return numbers[order], fake[order], real[order]

    def count(self) -> int:
        return len(self._first()[0])

    def conditions(self) -> dict:
        return {"features": self.kept[0][1].shape[1], "most_samples": self.limit}

    def weights(self, numbers: Tensor) -> Tensor:
        """[1+replicates,n]"""
        return bootstrap.weights(numbers.tolist(), self.replicates).T


class KID(FeatureBank):
    """Unbiased squared MMD with the kernel (x·y/D + 1)³ over all kept pairs (Bińkowski et al. 2018).

    A replicate leaves out the pairs of a sample with itself, also where it was drawn more than once.
    """

    name, higher_is_better = "kid", False

    def finish(self) -> dict[str, Tensor]:
        numbers, fake, real = self._first()
        weights, fake, real = self.weights(numbers), fake.double(), real.double()
        within = [self._within(weights, kernel(x, x)) for x in (fake, real)]
        across = ((weights @ kernel(fake, real)) * weights).sum(1) / weights.sum(1).square()
        return {"": within[0] + within[1] - 2 * across}

    @staticmethod
    def _within(weights: Tensor, values: Tensor) -> Tensor:
        """Mean of the kernel over pairs of different samples [1+replicates]."""
        squares = weights.square()
        pairs = ((weights @ values) * weights).sum(1) - squares @ values.diagonal()
        return pairs / (weights.sum(1).square() - squares.sum(1)).clamp(min=1e-12)


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x·y/D + 1)³ [n,m]."""
    return (x @ y.T / x.shape[1] + 1) ** 3


class Precision(FeatureBank):
    """Share of results inside a ball around a truth that reaches to its k-th neighbour (Kynkäänniemi et al. 2019).

    Replicates resample which results count, not the balls.
    """

    name = "precision"

    def __init__(self, network: str = "judge", limit: int = 2000, neighbours: int = 3):
        super().__init__(network, limit)
        self.neighbours = neighbours

    def inside(self, fake: Tensor, real: Tensor) -> Tensor:
        """[n] bool"""
        return in_manifold(fake, real, self.neighbours)

    def finish(self) -> dict[str, Tensor]:
        numbers, fake, real = self._first()
        weights = self.weights(numbers)
        return {"": weights @ self.inside(fake, real).double() / weights.sum(1)}

    def conditions(self) -> dict:
        return {**super().conditions(), "neighbours": self.neighbours}


class Recall(Precision):
    """Share of truths inside a ball around a result that reaches to its k-th neighbour."""

    name = "recall"

    def inside(self, fake: Tensor, real: Tensor) -> Tensor:
        return in_manifold(real, fake, self.neighbours)


def in_manifold(points: Tensor, by: Tensor, neighbours: int) -> Tensor:
    """[n] bool: which points lie within the distance that some row of `by` has to its k-th nearest other row."""
    k = min(neighbours, len(by) - 1)
    radius = distances(by, by).kthvalue(k + 1, 1).values  # the nearest is the row itself
    return (distances(points, by) <= radius[None] * (1 + 1e-6)).any(1)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances [n,m], exact for equal rows."""
    return torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist")
