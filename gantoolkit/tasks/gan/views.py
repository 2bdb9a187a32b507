"""What the camera labels and the people of a data set tell: angles, and other views of a face."""

from __future__ import annotations

import torch
from torch import Tensor


class CameraAngles:
    """Yaw and pitch [b,2] of camera labels [b,25], with unit variance over the training data."""

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
