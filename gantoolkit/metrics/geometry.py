"""What only 3D faces have: the error of their depth, and whether views agree with each other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.camera import sample_rays
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Camera
from gantoolkit.metrics.base import EvalBatch, Mean

SEEN = 0.03  # scene units by which a point may lie behind what a view sees at its place


class Depth(Mean):
    """Mean error over the true face of the distance along the ray, in scene units (a face is about 0.5 wide).

    `depth_abs` as it is; `depth_shape` after each face's median offset is taken out. The truth is sampled at the
    result's raw resolution.
    """

    name, higher_is_better = "depth", False

    def __init__(self):
        super().__init__(None)

    def values(self, view: EvalBatch) -> dict[str, Tensor]:
        if view.depth is None or view.target.depth is None:
            raise UsageError(
                "The metric 'depth' needs a 3D result and a data set with depth "
                "(`gantoolkit data render annyfaces --depth`); drop the metric."
            )
        found = view.depth[:, 0].double()
        truth = F.interpolate(
            view.target.depth[:, None].double(), found.shape[-2:], mode="nearest-exact"
        )[:, 0]
        errors, shapes = [], []
        for ours, theirs in zip(found, truth):
            face = (theirs > 0) & torch.isfinite(ours)
            offset = ours[face] - theirs[face]
            errors.append(offset.abs().mean())  # NaN, and skipped, where there is no face
            shapes.append((offset - offset.median()).abs().mean() if len(offset) else offset.mean())
        return {"abs": torch.stack(errors), "shape": torch.stack(shapes)}


class Reprojection(Mean):
    """Mean colour difference, 0..1, between pixels of the scored view and the same points in further views.

    A pixel's depth puts it into space, a further view's camera finds it there; it counts where that view sees it
    (its own depth agrees within SEEN) and where the label map says face.
    """

    name, higher_is_better = "reprojection", False

    def __init__(self):
        super().__init__(None)

    def values(self, view: EvalBatch) -> Tensor:
        camera = view.condition.camera
        if not view.views or view.depth is None or camera is None:
            raise UsageError(
                "The metric 'reprojection' compares views of a 3D face; pass depth, views and the "
                "camera, or drop the metric."
            )
        size = view.image.shape[-1]
        points = unproject(camera, enlarge(view.depth, size))
        face = (
            F.interpolate(view.labels()[:, None].float(), (size, size), mode="nearest")[
                :, 0
            ].flatten(1)
            > 0
        )
        total, count = 0.0, 0.0
        for other in view.views:
            place, distance = project(other.camera, points)
            colours, depth = (
                look_up(other.image, place),
                look_up(enlarge(other.depth, size), place)[:, 0],
            )
            seen = face & (place.abs() <= 1).all(-1) & ((distance - depth).abs() < SEEN)
            difference = (view.image.flatten(2) - colours).abs().mean(1) / 2
            total, count = total + (difference * seen).sum(1), count + seen.sum(1)
        return total / count  # NaN, and skipped, where no pixel is seen twice


def enlarge(depth: Tensor, size: int) -> Tensor:
    """A depth map [B,1,r,r] at size×size."""
    return depth if depth.shape[-1] == size else F.interpolate(depth, (size, size), mode="bilinear")


def unproject(camera: Camera, depth: Tensor) -> Tensor:
    """World points [B,R²,3] at `depth` [B,1,R,R] along the rays through the pixel centres."""
    origins, directions = sample_rays(camera, depth.shape[-1])
    return origins + directions * depth.flatten(1)[..., None]


def project(camera: Camera, points: Tensor) -> tuple[Tensor, Tensor]:
    """Where a camera sees world points [B,P,3]: places −1..1 [B,P,2] (x right, y down) and distances [B,P]."""
    local = (points - camera.cam2world[:, None, :3, 3]) @ camera.cam2world[:, :3, :3]
    plane = local @ camera.intrinsics.transpose(1, 2)
    return plane[..., :2] / plane[..., 2:].clamp(min=1e-6) * 2 - 1, local.norm(dim=-1)


def look_up(maps: Tensor, place: Tensor) -> Tensor:
    """Values [B,C,P] of maps [B,C,H,W] at places −1..1 [B,P,2], bilinear between pixel centres."""
    return F.grid_sample(
        maps.float(), place[:, None].float(), align_corners=False, padding_mode="border"
    )[:, :, 0]
