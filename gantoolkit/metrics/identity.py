"""Whose face it is: cosines between identity embeddings. A face that the network does not find is skipped."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.metrics.base import EvalBatch, Mean


class _Identity(Mean):
    """An embedding that is NaN (no face found) makes its sample a skipped one.

    crop  of a network that does not find faces itself, as of the identity loss: 'ffhq' or 'eg3d'
    """

    uses, may_skip = "identity", True

    def __init__(self, network: str = "judge", crop: str | None = None):
        super().__init__(network, crop=crop)

    def conditions(self) -> dict:
        return super().conditions() | self.network_options

    def cosine(self, view: EvalBatch, first: str | int, second: str | int) -> Tensor:
        """[B]"""
        return (self.of(view, first) * self.of(view, second)).sum(1)


class IdentityToTruth(_Identity):
    """Cosine between the faces of result and I^gt (`id_gt`, the table's column ID)."""

    name = "id_gt"

    def values(self, view: EvalBatch) -> Tensor:
        return self.cosine(view, "image", "image_gt")


class IdentityWithoutText(_Identity):
    """Cosine between the results with and without the prompt (`id_text`); needs both results."""

    name = "id_text"

    def values(self, view: EvalBatch) -> Tensor:
        if view.without_text is None:
            raise UsageError(
                "The metric 'id_text' compares with the result for an empty prompt; "
                "pass it as without_text, or drop the metric."
            )
        return self.cosine(view, "image", "without_text")


class IdentityOverViews(_Identity):
    """Cosine between a 3D face seen from the scored camera and from each further view, mean over views."""

    name = "id_views"

    def values(self, view: EvalBatch) -> Tensor:
        if not view.views:
            raise UsageError(
                "The metric 'id_views' compares views of a 3D face; pass views, or drop the metric."
            )
        return torch.stack([self.cosine(view, "image", k) for k in range(len(view.views))]).mean(0)
