"""FID: the Fréchet distance between Gaussians fitted to features of results and of real images."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.metrics.base import EvalBatch, Metric

WIDEST = 512  # features beyond which replicates would cost too much memory and time


def frechet_distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """‖μ_a − μ_b‖² + Tr Σ_a + Tr Σ_b − 2 Tr (Σ_a^½ Σ_b Σ_a^½)^½, by eigenvalues in float64.

    The symmetric form needs no matrix square root of a non-symmetric product, and stays exact when the
    covariances are singular (fewer images than features): negative rounding errors are cut at 0.
    """
    mean_a, cov_a, mean_b, cov_b = (x.double() for x in (mean_a, cov_a, mean_b, cov_b))
    values, vectors = torch.linalg.eigh(cov_a)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    mixed = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    distance = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * mixed
    return max(0.0, float(distance))


def gaussian(n: Tensor, total: Tensor, outer: Tensor) -> tuple[Tensor, Tensor]:
    """(mean [D], unbiased covariance [D,D]) from the count, Σ x and Σ x xᵀ."""
    mean = total / n
    return mean, (outer - n * torch.outer(mean, mean)) / (n - 1).clamp(min=1)


class FID(Metric):
    """Fréchet distance of `network`'s features; the real images are the targets of the same pass.

    Its size depends on network, resolution and n, so that it compares only with itself.
    """

    name, uses, higher_is_better, most_replicates = "fid", "features", False, 100

    def __init__(self, network: str = "judge", resize: str | None = None):
        super().__init__(network, resize=resize)

    def update(self, view: EvalBatch) -> None:
        for side, what in (("fake", "image"), ("real", "image_gt")):
            features = self.of(view, what).double()
            if features.shape[1] > WIDEST:
                self.replicates = 0
            self.add(view, f"{side}_total", features)
            weights = view.weights[:, : 1 + self.replicates].to(features)
            self._put(
                f"{side}_outer", (weights.T[:, :, None] * features).mT @ features
            )  # [1+replicates,D,D]
        self.add(view, "n", torch.ones(len(features), device=features.device))

    def finish(self) -> dict[str, Tensor]:
        values = [
            self._distance(r, n) if n > 0 else torch.nan for r, n in enumerate(self.sums["n"])
        ]
        return {
            "": torch.tensor(values, dtype=torch.float64)
        }  # a replicate of few samples may hold none

    def _distance(self, replicate: int, n: Tensor) -> float:
        totals, outers = (
            [self.sums[f"{side}_{kind}"][replicate] for side in ("fake", "real")]
            for kind in ("total", "outer")
        )
        fake, real = (gaussian(n, *sums) for sums in zip(totals, outers))
        return frechet_distance(*fake, *real)

    def conditions(self) -> dict:
        return {"features": self.sums["fake_total"].shape[1], "reference": "targets of this pass"}
