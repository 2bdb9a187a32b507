"""One sample: image, label map, scribble and camera at one size, cut by one square."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from PIL import Image

from gantoolkit.core.camera import FFHQ_LEVEL, orbit_camera
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.images import flip_labels
from gantoolkit.core.labels import CLASSES, FLIP, ORDERS, PALETTE
from gantoolkit.core.suggest import check_choice
from gantoolkit.data import cameras, crop, landmarks, pose, scribbles
from gantoolkit.data.label_maps import open_image, read_native_label_map
from gantoolkit.data.prepare.problem import Problem
from gantoolkit.data.prepare.sources import SourceSample
from gantoolkit.data.user_scribbles import read_native_scribble, read_scribble

SCRIBBLES = ("pidinet", "canny", "drawings", "none")
CAMERAS = ("auto", "label", "photo", "mask", "frontal")
FORMATS = {
    "jpg": dict(format="JPEG", quality=97, subsampling=0),
    "png": dict(format="PNG"),
    "webp": dict(format="WEBP", quality=95, method=4),
}
POSE_SIZE = 128  # pixels of the label map that a camera is fitted to


@dataclass(frozen=True)
class PrepareConfig:
    """Everything beside the files that decides what is made."""

    resolution: int = 512
    order: str = "celebamask"  # of the numbers in label maps, core/labels.py's ORDERS
    swap_sides: bool = False  # l_* parts of the source are the viewer's left
    crop: str = "none"  # or ffhq, eg3d
    scribble: str = "pidinet"  # or canny, drawings, none
    pidinet: str = "pidinet"  # weights
    preprocessing: str = "controlnet"  # of PiDiNet's input; or original
    safe: bool = False
    detect: int = scribbles.DETECT
    camera: str = "auto"  # label where there is one, else mask; or label, photo, mask, frontal
    face_model: str = (
        ""  # MediaPipe's model file, for cameras from photos ("": the library's own mesh)
    )
    format: str = "jpg"  # of images; or png, webp
    mirror: bool = False  # every sample a second time, flipped
    device: str = "cpu"

    def __post_init__(self):
        for name, known in (
            ("scribble", SCRIBBLES),
            ("camera", CAMERAS),
            ("format", FORMATS),
            ("crop", crop.CROPS),
        ):
            check_choice(name, getattr(self, name), known)
        check_choice("labels", self.order, ORDERS)
        if not 16 <= self.resolution <= 2048:
            raise UsageError(
                f"A resolution of {self.resolution} pixels makes no sense; choose 16 to 2048."
            )


@dataclass
class PreparedSample:
    """Files of one sample (name in the zip → bytes), camera labels by image name, rows of samples.jsonl."""

    files: dict[str, bytes] = field(default_factory=dict)
    cameras: list[tuple[str, list[float]]] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def make(entry: SourceSample, recipe: PrepareConfig) -> PreparedSample:
    """The sample of `entry`; DataError where it cannot be made."""
    picture = open_image(entry.image).convert("RGB")
    labels = whole_labels(entry, recipe)
    factor = _factor(picture.size, labels.shape)
    five = entry.five if entry.five is None else np.array(entry.five)
    if recipe.crop != "none" and five is None:
        five = landmarks.landmarks_of_label_map(labels) * (np.array(labels.shape[::-1]) / factor)
    square = crop.square(recipe.crop, picture.size, five)
    fine = square.cut(
        picture,
        max(recipe.resolution, recipe.detect if recipe.scribble in ("pidinet", "canny") else 0),
    )
    image = np.asarray(
        fine if fine.width == recipe.resolution else square.cut(picture, recipe.resolution)
    )
    mask = np.asarray(
        square.scaled(factor).cut(Image.fromarray(labels), recipe.resolution, nearest=True)
    )
    if not mask.any():
        raise DataError("its label map holds background alone")
    strokes = _scribble(entry, recipe, np.asarray(fine), square, picture.width)
    camera, came = _camera(entry, recipe, image, mask)
    made = PreparedSample()
    _add(made, entry, recipe, entry.name, image, mask, strokes, camera, came)
    if recipe.mirror:
        flipped = flip_labels(torch.from_numpy(mask.copy())).numpy()
        _add(
            made,
            entry,
            recipe,
            f"{entry.name}_mirror",
            image[:, ::-1],
            flipped,
            None if strokes is None else strokes[:, ::-1],
            cameras.mirror_label(camera),
            came,
        )
    if came != recipe.camera and recipe.camera != "auto":
        made.problems.append(
            Problem(entry.name, f"no camera from {recipe.camera}; fitted to its {came}")
        )
    return made


# -- label maps --------------------------------------------------------------------------------------------


def whole_labels(entry: SourceSample, recipe: PrepareConfig) -> np.ndarray:
    """The label map [H,W] uint8 in our order, from part masks or one file, at its own size."""
    if entry.parts:
        labels = merge_parts(entry.parts)
    elif entry.mask is not None:
        labels = read_native_label_map(entry.mask, recipe.order)
    else:
        raise DataError("it has no mask")
    if recipe.swap_sides:
        table = np.arange(len(CLASSES), dtype=np.uint8)
        for a, b in FLIP:
            table[a], table[b] = b, a
        labels = table[labels]
    return labels


def merge_parts(parts) -> np.ndarray:
    """Part masks (class, file) → label map [H,W]; a later class overwrites an earlier one."""
    labels = None
    for label, path in sorted(parts):
        part = (
            np.asarray(open_image(path).convert("RGB"))[..., 2] != 0
        )  # the channel that published code reads
        labels = np.zeros(part.shape, np.uint8) if labels is None else labels
        if part.shape != labels.shape:
            raise DataError(
                f"{path} is {part.shape[1]}×{part.shape[0]} pixels, other parts are "
                f"{labels.shape[1]}×{labels.shape[0]}"
            )
        labels[part] = label
    return labels


def _factor(size: tuple[int, int], shape: tuple[int, int]) -> float:
    """Mask pixels per image pixel; both must have the same shape."""
    across, down = shape[1] / size[0], shape[0] / size[1]
    if abs(across / down - 1) > 0.02:
        raise DataError(
            f"its image is {size[0]}×{size[1]} pixels but its mask {shape[1]}×{shape[0]}"
        )
    return across


# -- scribbles and cameras ---------------------------------------------------------------------------------


def _scribble(
    entry: SourceSample, recipe: PrepareConfig, fine: np.ndarray, square: crop.Square, width: int
) -> np.ndarray | None:
    """Strokes [R,R] of 0..255, white on black; None where none are wanted. `width` is the whole picture's."""
    size = recipe.resolution
    if recipe.scribble == "none":
        return None
    if recipe.scribble == "canny":
        return scribbles.canny_scribble(fine, size, recipe.detect)
    if recipe.scribble == "pidinet":
        network = _pidinet(recipe.pidinet, recipe.device)
        return scribbles.pidinet_scribble(
            fine, network, size, recipe.preprocessing, recipe.safe, recipe.detect
        )
    if entry.drawing is None:
        raise DataError("it has no drawing")
    if recipe.crop == "none":
        return (read_scribble(entry.drawing, size)[0].numpy() * 255).round().astype(np.uint8)
    drawn = Image.fromarray((read_native_scribble(entry.drawing) * 255).astype(np.uint8))
    return np.asarray(square.scaled(drawn.width / width).cut(drawn, size))


