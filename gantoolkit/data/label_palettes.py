"""Label maps in indexed images: whether their indices or their colors are the labels.

Paint programs and optimizers of PNG files reorder, compact and round palettes. So indices count
only where the palette says so: it is gray, or PASCAL VOC's. Otherwise the colors of CelebAMask-HQ
decide, and an image with another palette is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import CLASSES
from gantoolkit.data import label_colors
from gantoolkit.data.anatomy import rate
from gantoolkit.data.image_files import Note


def read_indexed(
    image: Image.Image, visible: np.ndarray | None, path: str | Path, note: Note
) -> tuple[np.ndarray, bool]:
    """Read an image of mode P as (values [H,W], whether they are numbers rather than colors).

    visible  [H,W] bool, where the image is not transparent; None: everywhere
    path     named in errors
    note     is told where indices are not the labels
    """
    indices = np.asarray(image)
    colors = np.asarray(image.convert("RGB"))
    if visible is not None:
        if colors[~visible].any():
            note(f"{path} is transparent in parts, which are read as background.")
        indices = np.where(visible, indices, 0)
        colors = np.where(visible[..., None], colors, 0)

    labels = label_colors.match_exact_colors(colors)
    if labels is not None:
        return _check_exact(labels, indices, visible, path, note)
    palette = _used_palette(image)
    shown = indices if visible is None else indices[visible]
    used = np.unique(shown)
    if (palette == palette[:, :1]).all():
        return _read_grays(indices, palette[:, 0], used, visible, path, note), True
    labels = label_colors.match_exact_colors(colors, label_colors.voc_palette(len(CLASSES) + 1))
    if labels is not None:
        if not np.array_equal(labels, indices):
            note(f"{path} has its palette reordered; its colors, of PASCAL VOC, decide.")
        return labels, True
    try:
        labels = label_colors.read_colors(colors, path, note)
        return labels, False
    except DataError as error:
        raise DataError(
            f"{str(error).removesuffix('.')}; its indices count as labels only with a palette of "
            "CelebAMask-HQ, PASCAL VOC or of grays, so save them as 8-bit gray PNG."
        ) from None


def _check_exact(
    labels: np.ndarray,
    indices: np.ndarray,
    visible: np.ndarray | None,
    path: str | Path,
    note: Note,
) -> tuple[np.ndarray, bool]:
    """Return labels by exact colors, unless the indices plainly make a better face."""
    shown = slice(None) if visible is None else visible
    if np.array_equal(labels[shown], indices[shown]):
        return labels, True
    are_labels = indices.max() < len(CLASSES)
    if are_labels and rate(indices) > rate(labels) + label_colors.LEAD:
        raise DataError(
            f"{path} has indices and colors that name different classes, and anatomy fits the "
            "indices; save them as 8-bit gray PNG."
        )
    note(f"{path} has its palette reordered; its colors, of CelebAMask-HQ, decide.")
    return labels, False


def _used_palette(image: Image.Image) -> np.ndarray:
    """Return the colors [N,3] that an indexed image stores, at least those that it uses."""
    count = int(np.asarray(image).max()) + 1
    stored = np.asarray(image.getpalette("RGB") or [], np.int64).reshape(-1, 3)
    if len(stored) < count:
        stored = np.vstack([stored, np.zeros((count - len(stored), 3), np.int64)])
    return stored


def _read_grays(
    indices: np.ndarray,
    grays: np.ndarray,
    used: np.ndarray,
    visible: np.ndarray | None,
    path: str | Path,
    note: Note,
) -> np.ndarray:
    """Read numbers [H,W] from a gray palette [N]: grays that are labels, or indices of a ramp."""
    levels = grays[used]
    if levels.max() <= len(CLASSES):
        numbers = grays[indices]
        if visible is not None:
            numbers = np.where(visible, numbers, 0)
        if not np.array_equal(numbers, indices):
            note(f"{path} has its palette compacted; its gray values decide.")
        return numbers
    steps = np.diff(levels) / np.maximum(np.diff(used), 1)
    if len(used) > 1 and np.ptp(steps) > 1 and len(used) < int(levels.max()) + 1:
        raise DataError(
            f"{path} has a gray palette in which neither the grays nor the order of the entries "
            "are labels; save label numbers 0 to 18 as 8-bit gray PNG."
        )
    return indices
