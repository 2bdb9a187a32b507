"""Whose face it is: cosines of identity embeddings. A face that the network misses is skipped."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.metrics.base import EvalBatch, MeanMetric


class IdentityMetric(MeanMetric):
    """Base of the cosines; a NaN embedding (no face found) skips its sample.

    network  weights name of the network that embeds faces
    crop     how faces are framed, for a network that does not find them itself: 'ffhq' or 'eg3d'
    """

    output = "identity"
    may_skip = True

    def __init__(self, network: str = "judge", crop: str | None = None):
        super().__init__(network, crop=crop)

    def conditions(self) -> dict:
        return super().conditions() | self.network_options

    def cosine(self, batch: EvalBatch, first: str | int, second: str | int) -> Tensor:
        """Return the cosine [B] of the faces in two sources of `batch.images`."""
        one = self.network_output(batch, first)
        other = self.network_output(batch, second)
        return (one * other).sum(1)


class IdentityToTruth(IdentityMetric):
    """Cosine between the faces of result and I^gt (`id_gt`, the table's column ID)."""

    name = "id_gt"

    def values(self, batch: EvalBatch) -> Tensor:
        return self.cosine(batch, "image", "image_gt")


class IdentityWithoutText(IdentityMetric):
    """Cosine between the results with and without the prompt (`id_text`); needs both results."""

    name = "id_text"

    def values(self, batch: EvalBatch) -> Tensor:
        if batch.without_text is None:
            raise UsageError(
                "The metric 'id_text' compares with the result for an empty prompt; "
                "pass it as without_text, or drop the metric."
            )
        return self.cosine(batch, "image", "without_text")


class IdentityOverViews(IdentityMetric):
    """Cosine of a 3D face from the scored camera and from each further view, mean over views."""

    name = "id_views"

    def values(self, batch: EvalBatch) -> Tensor:
        if not batch.views:
            raise UsageError(
                "The metric 'id_views' compares views of a 3D face; pass views, or drop the metric."
            )
        cosines = [self.cosine(batch, "image", index) for index in range(len(batch.views))]
        return torch.stack(cosines).mean(0)
