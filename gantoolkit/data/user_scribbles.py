"""A user's scribble: any drawing as white strokes on black in 0..1."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter
from torch import Tensor

from gantoolkit.core.errors import DataError, warn_once
from gantoolkit.core.labels import CLASSES
from gantoolkit.data.image_files import ImageSource, Note, open_image
from gantoolkit.data.label_colors import guess_labels
from gantoolkit.data.label_maps import pad_square
from gantoolkit.data.rgb import DEEP_MODES, has_alpha, scale_deep_gray, to_rgb, to_rgba

# A photo has many pixels that are neither paper nor stroke, and little paper or much color.
HALFTONES = 0.2  # share of pixels that are neither
PAPER = 0.7  # share of pixels that are paper
COLOR = 0.025  # standard deviation of the channels around gray
# A label map has areas of few colors. It is looked at in few pixels, where lines have no inside.
LOOK_SIZE = 128  # pixels of the longer side
SPECK = 0.005  # share of pixels up to which a color is only a speck
AREAS = 0.12  # share of pixels that lie inside of areas
# What is taken, but hardly is a drawing of a face.
STRAIGHT = 0.015  # of the longer side, deviation of all strokes from one straight line
SMALL = 0.02  # share of the image that the box around all strokes covers
FLICKER = 0.35  # share of neighboring pixels of which one is stroke and one paper
DARK = 0.3  # of 0..1, gray below which nearly all of a dark photo lies
TEXTURE = 0.03  # of 0..1, range of most grays that plain paper does not have


def read_scribble(path: ImageSource, resolution: int, note: Note = warn_once) -> Tensor:
    """Read a drawing as strokes [1,resolution,resolution] in 0..1, white on black.

    Dark strokes on light paper are recognized (the median pixel is paper) and inverted; tinted
    paper becomes black. Drawings that are not square are padded. Sizes change by area, after which
    thin strokes are brightened so that they do not fade with the scale.

    note  is told what was not read as it stands, and in what the drawing hardly is one of a face
    """
    square = pad_square(read_native_scribble(path, note))
    return torch.from_numpy(resize_strokes(square, resolution))[None]


def read_native_scribble(path: ImageSource, note: Note = warn_once) -> np.ndarray:
    """Read the strokes [H,W] in 0..1 at the drawing's size. Raises DataError for other images."""
    image = open_image(path, note)
    strokes = decode_strokes(image, path, note)
    rgb = to_rgb(image, path, note=_say_nothing)
    if not (strokes > 0.25).any():
        hint = "it looks like a label map, which --mask takes" if strokes.any() else "it is empty"
        raise DataError(f"{path} holds no strokes: {hint}; draw white on black or black on white.")
    if is_label_map(rgb):
        raise DataError(
            f"{path} looks like a label map, which --mask takes, or like flat areas of paint; give "
            "outlines as strokes on plain paper."
        )
    if is_photo(rgb, strokes):
        raise DataError(
            f"{path} looks like a photo, not a drawing; give outlines as strokes on plain paper."
        )
    for doubt in find_doubts(rgb, strokes):
        note(f"{path} {doubt}.")
    return strokes


def find_doubts(rgb: Image.Image, strokes: np.ndarray) -> list[str]:
    """Say in what a drawing, decoded as `strokes`, hardly is one of a face."""
    gray = np.asarray(rgb, np.float32).mean(2) / 255
    low, high, highest = np.quantile(gray, (0.1, 0.9, 0.98))
    if highest < DARK and high - low > TEXTURE:
        return ["is nearly black all over but not plain, rather a dark photo than a drawing"]
    is_stroke = strokes > 0.25
    flicker = (np.diff(is_stroke, axis=0).mean() + np.diff(is_stroke, axis=1).mean()) / 2
    if flicker > FLICKER:
        return ["looks like noise: strokes and paper alternate from pixel to pixel"]

    points = np.argwhere(is_stroke).astype(float)
    height, width = points.max(0) - points.min(0) + 1
    if height * width < SMALL * strokes.size:
        return [f"holds strokes in {height * width / strokes.size:.1%} of its area only"]
    across = np.sqrt(max(np.linalg.eigvalsh(np.cov(points.T))[0], 0))
    if across < STRAIGHT * max(strokes.shape):
        return ["holds one straight line only"]
    return []


def _say_nothing(text: str) -> None:
    """Take a note that was said before."""


def is_label_map(image: Image.Image) -> bool:
    """Whether an opened image is a few flat areas, as a label map is, rather than lines."""
    small = image.convert("RGB")
    small.thumbnail((LOOK_SIZE, LOOK_SIZE), Image.Resampling.NEAREST)
    pixels = np.asarray(small)
    fewest_colors = 3
    values = pixels[..., 0] if (pixels == pixels[..., :1]).all() else guess_labels(pixels)
    if values is None or values.max() >= len(CLASSES):  # perhaps in other colors
        values = pixels @ np.array((65536, 256, 1), np.int64)
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


def decode_strokes(
    image: Image.Image, path: ImageSource = "The drawing", note: Note = warn_once
) -> np.ndarray:
    """Decode an opened image to strokes [H,W] float32 in 0..1, white on black.

    path  named in errors
    note  is told the white of gray beyond 8 bits
    """
    colors = _put_on_paper(image, path, note)
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


def _put_on_paper(image: Image.Image, path: ImageSource, note: Note) -> np.ndarray:
    """Return RGB [H,W,3] in 0..1; a transparent ground becomes the opposite of what is on it."""
    if image.mode in DEEP_MODES:
        return np.repeat(scale_deep_gray(image, path, note)[..., None], 3, 2)
    if not has_alpha(image):
        return np.asarray(to_rgb(image, path), np.float64) / 255

    layers = np.asarray(to_rgba(image), np.float64) / 255
    colors, alpha = layers[..., :3], layers[..., 3:]
    weight = float(alpha.sum())
    if weight == 0:
        raise DataError(f"{path} is wholly transparent; save it without transparency.")
    is_light = float((colors * alpha).sum()) / (3 * weight) > 0.5
    ground = 0.0 if is_light else 1.0
    return colors * alpha + ground * (1 - alpha)
