"""Whether a result's edges lie where the scribble has its lines."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.metrics.base import EvalBatch, Mean

LUMA = (0.299, 0.587, 0.114)


class Edges(Mean):
    """F-measure of Canny edges of the result against the scribble's pixels, mean over images (Martin et al. 2004).

    Precision is the share of edges within `tolerance` of a line, recall that of line pixels within it of an edge; scores
    edges (2PR / (P + R)), edges_precision and edges_recall. A result without edges has 0, an empty scribble is skipped.

    sigma      pixels of Canny's Gaussian
    tolerance  share of the picture's side
    """

    name = "edges"

    def __init__(self, sigma: float = 1.0, tolerance: float = 0.025):
        super().__init__(None)
        self.sigma, self.tolerance = sigma, tolerance

    def values(self, view: EvalBatch) -> dict[str, Tensor]:
        if view.condition.scribble is None:
            raise UsageError("Edge scores need scribbles; this data has none.")
        lines = view.condition.scribble[:, 0].cpu().numpy() > 0.5
        greys = torch.einsum("bchw,c->bhw", view.image.cpu() / 2 + 0.5, torch.tensor(LUMA)).numpy()
        found = [self.agreement(grey, line) for grey, line in zip(greys, lines, strict=True)]
        return {
            part: torch.tensor(values)
            for part, values in zip(("", "precision", "recall"), zip(*found))
        }

    def agreement(self, grey: np.ndarray, lines: np.ndarray) -> tuple[float, float, float]:
        """(F, precision, recall) of a grey picture [H,W] in 0..1 and the lines [h,w] that it should have."""
        from skimage.feature import canny
        from skimage.transform import resize

        if lines.shape != grey.shape:
            lines = resize(lines.astype(float), grey.shape, anti_aliasing=False) > 0.25
        if not lines.any():
            return (np.nan,) * 3
        edges = canny(grey, self.sigma)
        precision, recall = (
            (self._near(edges, lines), self._near(lines, edges)) if edges.any() else (0.0, 0.0)
        )
        total = precision + recall
        return 2 * precision * recall / total if total else 0.0, precision, recall

    def _near(self, points: np.ndarray, others: np.ndarray) -> float:
        """Share of `points` within the tolerance of `others`."""
        from scipy.ndimage import distance_transform_edt

        far = distance_transform_edt(~others)
        return float((far[points] <= self.tolerance * points.shape[-1]).mean())

    def conditions(self) -> dict:
        return {**super().conditions(), "sigma": self.sigma, "tolerance": self.tolerance}
