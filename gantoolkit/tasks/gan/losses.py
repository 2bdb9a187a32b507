"""Losses of generators and discriminators with gradient penalties, and distances to known faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.types import Render
from gantoolkit.losses import OF_CODES

# -- the GAN game ----------------------------------------------------------------------------------


def discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, kind: str = "logistic"
) -> dict[str, Tensor]:
    """Return the terms of a discriminator's loss.

    kind  "logistic" and "hinge" have the halves "real" and "fake"; "rpgan" has one term, "pairs":
          each real logit is to exceed the fake logit beside it (Jolicoeur-Martineau 2019)

    >>> real, fake = torch.tensor([[2.0]]), torch.tensor([[0.5]])
    >>> {name: term.item() for name, term in discriminator_loss(real, fake, "hinge").items()}
    {'real': 0.0, 'fake': 1.5}
    """
    if kind == "rpgan":
        return {"pairs": F.softplus(fake_logits - real_logits).mean()}
    if kind == "hinge":
        return {
            "real": F.relu(1 - real_logits).mean(),
            "fake": F.relu(1 + fake_logits).mean(),
        }
    return {
        "real": F.softplus(-real_logits).mean(),
        "fake": F.softplus(fake_logits).mean(),
    }


def generator_loss(
    fake_logits: Tensor, kind: str = "logistic", real_logits: Tensor | None = None
) -> Tensor:
    """Return a generator's adversarial loss; "logistic" is the non-saturating one.

    real_logits  of the real images beside the generated ones; only "rpgan" reads them
    """
    if kind == "rpgan":
        return F.softplus(real_logits - fake_logits).mean()
    if kind == "hinge":
        return -fake_logits.mean()
    return F.softplus(-fake_logits).mean()


def r1_penalty(logits: Sequence[Tensor], inputs: Sequence[Tensor]) -> Tensor:
    """Sum E‖∇D(x)‖² over batches x of `inputs` and their `logits` (Mescheder et al. 2018).

    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> r1_penalty([2 * x.sum(1)], [x]).item()
    12.0
    """
    totals = [batch.sum() for batch in logits]
    gradients = torch.autograd.grad(totals, inputs, create_graph=True)
    penalties = []
    for gradient in gradients:
        sample_dims = tuple(range(1, gradient.ndim))
        penalties.append(gradient.square().sum(sample_dims).mean())
    return sum(penalties)


# -- distances to known faces ----------------------------------------------------------------------


def pyramid_loss(image: Tensor, target: Tensor, scales: int = 3) -> Tensor:
    """Return the L1 error of values and of neighbours' differences, summed over `scales` halvings.

    The differences make brows, eyes and mouth weigh more than flat skin, at a fraction of a
    network's cost.
    """
    error = image - target
    total = 0.0
    for scale in range(scales):
        if scale:
            error = F.avg_pool2d(error, 2)
        total = total + error.abs().mean()
        total = total + error.diff(dim=2).abs().mean()
        total = total + error.diff(dim=3).abs().mean()
    return total


def depth_loss(depth: Tensor, true_depth: Tensor) -> Tensor:
    """Return the L1 error of depth [B,1,r,r] where the face covers a whole cell of `true_depth`.

    true_depth  [B,1,R,R] with R a multiple of r; 0 is background
    """
    factor = true_depth.shape[-1] // depth.shape[-1]
    background = F.max_pool2d((true_depth <= 0).float(), factor)
    covered = (background == 0).float()
    error = (depth - F.avg_pool2d(true_depth, factor)).abs() * covered
    return error.sum() / covered.sum().clamp_min(1)


class ReconstructionLoss:
    """Compare renders with the faces that they should show.

    L = pyramid + raw · pyramid of the raw image + depth · depth error + perceptual

    raw         weight of EG3D's raw image
    depth       weight of EG3D's depth
    perceptual  a loss between images, with its own weight; or None
    """

    def __init__(self, raw: float, depth: float, perceptual: nn.Module | None):
        self.raw = raw
        self.depth = depth
        self.perceptual = perceptual

    def __call__(
        self, render: Render, target: Tensor, true_depth: Tensor | None, weight: float
    ) -> dict[str, Tensor]:
        """Return the terms times `weight`.

        target      faces −1..1 [b,3,R,R]
        true_depth  [b,1,R,R], 0 is background; None where the data has none
        """
        losses = {"pyramid": weight * pyramid_loss(render.image.float(), target)}
        if render.image_raw is not None and self.raw:
            small = F.interpolate(target, size=render.image_raw.shape[-2:], mode="area")
            error = pyramid_loss(render.image_raw.float(), small, 2)
            losses["raw"] = weight * self.raw * error
        if render.depth is not None and self.depth and true_depth is not None:
            error = depth_loss(render.depth.float(), true_depth)
            losses["depth"] = weight * self.depth * error
        if self.perceptual is not None:
            prepared = self.perceptual.prepare(target)
            distance = self.perceptual(render.image.float(), prepared)
            losses["perceptual"] = weight * self.perceptual.weight * distance
        return losses


def weighted_losses(
    terms: Mapping[str, nn.Module], image: Tensor, ws: Tensor, target: Tensor, mean_w: Tensor
) -> dict[str, Tensor]:
    """Return name → weighted loss of G(ws) (`image`) against `target`, and of ws against w̄.

    terms  components of kind `loss`; each says by `compares` whether it takes codes or images
    """
    losses = {}
    for name, term in terms.items():
        prepared = mean_w if term.compares == "code" else term.prepare(target)
        compared = ws if term.compares in OF_CODES else image
        losses[name] = term.weight * term(compared, prepared)
    return losses
