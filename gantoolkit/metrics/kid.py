"""KID: the squared maximum mean discrepancy of features, without bias in the number of samples."""

from __future__ import annotations

from torch import Tensor

from gantoolkit.metrics.feature_bank import FeatureBank


class KID(FeatureBank):
    """Unbiased squared MMD with the kernel (x·y/D + 1)³ over all pairs (Bińkowski et al. 2018).

    A replicate leaves out the pairs of a sample with itself, also where it was drawn repeatedly.

    >>> import torch
    >>> from gantoolkit.core.types import Condition, Target
    >>> from gantoolkit.metrics.base import EvalBatch
    >>> from gantoolkit.networks.judge import Judge
    >>> metric = KID(max_samples=100)
    >>> metric.network = Judge(resolution=32, widths=(8, 8, 8, 8), depths=(1, 1, 1, 1))
    >>> images = torch.rand(4, 3, 32, 32) * 2 - 1
    >>> metric.update(EvalBatch(images, Target(images), Condition(("",) * 4)))
    >>> list(metric.compute())
    ['kid[judge]']
    """

    name = "kid"
    higher_is_better = False

    def compute_values(self) -> dict[str, Tensor]:
        sample_ids, fake, real = self.first_samples()
        weights = self.weights(sample_ids)
        fake, real = fake.double(), real.double()
        within_fake = mean_over_pairs(weights, kernel(fake, fake))
        within_real = mean_over_pairs(weights, kernel(real, real))
        across = ((weights @ kernel(fake, real)) * weights).sum(1)
        across = across / weights.sum(1).square()
        return {"": within_fake + within_real - 2 * across}


def mean_over_pairs(weights: Tensor, values: Tensor) -> Tensor:
    """Average values [n,n] over pairs of different samples: [1+replicates]."""
    squares = weights.square()
    total = ((weights @ values) * weights).sum(1) - squares @ values.diagonal()
    pairs = weights.sum(1).square() - squares.sum(1)
    return total / pairs.clamp(min=1e-12)


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return (x·y/D + 1)³ [n,m] of features [n,D] and [m,D]."""
    return (x @ y.T / x.shape[1] + 1) ** 3
