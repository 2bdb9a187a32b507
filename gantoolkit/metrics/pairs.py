"""Scores of image pairs: LPIPS, SSIM and MS-SSIM between result and I^gt."""

from __future__ import annotations

from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.metrics.base import EvalBatch, Mean
from gantoolkit.networks.perceptual import Perceptual, unit

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, fine to coarse
KERNEL = 11  # pixels of the Gaussian window


class LPIPS(Mean):
    """Perceptual distance between result and I^gt in the feature maps of `network`."""

    name, uses, higher_is_better = "lpips", "maps", False

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def values(self, view: EvalBatch) -> Tensor:
        if hasattr(self.network, "distance"):  # the published LPIPS has learned weights of its own
            return self.network.distance(view.image, view.target.image_gt)
        first, second = (tuple(map(unit, self.of(view, what))) for what in ("image", "image_gt"))
        return Perceptual.between(first, second)


class MSSSIM(Mean):
    """Multi-scale structural similarity with I^gt (what the paper's column “SSIM” holds).

    Five scales need 176 pixels; smaller images use the scales that fit, with the exponents rescaled to sum to 1,
    and the score says how many.
    """

    name = "ms_ssim"

    def __init__(self):
        super().__init__(None)
        self.scales = 0

    def values(self, view: EvalBatch) -> Tensor:
        import gantoolkit.core.compat  # noqa: F401  before torchmetrics

        from torchmetrics.functional.image import (
            multiscale_structural_similarity_index_measure as ms_ssim,
        )

        images, targets = unit_range(view)
        self.scales = scales_of(min(images.shape[-2:]))
        betas = tuple(b / sum(BETAS[: self.scales]) for b in BETAS[: self.scales])
        return ms_ssim(
            images,
            targets,
            gaussian_kernel=True,
            sigma=1.5,
            kernel_size=KERNEL,
            reduction="none",
            data_range=1.0,
            betas=betas,
            normalize="relu",
        ).reshape(len(images))

    def conditions(self) -> dict:
        return {**super().conditions(), "scales": self.scales}


class SSIM(Mean):
    """Structural similarity with I^gt at full resolution: Gaussian window of 11 pixels, σ 1.5, in 0..1."""

    name = "ssim"

    def __init__(self):
        super().__init__(None)

    def values(self, view: EvalBatch) -> Tensor:
        import gantoolkit.core.compat  # noqa: F401  before torchmetrics

        from torchmetrics.functional.image import structural_similarity_index_measure as ssim

        _, whole = ssim(
            *unit_range(view),
            gaussian_kernel=True,
            sigma=1.5,
            kernel_size=KERNEL,
            reduction="none",
            data_range=1.0,
            return_full_image=True,
        )
        edge = (
            KERNEL // 2
        )  # windows that reach beyond the image do not count, as in Wang's and scikit-image's code
        return whole[..., edge:-edge, edge:-edge].mean((1, 2, 3))


def unit_range(view: EvalBatch) -> tuple[Tensor, Tensor]:
    """Result and truth in 0..1."""
    return tuple((x.float() + 1) / 2 for x in (view.image.clamp(-1, 1), view.target.image_gt))


def scales_of(side: int) -> int:
    """How many of the five scales fit an image of `side` pixels (each halves it; the window is 11 pixels)."""
    fitting = [
        n
        for n in range(1, 6)
        if side // max(1, n - 1) ** 2 > KERNEL - 1 and side >> (n - 1) >= KERNEL
    ]
    if not fitting:
        raise UsageError(f"MS-SSIM needs images of at least {KERNEL} pixels, got {side}.")
    return max(fitting)
