"""One sample: image, label map, scribble and camera at one size, cut by one square."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gantoolkit.core.camera import FFHQ_LEVEL, orbit_camera
from gantoolkit.core.errors import DataError, UsageError, warn_once
from gantoolkit.core.images import flip_labels
from gantoolkit.core.labels import ORDERS, PALETTE, flip_table
from gantoolkit.core.suggest import check_choice
from gantoolkit.data import cameras, landmarks, pose, scribbles
from gantoolkit.data.crop import CROPS, Square, crop_square
from gantoolkit.data.image_files import Note, open_image
from gantoolkit.data.label_doubts import SWAPPED
from gantoolkit.data.label_maps import read_native_label_map
from gantoolkit.data.prepare.problem import Problem
from gantoolkit.data.prepare.sources import SourceSample
from gantoolkit.data.rgb import BLACK, DEEP_MODES, read_rgb, to_rgb
from gantoolkit.data.user_scribbles import read_native_scribble, read_scribble, strokes_to_uint8

SCRIBBLES = ("pidinet", "canny", "drawings", "none")
CAMERAS = ("auto", "label", "photo", "mask", "frontal")
FORMATS = {
    "jpg": dict(format="JPEG", quality=97, subsampling=0),
    "png": dict(format="PNG"),
    "webp": dict(format="WEBP", quality=95, method=4),
}
POSE_SIZE = 128  # pixels of the label map that a camera is fitted to
SHAPE_TOLERANCE = 0.02  # by which the aspect ratios of an image and its mask may differ


@dataclass(frozen=True)
class PrepareConfig:
    """Everything beside the files that decides what is made."""

    resolution: int = 512
    order: str = "celebamask"  # of the numbers in label maps: a name of core.labels.ORDERS
    swap_sides: bool = False  # l_* parts of the source are the viewer's left
    crop: str = "none"  # one of CROPS
    scribble: str = "pidinet"  # one of SCRIBBLES
    pidinet: str = "pidinet"  # weights
    preprocessing: str = "controlnet"  # of PiDiNet's input: one of scribbles.PREPROCESSING
    safe: bool = False  # quantize PiDiNet's edges, as the annotator's switch of this name
    detect: int = scribbles.DETECT_SIZE  # pixels at which edges are detected
    camera: str = "auto"  # one of CAMERAS; auto: label where there is one, else mask
    face_model: str = ""  # MediaPipe's model file, for cameras from photos; "": the library's own
    format: str = "jpg"  # of images: one of FORMATS
    mirror: bool = False  # every sample a second time, flipped
    device: str = "cpu"  # of PiDiNet

    def __post_init__(self):
        check_choice("scribble", self.scribble, SCRIBBLES)
        check_choice("camera", self.camera, CAMERAS)
        check_choice("format", self.format, FORMATS)
        check_choice("crop", self.crop, CROPS)
        check_choice("labels", self.order, ORDERS)
        if not 16 <= self.resolution <= 2048:
            raise UsageError(
                f"A resolution of {self.resolution} pixels makes no sense; choose 16 to 2048."
            )

    @property
    def cut_size(self) -> int:
        """Pixels at which the image is cut, so that edges are detected on a fine one."""
        detects_edges = self.scribble in ("pidinet", "canny")
        return max(self.resolution, self.detect) if detects_edges else self.resolution


@dataclass
class PreparedSample:
    """What one sample adds to a data set; or several, added up."""

    files: dict[str, bytes] = field(default_factory=dict)  # name in the zip → content
    cameras: list[tuple[str, list[float]]] = field(default_factory=list)  # (image name, label [25])
    records: list[dict] = field(default_factory=list)  # lines of samples.jsonl
    problems: list[Problem] = field(default_factory=list)

    def add(
        self,
        name: str,
        sample: SourceSample,
        config: PrepareConfig,
        image: np.ndarray,
        mask: np.ndarray,
        scribble: np.ndarray | None,
        camera: np.ndarray,
        camera_from: str,
    ) -> None:
        """Encode one sample under `name`."""
        file = f"image/{name}.{config.format}"
        self.files[file] = encode_image(image, **FORMATS[config.format])
        self.files[f"mask/{name}.png"] = encode_image(mask, PALETTE, format="PNG")
        if scribble is not None:
            self.files[f"scribble/{name}.png"] = encode_image(scribble, format="PNG")
        self.cameras.append((file, [float(value) for value in camera]))
        record = {"file": file, "captions": list(sample.captions), "attributes": {}}
        self.records.append({**record, "camera_from": camera_from})

    def extend(self, other: PreparedSample) -> None:
        """Add all of another."""
        self.files |= other.files
        self.cameras += other.cameras
        self.records += other.records
        self.problems += other.problems


def make_sample(sample: SourceSample, config: PrepareConfig) -> PreparedSample:
    """Make a sample from its files. Raises DataError where it cannot be made."""
    made = PreparedSample()

    def note(problem: str) -> None:
        made.problems.append(Problem(sample.name, problem))

    photo = read_rgb(sample.image, note=note)
    labels = read_sample_labels(sample, config, note)
    mask_scale = measure_mask_scale(photo.size, labels.shape)  # mask pixels per photo pixel
    points = None if sample.landmarks is None else np.array(sample.landmarks)
    if config.crop != "none" and points is None:
        in_photo_pixels = np.array(labels.shape[::-1]) / mask_scale
        points = landmarks.landmarks_of_label_map(labels) * in_photo_pixels

    square = crop_square(config.crop, photo.size, points)
    fine = square.cut(photo, config.cut_size)
    if fine.width == config.resolution:
        image = np.asarray(fine)
    else:
        image = np.asarray(square.cut(photo, config.resolution))
    mask_square = square.scaled(mask_scale)
    mask = np.asarray(mask_square.cut(Image.fromarray(labels), config.resolution, nearest=True))
    if not mask.any():
        raise DataError("its label map holds only background in the crop")
    scribble = make_scribble(sample, config, np.asarray(fine), square, photo.width, note)
    camera, camera_from = choose_camera(sample, config, image, mask)

    made.add(sample.name, sample, config, image, mask, scribble, camera, camera_from)
    if config.mirror:
        made.add(
            f"{sample.name}_mirror",
            sample,
            config,
            image[:, ::-1],
            flip_labels(torch.from_numpy(mask.copy())).numpy(),
            None if scribble is None else scribble[:, ::-1],
            cameras.mirror_label(camera),
            camera_from,
        )
    if config.camera not in ("auto", camera_from):
        note(f"no camera from {config.camera}; fitted to its {camera_from}")
    return made


# -- label maps ----------------------------------------------------------------------------------


def read_sample_labels(
    sample: SourceSample, config: PrepareConfig, note: Note = warn_once
) -> np.ndarray:
    """Read the label map [H,W] uint8 in our order at its own size, from part masks or one file.

    Raises DataError where there is none, or none that holds a part of a face.
    """
    if sample.parts:
        labels = merge_parts(sample.parts, note)
        if not labels.any():
            raise DataError(f"all of its {len(sample.parts)} part masks are empty")
    elif sample.mask is not None:
        labels = read_native_label_map(
            sample.mask, config.order, _without_sides(note) if config.swap_sides else note
        )
    else:
        raise DataError("it has no mask")
    if config.swap_sides:
        labels = np.array(flip_table(), np.uint8)[labels]
    return labels


def _without_sides(note: Note) -> Note:
    """Return a note that does not tell of swapped sides, which the user knows of."""
    return lambda text: None if SWAPPED in text else note(text)


def merge_parts(parts: Iterable[tuple[int, Path]], note: Note = warn_once) -> np.ndarray:
    """Merge part masks (class, file) to a label map [H,W]; later classes overwrite earlier ones."""
    labels = None
    for label, path in sorted(parts):
        blue = _read_part(path, note)
        if labels is None:
            labels = np.zeros(blue.shape, np.uint8)
        if blue.shape != labels.shape:
            raise DataError(
                f"{path} is {blue.shape[1]}×{blue.shape[0]} pixels, other parts are "
                f"{labels.shape[1]}×{labels.shape[0]}"
            )
        labels[blue != 0] = label
    return labels


def _read_part(path: Path, note: Note) -> np.ndarray:
    """Read what a part mask [H,W] holds: its blue channel, as published code reads it."""
    image = open_image(path, note)
    if image.mode in DEEP_MODES:
        return np.asarray(image)
    return np.asarray(to_rgb(image, path, BLACK, note))[..., 2]


def measure_mask_scale(size: tuple[int, int], shape: tuple[int, int]) -> float:
    """Return mask pixels per image pixel, of an image (width, height) and a mask [H,W]."""
    across = shape[1] / size[0]
    down = shape[0] / size[1]
    if abs(across / down - 1) > SHAPE_TOLERANCE:
        raise DataError(
            f"its image is {size[0]}×{size[1]} pixels but its mask {shape[1]}×{shape[0]}"
        )
    return across


# -- scribbles and cameras -----------------------------------------------------------------------


def make_scribble(
    sample: SourceSample,
    config: PrepareConfig,
    fine: np.ndarray,
    square: Square,
    photo_width: int,
    note: Note = warn_once,
) -> np.ndarray | None:
    """Make strokes [R,R] of 0..255, white on black; None where the config has none.

    fine    the cut image [S,S,3] uint8 on which edges are detected
    square  by which the sample is cut, in pixels of a photo of the width `photo_width`
    """
    size = config.resolution
    if config.scribble == "none":
        return None
    if config.scribble == "canny":
        return scribbles.canny_scribble(fine, size, config.detect)
    if config.scribble == "pidinet":
        network = _pidinet(config.pidinet, config.device)
        return scribbles.pidinet_scribble(
            fine, network, size, config.preprocessing, config.safe, config.detect
        )

    if sample.drawing is None:
        raise DataError("it has no drawing")
    if config.crop == "none":
        return strokes_to_uint8(read_scribble(sample.drawing, size, note)[0].numpy())
    strokes = read_native_scribble(sample.drawing, note)
    drawing = Image.fromarray((strokes * 255).astype(np.uint8))
    return np.asarray(square.scaled(drawing.width / photo_width).cut(drawing, size))


def choose_camera(
    sample: SourceSample, config: PrepareConfig, image: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, str]:
    """Return (label [25] in FFHQ's frame, where it is from): by the config, else from the mask."""
    if config.camera in ("auto", "label") and sample.camera is not None:
        label = np.array(sample.camera)
        if problem := cameras.find_label_problem(label):
            raise DataError(f"its camera label cannot be used: {problem}")
        return label, "label"
    if config.camera == "frontal":
        return orbit_camera(0.0, FFHQ_LEVEL).label[0].double().numpy(), "frontal"
    if config.camera == "photo":
        points = _face_mesh(config.face_model).points(image)
        if points is not None:
            indices, model = landmarks.mesh_landmarks()
            label, _ = cameras.fit_camera(points[indices], model)
            return label, "photo"

    small = Image.fromarray(mask).resize((POSE_SIZE, POSE_SIZE), Image.Resampling.NEAREST)
    yaw, pitch = pose.estimate(torch.from_numpy(np.array(small))[None])
    return orbit_camera(yaw, pitch + FFHQ_LEVEL).label[0].double().numpy(), "mask"


@lru_cache(maxsize=1)
def _pidinet(source: str, device: str):
    return scribbles.load_pidinet(source, device)


@lru_cache(maxsize=1)
def _face_mesh(model: str) -> landmarks.FaceMesh:
    return landmarks.FaceMesh(model)


def encode_image(values: np.ndarray, palette=None, **options) -> bytes:
    """Encode [H,W] or [H,W,3] uint8 as the bytes of a file.

    palette  RGB of every value, for a label map
    options  of Pillow's `save`: format, quality, …
    """
    image = Image.fromarray(np.ascontiguousarray(values))
    if palette is not None:
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette([channel for color in palette for channel in color])
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()
