"""Losses of generators and discriminators: logistic with R1, distances to a render.

Also what the tasks of this folder need to know of their data: angles of cameras, pairs of views.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# -- the GAN game ----------------------------------------------------------------------------------


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> dict[str, Tensor]:
    """Return both halves of the logistic loss of a discriminator, "real" and "fake"."""
    return {
        "real": F.softplus(-real_logits).mean(),
        "fake": F.softplus(fake_logits).mean(),
    }


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return the non-saturating logistic loss of a generator."""
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


# -- distances to a render -------------------------------------------------------------------------


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


def weighted_losses(
    terms: Mapping[str, nn.Module], image: Tensor, ws: Tensor, target: Tensor, mean_w: Tensor
) -> dict[str, Tensor]:
    """Return name → weighted loss of G(ws) (`image`) against `target`, and of ws against w̄.

    terms  components of kind `loss`; each says by `compares` whether it takes codes or images
    """
    losses = {}
    for name, term in terms.items():
        compares_codes = term.compares == "code"
        value = term(ws, mean_w) if compares_codes else term(image, term.prepare(target))
        losses[name] = term.weight * value
    return losses


# -- cameras and views -----------------------------------------------------------------------------


class CameraAngles:
    """Yaw and pitch [b,2] of camera labels [b,25], scaled to unit variance over the training data."""

    def __init__(self, train_cameras: Tensor):
        self.scale = self._radians(train_cameras).std(0).clamp_min(1e-3)

    @staticmethod
    def _radians(cameras: Tensor) -> Tensor:
        x = cameras[:, 3]
        y = cameras[:, 7]
        z = cameras[:, 11]
        yaw = torch.atan2(x, z)
        pitch = torch.atan2(y, torch.hypot(x, z))
        return torch.stack([yaw, pitch], 1)

    def __call__(self, cameras: Tensor) -> Tensor:
        return self._radians(cameras) / self.scale.to(cameras)


def other_views(data) -> Tensor:
    """Return for every row of a FaceZip [N] another view of the same person in the same state.

    A row without another view gets itself.
    """
    groups: dict[tuple, list[int]] = {}
    for row, sample in enumerate(data.records):
        groups.setdefault((sample["identity"], sample["state"]), []).append(row)

    other = torch.arange(len(data))
    for group in groups.values():
        rows = torch.tensor(group)
        other[rows] = rows.roll(1)
    return other