def _camera(
    entry: SourceSample, recipe: PrepareConfig, image: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, str]:
    """(label [25] in FFHQ's frame, where it came from): as asked, else from the mask."""
    if recipe.camera in ("auto", "label") and entry.camera is not None:
        wrong = cameras.find_label_problem(np.array(entry.camera))
        if wrong:
            raise DataError(f"its camera label cannot be used: {wrong}")
        return np.array(entry.camera), "label"
    if recipe.camera == "frontal":
        return orbit_camera(0.0, FFHQ_LEVEL).label[0].double().numpy(), "frontal"
    if recipe.camera == "photo":
        points = _mesh(recipe.face_model).points(image)
        if points is not None:
            numbers, model = landmarks.mesh_landmarks()
            return cameras.fit_camera(points[numbers], model)[0], "photo"
    small = Image.fromarray(mask).resize((POSE_SIZE, POSE_SIZE), Image.Resampling.NEAREST)
    yaw, pitch = pose.estimate(torch.from_numpy(np.array(small))[None])
    return orbit_camera(yaw, pitch + FFHQ_LEVEL).label[0].double().numpy(), "mask"


@lru_cache(maxsize=1)
def _pidinet(source: str, device: str):
    return scribbles.load_pidinet(source, device)


@lru_cache(maxsize=1)
def _mesh(model: str) -> landmarks.FaceMesh:
    return landmarks.FaceMesh(model)


# -- files -------------------------------------------------------------------------------------------------


def _add(
    made: PreparedSample,
    entry: SourceSample,
    recipe: PrepareConfig,
    name: str,
    image,
    mask,
    strokes,
    camera,
    came: str,
) -> None:
    file = f"image/{name}.{recipe.format}"
    made.files[file] = encode(image, **FORMATS[recipe.format])
    made.files[f"mask/{name}.png"] = encode(mask, PALETTE, format="PNG")
    if strokes is not None:
        made.files[f"scribble/{name}.png"] = encode(strokes, format="PNG")
    made.cameras.append((file, [float(v) for v in camera]))
    made.rows.append(
        {"file": file, "captions": list(entry.captions), "attributes": {}, "camera_from": came}
    )


def encode(array: np.ndarray, palette=None, **options) -> bytes:
    """A picture [H,W] or [H,W,3] uint8 as bytes of a file."""
    picture, out = Image.fromarray(np.ascontiguousarray(array)), io.BytesIO()
    if palette is not None:
        picture = Image.frombytes("P", picture.size, picture.tobytes())
        picture.putpalette([v for colour in palette for v in colour])
    picture.save(out, **options)
    return out.getvalue()
