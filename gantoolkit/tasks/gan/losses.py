"""Terms of the generators' training: distances to a render, angles of cameras, pairs of views."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class Angles:
    """Yaw and pitch of camera labels, scaled to unit variance over the training data [b,2]."""

    def __init__(self, cameras: Tensor):
        self.scale = self._radians(cameras).std(0).clamp_min(1e-3)

    @staticmethod
    def _radians(cameras: Tensor) -> Tensor:
        x, y, z = cameras[:, 3], cameras[:, 7], cameras[:, 11]
        return torch.stack([torch.atan2(x, z), torch.atan2(y, torch.hypot(x, z))], 1)

    def __call__(self, cameras: Tensor) -> Tensor:
        return self._radians(cameras) / self.scale.to(cameras)


def pyramid(image: Tensor, target: Tensor, scales: int = 3) -> Tensor:
    """Mean absolute error plus that of the differences between neighbours, summed over halved resolutions.

    The differences make brows, eyes and mouth weigh more than flat skin, at a fraction of a network's cost.
    """
    error, total = image - target, 0.0
    for scale in range(scales):
        error = F.avg_pool2d(error, 2) if scale else error
        total = (
            total
            + error.abs().mean()
            + error.diff(dim=2).abs().mean()
            + error.diff(dim=3).abs().mean()
        )
    return total


def depth_error(depth: Tensor, true: Tensor) -> Tensor:
    """Mean absolute error where a whole cell of the true depth [B,1,R,R] (0 = background) is covered."""
    factor = true.shape[-1] // depth.shape[-1]
    in_manifold = (F.max_pool2d((true <= 0).float(), factor) == 0).float()
    error = (depth - F.avg_pool2d(true, factor)).abs() * in_manifold
    return error.sum() / in_manifold.sum().clamp_min(1)


def partners(data) -> Tensor:
    """For every row another view of the same person in the same state, where the data has one."""
    partner, groups = torch.arange(len(data)), {}
    for row, sample in enumerate(data.rows):
        groups.setdefault((sample["identity"], sample["state"]), []).append(row)
    for rows in groups.values():
        partner[torch.tensor(rows)] = torch.tensor(rows).roll(1)
    return partner
