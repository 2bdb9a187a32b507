"""Precision and recall of features by nearest-neighbor balls (Kynkäänniemi et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.metrics.feature_bank import FeatureBank


class Precision(FeatureBank):
    """Share of results inside a ball around a truth that reaches to its k-th neighbor.

    Replicates of the bootstrap resample which results count, not the balls.

    network      weights name of the network that gives features [B,D]
    max_samples  how many samples are compared
    neighbors    k

    >>> from gantoolkit.core.types import Condition, Target
    >>> from gantoolkit.metrics.base import EvalBatch
    >>> from gantoolkit.networks.judge import Judge
    >>> metric = Precision()
    >>> metric.network = Judge(resolution=32, widths=(8, 8, 8, 8), depths=(1, 1, 1, 1))
    >>> images = torch.rand(8, 3, 32, 32) * 2 - 1
    >>> metric.update(EvalBatch(images, Target(images), Condition(("",) * 8)))
    >>> metric.compute()["precision[judge]"].value
    1.0
    """

    name = "precision"

    def __init__(self, network: str = "judge", max_samples: int = 2000, neighbors: int = 3):
        super().__init__(network, max_samples)
        self.neighbors = neighbors

    def is_inside(self, fake: Tensor, real: Tensor) -> Tensor:
        """Say which samples count [n] bool."""
        return in_manifold(fake, real, self.neighbors)

    def compute_values(self) -> dict[str, Tensor]:
        sample_ids, fake, real = self.first_samples()
        weights = self.weights(sample_ids)
        return {"": weights @ self.is_inside(fake, real).double() / weights.sum(1)}

    def conditions(self) -> dict:
        return {**super().conditions(), "neighbours": self.neighbors}  # as records have it


class Recall(Precision):
    """Share of truths inside a ball around a result that reaches to its k-th neighbor."""

    name = "recall"

    def is_inside(self, fake: Tensor, real: Tensor) -> Tensor:
        return in_manifold(real, fake, self.neighbors)


def in_manifold(points: Tensor, reference: Tensor, neighbors: int) -> Tensor:
    """Say which points [n,D] lie in a ball around a row of `reference` [m,D]: [n] bool.

    Each ball reaches to the row's k-th nearest other row.

    >>> reference = torch.tensor([[0.0], [1.0], [2.0]])
    >>> in_manifold(torch.tensor([[2.5], [9.0]]), reference, neighbors=1).tolist()
    [True, False]
    """
    k = min(neighbors, len(reference) - 1)
    # the nearest row is the row itself
    radius = distances(reference, reference).kthvalue(k + 1, 1).values
    return (distances(points, reference) <= radius[None] * (1 + 1e-6)).any(1)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Return Euclidean distances [n,m], exact for equal rows."""
    return torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist")
