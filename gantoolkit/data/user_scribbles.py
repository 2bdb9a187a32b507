"""A user's scribble: any drawing as white strokes on black in 0..1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter
from torch import Tensor

from gantoolkit.core.errors import DataError
from gantoolkit.data.image_files import open_image
from gantoolkit.data.label_maps import decode_label_map, pad_square

# A photo has many pixels that are neither paper nor stroke, and little paper or much color.
HALFTONES = 0.2  # share of pixels that are neither
PAPER = 0.7  # share of pixels that are paper
COLOR = 0.025  # standard deviation of the channels around gray
# A label map has areas of few colors. It is looked at in few pixels, where lines have no inside.
LOOK_SIZE = 128  # pixels of the longer side
SPECK = 0.005  # share of pixels up to which a color is only a speck
AREAS = 0.12  # share of pixels that lie inside of areas
HIGH_PRECISION_MODES = ("I", "I;16", "I;16B", "I;16L", "F")  # of Pillow: gray beyond 8 bits


def read_scribble(path: str | Path, resolution: int) -> Tensor:
    """Read a drawing as strokes [1,resolution,resolution] in 0..1, white on black.

    Dark strokes on light paper are recognized (the median pixel is paper) and inverted; tinted
    paper becomes black. Drawings that are not square are padded. Sizes change by area, after which
    thin strokes are brightened so that they do not fade with the scale.
    """
    square = pad_square(read_native_scribble(path))
    return torch.from_numpy(resize_strokes(square, resolution))[None]


def read_native_scribble(path: str | Path) -> np.ndarray:
    """Read the strokes [H,W] in 0..1 at the drawing's size. Raises DataError for other images."""
    image = open_image(path)
    strokes = decode_strokes(image)
    if not (strokes > 0.25).any():
        hint = "it looks like a label map, which --mask takes" if strokes.any() else "it is empty"
        raise DataError(f"{path} holds no strokes: {hint}; draw white on black or black on white.")
    if is_label_map(image):
        raise DataError(
            f"{path} looks like a label map, which --mask takes, or like flat areas of paint; give "
            "outlines as strokes on plain paper."
        )
    if is_photo(image, strokes):
        raise DataError(
            f"{path} looks like a photo, not a drawing; give outlines as strokes on plain paper."
        )
    return strokes


def is_label_map(image: Image.Image) -> bool:
    """Whether an opened image is a few flat areas, as a label map is, rather than lines."""
    small = image.convert("RGB")
    small.thumbnail((LOOK_SIZE, LOOK_SIZE), Image.Resampling.NEAREST)
    try:
        values, _ = decode_label_map(small, "")
        fewest_colors = 3
    except DataError:  # not in the colors of CelebAMask-HQ; perhaps in others
        values = np.asarray(small, np.int64) @ (65536, 256, 1)
        fewest_colors = 4

    colors, counts = np.unique(values, return_counts=True)
    is_common = counts > SPECK * values.size
    is_inside = minimum_filter(values, 3) == maximum_filter(values, 3)  # of an area, not of a line
    is_inside &= values != colors[counts.argmax()]
    return (
        is_common.sum() >= fewest_colors
        and counts[is_common].sum() > 0.95 * values.size
        and is_inside.mean() > AREAS
    )


def is_photo(image: Image.Image, strokes: np.ndarray) -> bool:
    """Whether an image, decoded as `strokes`, is a photo or a painting rather than a drawing."""
    paper = float((strokes < 0.1).mean())
    halftones = float(((strokes > 0.1) & (strokes < 0.8)).mean())
    colors = np.asarray(image.convert("RGB"), np.float32) / 255
    gray = colors.mean(2, keepdims=True)
    color = float((colors - gray).std((0, 1)).mean())
    return halftones > HALFTONES and (paper < PAPER or color > COLOR)


def decode_strokes(image: Image.Image) -> np.ndarray:
    """Decode an opened image to strokes [H,W] float32 in 0..1, white on black."""
    colors = _put_on_paper(image)
    is_dark_on_light = float(np.median(colors.mean(2))) > 0.5
    if is_dark_on_light:  # the darkest channel, so that colored pens count
        darkest = colors.min(2)
        strokes = 1 - darkest
        ground = 1 - float(np.median(darkest))
    else:
        strokes = colors.max(2)
        ground = float(np.median(strokes))
    if ground > 0.02:
        strokes = (strokes - ground) / max(1 - ground, 1e-6)
    return np.clip(strokes, 0, 1).astype(np.float32)


def resize_strokes(strokes: np.ndarray, resolution: int) -> np.ndarray:
    """Resize [S,S] to [resolution,resolution]: smaller by area, larger bilinearly."""
    is_smaller = resolution < len(strokes)
    method = Image.Resampling.BOX if is_smaller else Image.Resampling.BILINEAR
    resized = np.array(Image.fromarray(strokes).resize((resolution, resolution), method))
    if is_smaller and (resized > 0.05).any():
        bright = float(np.quantile(resized[resized > 0.05], 0.9))
        resized = resized * min(max(1 / bright, 1.0), len(strokes) / resolution)
    return np.clip(resized, 0, 1).astype(np.float32)


def strokes_to_uint8(strokes: np.ndarray) -> np.ndarray:
    """Round strokes in 0..1 to uint8 0..255."""
    return (strokes * 255).round().astype(np.uint8)


def _put_on_paper(image: Image.Image) -> np.ndarray:
    """Return RGB [H,W,3] in 0..1; a transparent ground becomes the opposite of what is on it."""
    if image.mode in HIGH_PRECISION_MODES:
        gray = np.asarray(image, np.float64)
        gray = gray / _white_level(float(gray.max()))
        return np.repeat(np.clip(gray, 0, 1)[..., None], 3, 2)

    layers = np.asarray(image.convert("RGBA"), np.float64) / 255
    colors, alpha = layers[..., :3], layers[..., 3:]
    if (alpha == 1).all():
        return colors
    weight = float(alpha.sum())
    is_light = weight > 0 and float((colors * alpha).sum()) / (3 * weight) > 0.5
    ground = 0.0 if is_light else 1.0
    return colors * alpha + ground * (1 - alpha)


def _white_level(largest: float) -> float:
    """Guess which value is white from the largest value: 65535, 255 or 1."""
    if largest > 255:
        return 65535.0
    return 255.0 if largest > 1 else 1.0
