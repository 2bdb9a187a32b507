"""A user's scribble: any drawing as white strokes on black in 0..1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter
from torch import Tensor

from gantoolkit.core.errors import DataError
from gantoolkit.data.label_maps import decode as label_numbers
from gantoolkit.data.label_maps import open_image, pad_square

# A photo has many pixels that are neither paper nor stroke, and little paper or much colour.
HALFTONES, PAPER, COLOUR = 0.2, 0.7, 0.025
# A label map has areas of few colours, each but specks; looked at in this many pixels, where lines have no inside.
LOOKED, SPECK, AREAS = 128, 0.005, 0.12


def read_scribble(path: str | Path, resolution: int) -> Tensor:
    """Strokes [1,resolution,resolution] in 0..1, white on black.

    Dark strokes on light paper are recognised (the median pixel is paper) and inverted; tinted paper becomes
    black. Drawings that are not square are padded; sizes change by area, after which thin strokes are
    brightened so that they do not fade with the scale.
    """
    return torch.from_numpy(resize(pad_square(read_native_scribble(path)), resolution))[None]


def read_native_scribble(path: str | Path) -> np.ndarray:
    """The strokes [H,W] in 0..1 at the drawing's own size; what is no drawing is refused."""
    picture = open_image(path)
    strokes = decode(picture)
    if not (strokes > 0.25).any():
        hint = "it looks like a label map, which --mask takes" if strokes.any() else "it is empty"
        raise DataError(f"{path} holds no strokes: {hint}; draw white on black or black on white.")
    if is_label_map(picture):
        raise DataError(
            f"{path} looks like a label map, which --mask takes, or like flat areas of paint; give outlines as "
            "strokes on plain paper."
        )
    if is_photo(picture, strokes):
        raise DataError(
            f"{path} looks like a photo, not a drawing; give outlines as strokes on plain paper."
        )
    return strokes


def is_label_map(picture: Image.Image) -> bool:
    """Whether an opened picture is a few flat areas, as a label map is, rather than lines."""
    small = picture.convert("RGB")
    small.thumbnail((LOOKED, LOOKED), Image.Resampling.NEAREST)
    try:
        values, fewest = label_numbers(small, "")[0], 3
    except DataError:  # not in the colours of CelebAMask-HQ; perhaps in others
        values, fewest = np.asarray(small, np.int64) @ (65536, 256, 1), 4
    found, counts = np.unique(values, return_counts=True)
    common = counts > SPECK * values.size
    inside = minimum_filter(values, 3) == maximum_filter(values, 3)  # of an area, not of a line
    inside &= values != found[counts.argmax()]
    return (
        common.sum() >= fewest
        and counts[common].sum() > 0.95 * values.size
        and inside.mean() > AREAS
    )


def is_photo(picture: Image.Image, strokes: np.ndarray) -> bool:
    """Whether an opened picture, decoded as `strokes`, is rather a photo or a painting than a drawing."""
    paper = float((strokes < 0.1).mean())
    halftones = float(((strokes > 0.1) & (strokes < 0.8)).mean())
    colours = np.asarray(picture.convert("RGB"), np.float32) / 255
    colour = float((colours - colours.mean(2, keepdims=True)).std((0, 1)).mean())
    return halftones > HALFTONES and (paper < PAPER or colour > COLOUR)


def decode(picture: Image.Image) -> np.ndarray:
    """Strokes [H,W] float32 in 0..1, white on black, of an opened picture."""
    colours = _on_paper(picture)
    paper = float(np.median(colours.mean(2)))
    if paper > 0.5:  # dark on light; the darkest channel, so that coloured pens count
        strokes, ground = 1 - colours.min(2), 1 - float(np.median(colours.min(2)))
    else:
        strokes, ground = colours.max(2), float(np.median(colours.max(2)))
    if ground > 0.02:
        strokes = (strokes - ground) / max(1 - ground, 1e-6)
    return np.clip(strokes, 0, 1).astype(np.float32)


def resize(strokes: np.ndarray, resolution: int) -> np.ndarray:
    """[S,S] → [resolution,resolution] by area; enlarging is bilinear."""
    shrinking = resolution < len(strokes)
    method = Image.Resampling.BOX if shrinking else Image.Resampling.BILINEAR
    small = np.array(Image.fromarray(strokes).resize((resolution, resolution), method))
    if shrinking and (small > 0.05).any():
        bright = float(np.quantile(small[small > 0.05], 0.9))
        small = small * min(max(1 / bright, 1.0), len(strokes) / resolution)
    return np.clip(small, 0, 1).astype(np.float32)


def _on_paper(picture: Image.Image) -> np.ndarray:
    """RGB [H,W,3] in 0..1; a transparent ground becomes the opposite of what is drawn on it."""
    if picture.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        grey = np.asarray(picture, np.float64)
        grey = grey / (65535.0 if grey.max() > 255 else 255.0 if grey.max() > 1 else 1.0)
        return np.repeat(np.clip(grey, 0, 1)[..., None], 3, 2)
    layers = np.asarray(picture.convert("RGBA"), np.float64) / 255
    colours, alpha = layers[..., :3], layers[..., 3:]
    if (alpha == 1).all():
        return colours
    weight = float(alpha.sum())
    light = weight > 0 and float((colours * alpha).sum()) / (3 * weight) > 0.5
    return colours * alpha + (0.0 if light else 1.0) * (1 - alpha)
