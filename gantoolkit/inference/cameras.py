"""Cameras for a finished latent: the base view, side views, a turntable, and what they show."""

from __future__ import annotations

import io
import json
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
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
SIDE = 0.4  # radians: how far side views turn, as EG3D's own samples
NOD = 0.15  # radians: how far a turntable nods
DEPTH_UNIT = f"distance = value / 65535 * {DEPTH_RANGE:g}"


def side_views(base: Camera, count: int, frame: Frame = Frame()) -> list[Camera]:
    """`count` cameras [1]: the base view, then views from −SIDE to SIDE level with faces in the generator's frame."""
    turns = torch.linspace(-SIDE, SIDE, count - 1) if count > 2 else torch.tensor([-SIDE])
    return [base] + [_like(base, frame.facing(float(yaw))) for yaw in turns[: count - 1]]


def turntable(base: Camera, frames: int = 48, frame: Frame = Frame()) -> Camera:
    """One round of `frames` cameras that swing sideways and nod, with the base view's intrinsics."""
    turn = torch.arange(frames) * (2 * math.pi / frames)
    camera = frame.facing(SIDE * turn.sin(), NOD * turn.cos())
    return Camera(camera.cam2world, base.intrinsics[:1].expand(frames, 3, 3).to(camera.cam2world))


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
    """Write the turntable of one latent as GIF or MP4."""
    from gantoolkit.report import animation, pictures

    images = render(generator, ws, turntable(base, frames, frame_of(generator))).image
    return animation.save([pictures.image_picture(image) for image in images], path)


def save_depth(depth: Tensor, path: Path) -> Path:
    """Write a depth map [1,1,r,r] as 16-bit PNG: round(depth / 4 · 65535), 0 = background."""
    values = depth.detach().float().cpu().reshape(depth.shape[-2:]).nan_to_num(0, 0, 0).numpy()
    counts = np.clip(np.round(values / DEPTH_RANGE * 65535), 0, 65535).astype(np.uint16)
    content = io.BytesIO()
    Image.fromarray(counts).save(content, "PNG")
    return files.write_bytes(path, content.getvalue())


def rounded(camera: Camera) -> list[float]:
    """The 25 numbers of a camera [1] for a manifest."""
    return [round(v, 6) for v in camera.label[0].tolist()]


def camera_of(
    source: str, labels: Tensor | None, path: Path | None, frame: Frame = Frame()
) -> Camera:
    """The camera [1] of one input: its label file, straight ahead, or fitted to its label map [H,W].

    frame  the generator's
    """
    if source == "frontal":
        return frame.facing()
    if source == "label":
        label = read_label(path) if path else None
        if label is None:
            raise DataError(
                f"{path or 'This input'} has no camera label (dataset.json beside it, or a .json "
                "of its own name with 25 numbers); use --camera frontal or --camera estimate."
            )
        return label
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


def default_source(labels: Tensor | None, path: Path | None) -> str:
    """label where there is one, else estimate for masks, else frontal."""
    if path is not None and read_label(path) is not None:
        return "label"
    return "estimate" if labels is not None else "frontal"


def read_label(path: Path) -> Camera | None:
    """The 25 numbers of a picture: from `stem`.json, or from dataset.json beside it or one folder up."""
    own = path.with_suffix(".json")
    if own.exists():
        return _camera(_read(own), own)
    for file in (path.parent / "dataset.json", path.parent.parent / "dataset.json"):
        if file.exists():
            content = _read(file)
            labels = content.get("labels") if isinstance(content, dict) else None
            try:
                found = {Path(name).stem: numbers for name, numbers in labels or ()}
            except (TypeError, ValueError):
                raise DataError(
                    f'{file} should hold {{"labels": [["file.png", [25 numbers]], …]}}; mend or remove '
                    "it."
                ) from None
            if path.stem in found:
                return _camera(found[path.stem], file)
    return None


@lru_cache(maxsize=8)
def _read(file: Path):
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is not readable JSON ({error}).") from None


def _camera(numbers, file: Path) -> Camera:
    numbers = numbers.get("camera") if isinstance(numbers, dict) else numbers
    try:
        label = np.asarray(numbers, np.float64)
    except (TypeError, ValueError):
        label = np.empty(0)
    if wrong := find_label_problem(label.ravel()):
        raise DataError(
            f"{file} should hold 25 numbers of a camera, cam2world (16), then intrinsics (9), but {wrong}."
        )
    return Camera.from_label(torch.from_numpy(label).float().reshape(1, 25))


def _like(base: Camera, camera: Camera) -> Camera:
    return Camera(camera.cam2world.to(base.cam2world), base.intrinsics)
