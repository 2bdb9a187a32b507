"""Cameras for a finished latent: where they come from, side views, a turntable, and renders."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gantoolkit.core import files
from gantoolkit.core.camera import Frame, frame_of
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.types import Camera, Condition, Render
from gantoolkit.data.cameras import find_label_problem
from gantoolkit.data.face_zip import DEPTH_RANGE
from gantoolkit.generators.views import render_views

CAMERAS = ("label", "frontal", "estimate")
SIDE_YAW = 0.4  # radians: how far side views turn, as in EG3D's own samples
NOD_PITCH = 0.15  # radians: how far a turntable nods
DEPTH_UNIT = f"distance = value / 65535 * {DEPTH_RANGE:g}"


def side_views(base: Camera, count: int, frame: Frame = Frame()) -> list[Camera]:
    """Return `count` cameras [1]: the base view, then views from −SIDE_YAW to SIDE_YAW.

    These are level with faces in the generator's frame, and have the base view's intrinsics.
    """
    if count > 2:
        yaws = torch.linspace(-SIDE_YAW, SIDE_YAW, count - 1)
    else:
        yaws = torch.tensor([-SIDE_YAW])
    views = [base]
    for yaw in yaws[: count - 1]:
        pose = frame.facing(float(yaw)).cam2world.to(base.cam2world)
        views.append(Camera(pose, base.intrinsics))
    return views


def turntable(base: Camera, frames: int = 48, frame: Frame = Frame()) -> Camera:
    """Return one round of `frames` cameras that swing sideways and nod.

    They have the base view's intrinsics.
    """
    phase = torch.arange(frames) * (2 * math.pi / frames)
    camera = frame.facing(SIDE_YAW * phase.sin(), NOD_PITCH * phase.cos())
    intrinsics = base.intrinsics[:1].expand(frames, 3, 3)
    return Camera(camera.cam2world, intrinsics.to(camera.cam2world))


@torch.no_grad()
def render(generator, ws: Tensor, camera: Camera, batch: int = 8) -> Render:
    """Render one latent [1,L,w_dim] from all cameras [V], `batch` of them at a time."""
    batches = [camera[first : first + batch] for first in range(0, len(camera), batch)]
    renders = render_views(generator, ws, batches)
    images = torch.cat([render.image for render in renders])
    has_depth = renders[0].depth is not None
    depth = torch.cat([render.depth for render in renders]) if has_depth else None
    return Render(images, depth=depth, camera=camera)


def save_turntable(generator, ws: Tensor, base: Camera, path: Path, frames: int = 48) -> Path:
    """Render the turntable of one latent, and write it as GIF or MP4 by the suffix of `path`."""
    from gantoolkit.report import animation, pictures

    images = render(generator, ws, turntable(base, frames, frame_of(generator))).image
    return animation.save([pictures.image_picture(image) for image in images], path)


def picture_depth(render: Render) -> Tensor | None:
    """Return the depth of a render [B,1,R,R] at the size of its image; None in 2D.

    Generators make depth with fewer pixels; each is repeated, so that no distance is invented
    between a face and what is behind it.
    """
    if render.depth is None:
        return None
    return F.interpolate(render.depth, render.image.shape[-2:], mode="nearest")


def save_depth(render: Render, path: Path) -> Path:
    """Write the depth of a render [1] as 16-bit PNG: round(depth / 4 · 65535), 0 = background."""
    depth = picture_depth(render)
    assert depth is not None
    distances = depth[0, 0].detach().float().cpu().nan_to_num(0, 0, 0).numpy()
    counts = np.clip(np.round(distances / DEPTH_RANGE * 65535), 0, 65535).astype(np.uint16)
    content = io.BytesIO()
    Image.fromarray(counts).save(content, "PNG")
    return files.write_bytes(path, content.getvalue())


def rounded_label(camera: Camera) -> list[float]:
    """Return the 25 numbers of a camera [1] for a manifest."""
    return [round(number, 6) for number in camera.label[0].tolist()]


def camera_from(
    source: str, labels: Tensor | None, path: Path | None, frame: Frame = Frame()
) -> Camera:
    """Return the camera [1] of one input.

    source  one of CAMERAS: from its label file, straight ahead, or fitted to its label map
    labels  its label map [H,W], if it has one
    path    its file, beside which its label is
    frame   the generator's
    """
    if source == "frontal":
        return frame.facing()
    if source == "label":
        camera = read_camera_label(path) if path else None
        if camera is None:
            raise DataError(
                f"{path or 'This input'} has no camera label (dataset.json beside it, or a .json "
                "of its own name with 25 numbers); use --camera frontal or --camera estimate."
            )
        return camera
    if labels is None:
        raise UsageError(
            "--camera estimate reads the parts of a mask; "
            "with scribbles use --camera frontal or label."
        )
    from gantoolkit.data.pose import estimate

    yaw, pitch = estimate(labels[None])
    return frame.facing(yaw, pitch)


def estimate_camera(condition: Condition, generator) -> Camera | None:
    """The camera [B] to render a condition from; the `camera_for` of pipelines.

    It is the condition's own camera; else, for a 3D generator, one fitted to its mask, or straight
    ahead where there is no mask.
    """
    if condition.camera is not None or not generator.is_3d:
        return condition.camera
    from gantoolkit.data.pose import estimate

    if condition.mask is None:
        yaw = pitch = torch.zeros(len(condition))
    else:
        yaw, pitch = estimate(condition.mask.argmax(1).cpu())
    device = next(generator.parameters()).device
    return frame_of(generator).facing(yaw, pitch).to(device)


def default_source(has_mask: bool, path: Path | None) -> str:
    """Return 'label' where an input has one, else 'estimate' for masks, else 'frontal'."""
    if path is not None and read_camera_label(path) is not None:
        return "label"
    return "estimate" if has_mask else "frontal"


def read_camera_label(path: Path) -> Camera | None:
    """Read the camera of an image: from STEM.json, or from dataset.json beside it or one folder up.

    DataError where such a file is broken.
    """
    own = path.with_suffix(".json")
    if own.exists():
        return _parse_camera(_read_json(own), own)
    for file in (path.parent / "dataset.json", path.parent.parent / "dataset.json"):
        if file.exists():
            numbers_by_stem = _dataset_labels(file)
            if path.stem in numbers_by_stem:
                return _parse_camera(numbers_by_stem[path.stem], file)
    return None


def _dataset_labels(file: Path) -> dict:
    """A dataset.json in EG3D's form: stem of an image → its 25 numbers."""
    content = _read_json(file)
    labels = content.get("labels") if isinstance(content, dict) else None
    try:
        return {Path(name).stem: numbers for name, numbers in labels or ()}
    except (TypeError, ValueError):
        raise DataError(
            f'{file} should hold {{"labels": [["file.png", [25 numbers]], …]}}; mend or remove it.'
        ) from None


@lru_cache(maxsize=8)
def _read_json(file: Path):
    return files.read_json(file)


def _parse_camera(content, file: Path) -> Camera:
    """25 numbers, or {"camera": 25 numbers}."""
    numbers = content.get("camera") if isinstance(content, dict) else content
    try:
        label = np.asarray(numbers, np.float64)
    except (TypeError, ValueError):
        label = np.empty(0)
    problem = find_label_problem(label.ravel())
    if problem:
        raise DataError(
            f"{file} should hold 25 numbers of a camera, cam2world (16), then intrinsics (9), "
            f"but {problem}."
        )
    return Camera.from_label(torch.from_numpy(label).float().reshape(1, 25))
