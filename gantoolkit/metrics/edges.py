"""Whether a result's edges lie where the scribble has its lines."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.metrics.base import EvalBatch, MeanMetric

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Edges(MeanMetric):
    """F-measure of Canny edges of the result against the scribble's pixels (Martin et al. 2004).

    Precision is the share of edges within `tolerance` of a line, recall that of line pixels within
    it of an edge. The scores edges (2PR / (P + R)), edges_precision and edges_recall are means over
    images. A result without edges scores 0; a sample with an empty scribble is skipped.

    sigma      pixels of Canny's Gaussian
    tolerance  distance as a share of the image's side
    """

    name = "edges"

    def __init__(self, sigma: float = 1.0, tolerance: float = 0.025):
        super().__init__(None)
        self.sigma = sigma
        self.tolerance = tolerance

    def values(self, batch: EvalBatch) -> dict[str, Tensor]:
        if batch.condition.scribble is None:
            raise UsageError("Edge scores need scribbles; this data has none.")
        lines = batch.condition.scribble[:, 0].cpu().numpy() > 0.5
        unit_range = batch.image.cpu() / 2 + 0.5
        gray = torch.einsum("bchw,c->bhw", unit_range, torch.tensor(LUMA)).numpy()

        per_image = [self.agreement(image, line) for image, line in zip(gray, lines, strict=True)]
        f_measure, precision, recall = map(torch.tensor, zip(*per_image))
        return {"": f_measure, "precision": precision, "recall": recall}

    def agreement(self, gray: np.ndarray, lines: np.ndarray) -> tuple[float, float, float]:
        """Return (F, precision, recall) of a gray image [H,W] in 0..1 and lines [h,w]."""
        from skimage.feature import canny
        from skimage.transform import resize

        if lines.shape != gray.shape:
            lines = resize(lines.astype(float), gray.shape, anti_aliasing=False) > 0.25
        if not lines.any():
            return np.nan, np.nan, np.nan

        edges = canny(gray, self.sigma)
        if not edges.any():
            return 0.0, 0.0, 0.0
        precision = self._share_near(edges, lines)
        recall = self._share_near(lines, edges)
        total = precision + recall
        f_measure = 2 * precision * recall / total if total else 0.0
        return f_measure, precision, recall

    def _share_near(self, points: np.ndarray, others: np.ndarray) -> float:
        """Return the share of `points` within the tolerance of `others`, both [H,W] bool."""
        from scipy.ndimage import distance_transform_edt

        distances = distance_transform_edt(~others)
        return float((distances[points] <= self.tolerance * points.shape[-1]).mean())

    def conditions(self) -> dict:
        return {**super().conditions(), "sigma": self.sigma, "tolerance": self.tolerance}
