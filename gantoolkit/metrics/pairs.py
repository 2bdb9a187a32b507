"""Scores of image pairs: LPIPS, SSIM and MS-SSIM between result and I^gt."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from gantoolkit.core.errors import UsageError
from gantoolkit.metrics.base import EvalBatch, MeanMetric
from gantoolkit.networks.perceptual import Perceptual, unit_length

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, fine to coarse
WINDOW = 11  # pixels of the Gaussian window
SSIM_OPTIONS = dict(
    gaussian_kernel=True, sigma=1.5, kernel_size=WINDOW, reduction="none", data_range=1.0
)


class LPIPS(MeanMetric):
    """Perceptual distance between result and I^gt in the feature maps of `network`.

    network  weights name of a network with a feature pyramid, or 'alex', 'vgg', 'squeeze'
             (the published LPIPS)

    >>> import torch
    >>> from gantoolkit.core.types import Condition, Target
    >>> from gantoolkit.networks.judge import Judge
    >>> metric = LPIPS()
    >>> metric.network = Judge(resolution=32, widths=(8, 8, 8, 8), depths=(1, 1, 1, 1))
    >>> images = torch.rand(4, 3, 32, 32) * 2 - 1
    >>> metric.update(EvalBatch(images, Target(images), Condition(("",) * 4)))
    >>> score = metric.compute()["lpips[judge]"]
    >>> score.value, score.higher_is_better
    (0.0, False)
    """

    name = "lpips"
    output = "maps"
    higher_is_better = False

    def __init__(self, network: str = "judge"):
        super().__init__(network)

    def values(self, batch: EvalBatch) -> Tensor:
        if hasattr(self.network, "distance"):  # the published LPIPS has learned weights of its own
            return self.network.distance(batch.image, batch.target.image_gt)
        result = [unit_length(maps) for maps in self.network_output(batch, "image")]
        truth = [unit_length(maps) for maps in self.network_output(batch, "image_gt")]
        return Perceptual.between(result, truth)


class MSSSIM(MeanMetric):
    """Multi-scale structural similarity with I^gt (what the paper's column “SSIM” holds).

    Five scales need 176 pixels. Smaller images use the scales that fit, with the exponents rescaled
    to sum to 1; the score's conditions say how many. At every scale only windows inside count.
    """

    name = "ms_ssim"

    def __init__(self):
        super().__init__(None)
        self.scales = 0

    def values(self, batch: EvalBatch) -> Tensor:
        import gantoolkit.core.compat  # noqa: F401  before torchmetrics

        from torchmetrics.functional.image import structural_similarity_index_measure as ssim

        images, targets = in_unit_range(batch)
        self.scales = scales_for(min(images.shape[-2:]))
        exponents = BETAS[: self.scales]
        betas = tuple(beta / sum(exponents) for beta in exponents)
        similarity = torch.ones(len(images), device=images.device)
        for beta in betas[:-1]:
            _, contrast = ssim(images, targets, return_contrast_sensitivity=True, **SSIM_OPTIONS)
            similarity = similarity * contrast.relu() ** beta
            images, targets = avg_pool2d(images, 2), avg_pool2d(targets, 2)
        return similarity * inner_ssim(images, targets).relu() ** betas[-1]

    def conditions(self) -> dict:
        return {**super().conditions(), "scales": self.scales}


class SSIM(MeanMetric):
    """Structural similarity with I^gt at full resolution (Gaussian window of 11 pixels, σ 1.5)."""

    name = "ssim"

    def __init__(self):
        super().__init__(None)

    def values(self, batch: EvalBatch) -> Tensor:
        return inner_ssim(*in_unit_range(batch))


def inner_ssim(images: Tensor, targets: Tensor) -> Tensor:
    """Return SSIM [B] of images 0..1 over the windows that lie inside of them.

    Windows beyond the border do not count, as in Wang's and scikit-image's code.
    """
    import gantoolkit.core.compat  # noqa: F401  before torchmetrics

    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    _, similarity = ssim(images, targets, return_full_image=True, **SSIM_OPTIONS)
    border = WINDOW // 2
    return similarity[..., border:-border, border:-border].mean((1, 2, 3))


def in_unit_range(batch: EvalBatch) -> tuple[Tensor, Tensor]:
    """Return result and truth in 0..1."""
    image = (batch.image.clamp(-1, 1).float() + 1) / 2
    truth = (batch.target.image_gt.float() + 1) / 2
    return image, truth


def scales_for(side: int) -> int:
    """Count the scales of MS-SSIM, at most five, that fit an image of `side` pixels.

    Each scale halves the image, which must still hold the window.

    >>> scales_for(256), scales_for(64)
    (5, 3)
    """
    fitting = []
    for scales in range(1, 6):
        halvings = scales - 1
        fits_torchmetrics = side // max(1, halvings) ** 2 > WINDOW - 1
        if fits_torchmetrics and side >> halvings >= WINDOW:
            fitting.append(scales)
    if not fitting:
        raise UsageError(f"MS-SSIM needs images of at least {WINDOW} pixels, got {side}.")
    return max(fitting)
