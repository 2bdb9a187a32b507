"""What only 3D faces have: the error of their depth, and whether views agree with each other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.camera import sample_rays
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Camera
from gantoolkit.metrics.base import EvalBatch, MeanMetric

VISIBLE_WITHIN = 0.03  # scene units that a visible point may differ from a view's own depth


class Depth(MeanMetric):
    """Mean depth error over the true face along the ray, in scene units (a face is about 0.5 wide).

    `depth_abs` is the plain error; `depth_shape` is taken after each face's median offset is
    removed. The truth is sampled at the result's raw resolution.
    """

    name = "depth"
    higher_is_better = False

    def __init__(self):
        super().__init__(None)

    def values(self, batch: EvalBatch) -> dict[str, Tensor]:
        if batch.depth is None or batch.target.depth is None:
            raise UsageError(
                "The metric 'depth' needs a 3D result and a data set with depth "
                "(`gantoolkit data render annyfaces --depth`); drop the metric."
            )
        rendered = batch.depth[:, 0].double()
        truth = batch.target.depth[:, None].double()
        truth = F.interpolate(truth, rendered.shape[-2:], mode="nearest-exact")[:, 0]

        absolute, shape = [], []
        for depth, true_depth in zip(rendered, truth):
            is_face = (true_depth > 0) & torch.isfinite(depth)
            offset = depth[is_face] - true_depth[is_face]
            absolute.append(offset.abs().mean())  # NaN, and skipped, where there is no face
            if len(offset):
                offset = (offset - offset.median()).abs()
            shape.append(offset.mean())
        return {"abs": torch.stack(absolute), "shape": torch.stack(shape)}


class Reprojection(MeanMetric):
    """Mean color difference, 0..1, of the same points in the scored view and in further views.

    A pixel's depth puts it into space; a further view's camera projects it. It counts where the
    label map says face and that view sees it: its own depth agrees within VISIBLE_WITHIN.
    """

    name = "reprojection"
    higher_is_better = False

    def __init__(self):
        super().__init__(None)

    def values(self, batch: EvalBatch) -> Tensor:
        camera = batch.condition.camera
        if not batch.views or batch.depth is None or camera is None:
            raise UsageError(
                "The metric 'reprojection' compares views of a 3D face; pass depth, views and the "
                "camera, or drop the metric."
            )
        size = batch.image.shape[-1]
        points = unproject(camera, resize_depth(batch.depth, size))
        labels = batch.labels()[:, None].float()
        labels = F.interpolate(labels, (size, size), mode="nearest")
        is_face = labels[:, 0].flatten(1) > 0

        total, count = 0.0, 0.0
        for view in batch.views:
            pixel, distance = project(view.camera, points)
            colors = sample_at(view.image, pixel)
            depth = sample_at(resize_depth(view.depth, size), pixel)[:, 0]
            is_inside = (pixel.abs() <= 1).all(-1)
            is_visible = is_face & is_inside & ((distance - depth).abs() < VISIBLE_WITHIN)
            difference = (batch.image.flatten(2) - colors).abs().mean(1) / 2
            total = total + (difference * is_visible).sum(1)
            count = count + is_visible.sum(1)
        return total / count  # NaN, and skipped, where no pixel is visible twice


def resize_depth(depth: Tensor, size: int) -> Tensor:
    """Resize a depth map [B,1,r,r] to [B,1,size,size]."""
    if depth.shape[-1] == size:
        return depth
    return F.interpolate(depth, (size, size), mode="bilinear")


def unproject(camera: Camera, depth: Tensor) -> Tensor:
    """Return world points [B,R²,3] at `depth` [B,1,R,R] along the rays of the pixels."""
    origins, directions = sample_rays(camera, depth.shape[-1])
    return origins + directions * depth.flatten(1)[..., None]


def project(camera: Camera, points: Tensor) -> tuple[Tensor, Tensor]:
    """Project points [B,P,3]: positions in −1..1 [B,P,2] (x right, y down), distances [B,P]."""
    origin = camera.cam2world[:, None, :3, 3]
    rotation = camera.cam2world[:, :3, :3]
    local = (points - origin) @ rotation
    plane = local @ camera.intrinsics.transpose(1, 2)
    depth = plane[..., 2:].clamp(min=1e-6)
    position = plane[..., :2] / depth * 2 - 1
    return position, local.norm(dim=-1)


def sample_at(maps: Tensor, position: Tensor) -> Tensor:
    """Read maps [B,C,H,W] at positions in −1..1 [B,P,2], bilinear: values [B,C,P]."""
    grid = position[:, None].float()
    values = F.grid_sample(maps.float(), grid, align_corners=False, padding_mode="border")
    return values[:, :, 0]
