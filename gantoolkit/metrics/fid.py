"""FID: the Fréchet distance between Gaussians fitted to features of results and of real images."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.metrics.base import EvalBatch, Metric

MAX_FEATURES = 512  # above which replicates would cost too much memory and time
SOURCES = {"fake": "image", "real": "image_gt"}


def frechet_distance(
    mean_a: Tensor,
    cov_a: Tensor,
    mean_b: Tensor,
    cov_b: Tensor,
) -> float:
    """‖μ_a − μ_b‖² + Tr Σ_a + Tr Σ_b − 2 Tr (Σ_a^½ Σ_b Σ_a^½)^½, by eigenvalues in float64.

    The symmetric form needs no matrix square root of a non-symmetric product. It stays exact when
    the covariances are singular (fewer images than features), where negative rounding errors are
    cut at 0.

    >>> mean, variance = torch.tensor([1.0]), torch.tensor([[4.0]])
    >>> frechet_distance(mean, variance, mean + 2, variance)
    4.0
    """
    mean_a, cov_a, mean_b, cov_b = (x.double() for x in (mean_a, cov_a, mean_b, cov_b))
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    mixed = torch.linalg.eigvalsh(root_a @ cov_b @ root_a)
    trace_of_root = mixed.clamp(min=0).sqrt().sum()
    shift = (mean_a - mean_b).square().sum()
    distance = shift + cov_a.trace() + cov_b.trace() - 2 * trace_of_root
    return max(0.0, float(distance))


def gaussian(n: Tensor, total: Tensor, outer: Tensor) -> tuple[Tensor, Tensor]:
    """Return (mean [D], unbiased covariance [D,D]) from the count, Σ x and Σ x xᵀ."""
    mean = total / n
    scatter = outer - n * torch.outer(mean, mean)
    return mean, scatter / (n - 1).clamp(min=1)


class FID(Metric):
    """Fréchet distance of `network`'s features; the real images are the targets of the same pass.

    Its size depends on network, resolution and n: compare only values that agree in all three.

    network  weights name of the network that gives features [B,D]
    resize   of Inception: 'clean', 'torch' or 'tf'

    >>> from gantoolkit.core.types import Condition, Target
    >>> from gantoolkit.networks.judge import Judge
    >>> metric = FID()
    >>> metric.network = Judge(resolution=32, widths=(8, 8, 8, 8), depths=(1, 1, 1, 1))
    >>> images = torch.rand(4, 3, 32, 32) * 2 - 1
    >>> metric.update(EvalBatch(images, Target(images), Condition(("",) * 4)))
    >>> score = metric.compute()["fid[judge]"]
    >>> abs(score.value) < 1e-6, score.n
    (True, 4)
    """

    name = "fid"
    output = "features"
    higher_is_better = False
    max_replicates = 100
    min_samples = 2  # one has no covariance

    def __init__(self, network: str = "judge", resize: str | None = None):
        super().__init__(network, resize=resize)

    def update(self, batch: EvalBatch) -> None:
        features_of = {}
        is_valid = batch.is_finite()
        for side, source in SOURCES.items():
            features_of[side] = self.network_output(batch, source).detach().double()
            is_valid = is_valid & torch.isfinite(features_of[side]).all(1)
        for side, features in features_of.items():
            features = torch.where(is_valid[:, None], features, 0)
            if features.shape[1] > MAX_FEATURES:
                self.replicates = 0
            self.add(batch, f"{side}_total", features)
            weights = batch.weights[:, : 1 + self.replicates].to(features)
            weighted = weights.T[:, :, None] * features  # [1+replicates,B,D]
            self._accumulate(f"{side}_outer", weighted.mT @ features)
        self.add(batch, "n", is_valid)
        self.add(batch, "skipped", ~is_valid)

    def compute_values(self) -> dict[str, Tensor]:
        distances = []
        for replicate, n in enumerate(self.sums["n"]):
            # a replicate of few samples may hold none
            distances.append(self._distance(replicate, n) if n > 0 else torch.nan)
        return {"": torch.tensor(distances, dtype=torch.float64)}

    def _distance(self, replicate: int, n: Tensor) -> float:
        gaussians = []
        for side in SOURCES:
            total = self.sums[f"{side}_total"][replicate]
            outer = self.sums[f"{side}_outer"][replicate]
            gaussians += gaussian(n, total, outer)
        return frechet_distance(*gaussians)

    def conditions(self) -> dict:
        skipped = round(float(self.sums["skipped"][0]))
        return {
            "features": self.sums["fake_total"].shape[1],
            "reference": "targets of this pass",
            **({"skipped": skipped} if skipped else {}),
        }
