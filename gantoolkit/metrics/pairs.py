"""Scores of image pairs: LPIPS, MS-SSIM, identity; and of an image with its caption or attributes."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.errors import UsageError
from gantoolkit.metrics.base import Mean, View
from gantoolkit.networks.perceptual import Perceptual, unit
from gantoolkit.types import Scores

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, fine to coarse
KERNEL = 11  # pixels of the Gaussian window


class LPIPS(Mean):
    """Perceptual distance between result and I^gt in the feature maps of `network`."""

    name, uses, higher_is_better = "lpips", "maps", False

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def values(self, view: View) -> Tensor:
        if hasattr(self.network, "distance"):  # the published LPIPS has learned weights of its own
            return self.network.distance(view.image, view.target.image_gt)
        first, second = (tuple(map(unit, self.of(view, what))) for what in ("image", "image_gt"))
        return Perceptual.between(first, second)


class MSSSIM(Mean):
    """Multi-scale structural similarity with I^gt (what the paper's column “SSIM” holds).

    Five scales need more than 160 pixels; smaller images use the scales that fit, with the exponents
    rescaled to sum to 1, and the score says how many.
    """

    name = "ms_ssim"

    def __init__(self):
        super().__init__(None)
        self.scales = 0

    def values(self, view: View) -> Tensor:
        from gantoolkit import compat  # noqa: F401  before torchmetrics
        from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as ms_ssim

        images, targets = ((x.float() + 1) / 2 for x in (view.image.clamp(-1, 1), view.target.image_gt))
        self.scales = scales_of(min(images.shape[-2:]))
        betas = tuple(b / sum(BETAS[:self.scales]) for b in BETAS[:self.scales])
        return ms_ssim(images, targets, gaussian_kernel=True, sigma=1.5, kernel_size=KERNEL, reduction="none",
                       data_range=1.0, betas=betas, normalize="relu").reshape(len(images))

    def compute(self) -> Scores:
        return self.score(self.sums["total"] / self.sums["n"], self.sums["n"], scales=self.scales)


def scales_of(side: int) -> int:
    """How many of the five scales fit an image of `side` pixels (each halves it; the window is 11 pixels)."""
    fitting = [n for n in range(1, 6) if side // max(1, n - 1)**2 > KERNEL - 1 and side >> (n - 1) >= KERNEL]
    if not fitting:
        raise UsageError(f"MS-SSIM needs images of at least {KERNEL} pixels, got {side}.")
    return max(fitting)


class IdentityToTruth(Mean):
    """Cosine between the faces of result and I^gt (`id_gt`, the table's column ID)."""

    name, uses = "id_gt", "identity"

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def values(self, view: View) -> Tensor:
        return (self.of(view) * self.of(view, "image_gt")).sum(1)


class IdentityWithoutText(Mean):
    """Cosine between the results with and without the prompt (`id_text`); needs both results."""

    name, uses = "id_text", "identity"

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def values(self, view: View) -> Tensor:
        if view.without_text is None:
            raise UsageError("The metric 'id_text' compares with the result for an empty prompt; "
                             "pass it as without_text, or drop the metric.")
        return (self.of(view) * self.of(view, "without_text")).sum(1)


class TextMatch(Mean):
    """Cosine between result and prompt in the judge's own text space."""

    name, uses = "text", "text"

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def values(self, view: View) -> Tensor:
        return (self.of(view) * self.network.read(view.condition.text)).sum(1)


class Attributes(Mean):
    """Share of the target's attributes that the judge reads off the result."""

    name, uses = "attributes", "attributes"

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def values(self, view: View) -> Tensor:
        known = self.network.attributes
        if not view.target.attributes:
            raise UsageError("The metric 'attributes' needs a data set with attributes; this one has none.")
        guesses = {k: v.argmax(1).tolist() for k, v in self.of(view).items()}
        shares = []
        for n, wanted in enumerate(view.target.attributes):
            hits = [known[k][guesses[k][n]] == str(v) for k, v in wanted.items() if k in known]
            shares.append(sum(hits) / max(1, len(hits)))
        return torch.tensor(shares, dtype=torch.float64)
