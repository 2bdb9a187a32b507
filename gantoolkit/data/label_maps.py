"""A user's label map: any image that can mean the 19 classes, or a sentence why it cannot.

Accepted are label numbers 0..18 (gray, palette or RGB with equal channels) and the colors of
CelebAMask-HQ (palette or RGB, also slightly off as after JPEG), of any size. Maps in another order
of `core.labels.ORDERS`, such as BiSeNet's (face-parsing.PyTorch), are renumbered on request. What
is transparent is background.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gantoolkit.core.errors import DataError, warn_once
from gantoolkit.core.labels import CLASSES, ORDERS
from gantoolkit.core.suggest import check_choice
from gantoolkit.data.anatomy import find_other_order
from gantoolkit.data.image_files import UNREADABLE, ImageSource, Note, image_format, open_image
from gantoolkit.data.label_colors import read_colors
from gantoolkit.data.label_doubts import (
    explain_not_label_map,
    find_doubts,
    has_invented_numbers,
)
from gantoolkit.data.label_palettes import read_indexed
from gantoolkit.data.rgb import DEEP_MODES, has_alpha, to_rgba

MOST_GRAYS = 64  # gray levels above which an image is a photo or a drawing
LOSSY_SUFFIXES = (".jpg", ".jpeg", ".webp")


def read_label_map(
    path: ImageSource, resolution: int, order: str = "celebamask", note: Note = warn_once
) -> Tensor:
    """Read a label map [resolution,resolution] uint8 in the class order of CelebAMask-HQ.

    Maps that are not square are padded with background; sizes change by nearest neighbor.

    order  how label numbers (never colors) are to be read: a name of `core.labels.ORDERS`
    note   is told what was repaired, and in what the map hardly is one of a face
    """
    square = Image.fromarray(pad_square(read_native_label_map(path, order, note)))
    resized = square.resize((resolution, resolution), Image.Resampling.NEAREST)
    return torch.from_numpy(np.array(resized))


def read_native_label_map(
    path: ImageSource, order: str = "celebamask", note: Note = warn_once
) -> np.ndarray:
    """Read a label map [H,W] uint8 at its own size, in the class order of CelebAMask-HQ.

    note  is told what was repaired, and in what the map hardly is one of a face

    Raises DataError for other images; drawings and photos whose few colors pass for labels, too.
    """
    check_choice("labels", order, ORDERS)
    image = open_image(path, note)
    if reason := explain_not_label_map(image):
        raise DataError(
            f"{path} {reason}, rather than a label map; give drawings with --scribble, and save "
            "label numbers 0 to 18 as 8-bit gray PNG."
        )
    class_of_number = np.asarray(ORDERS[order], np.uint8)
    try:
        labels, are_numbers = decode_label_map(image, path, len(class_of_number), note)
        if are_numbers and image_format(path) == "JPEG":
            raise DataError(f"{path} holds label numbers, which JPEG changes.")
    except DataError as error:
        if Path(str(path)).suffix.lower() not in LOSSY_SUFFIXES:
            raise
        raise DataError(
            f"{str(error).removesuffix('.')}; save a label map as PNG, since JPEG blurs its edges, "
            "most of all below 256 pixels."
        ) from error

    if are_numbers:
        labels = class_of_number[labels]
    if not labels.any():
        raise DataError(f"{path} holds only background; a mask needs at least one part of a face.")
    if not are_numbers and (other := find_other_order(labels)):
        raise DataError(
            f"{path} has the colors of CelebAMask-HQ on the parts of a face that the order "
            f"'{other}' numbers so; save the numbers as 8-bit gray PNG and add --labels {other}."
        )
    for doubt in find_doubts(labels, from_colors=not are_numbers):
        note(f"{path} {doubt}.")
    return labels


def decode_label_map(
    image: Image.Image,
    path: ImageSource,
    count: int = len(CLASSES),
    note: Note = warn_once,
) -> tuple[np.ndarray, bool]:
    """Decode an opened image to (labels [H,W] uint8, whether they were numbers rather than colors).

    path   named in errors
    count  label numbers run from 0 to count − 1
    note   is told what was repaired
    """
    visible = _find_visible(image, path)
    if image.mode in ("P", "PA"):
        image = image.convert("P") if image.mode == "PA" else image
        values, are_numbers = read_indexed(image, visible, path, note)
        return (_check_numbers(values, path, count), True) if are_numbers else (values, False)
    if image.mode in DEEP_MODES:
        return _check_numbers(_read_deep_numbers(image, path, note), path, count), True

    colors = _read_straight_colors(image, path)
    if visible is not None:
        hidden = colors[~visible]
        colors = np.where(visible[..., None], colors, 0)
        if hidden.any():
            note(f"{path} is transparent in parts, which are read as background.")
    is_gray = (colors == colors[..., :1]).all()
    if is_gray and (int(colors.max()) > 0 or image.mode in ("1", "L", "LA", "La")):
        return _check_numbers(colors[..., 0], path, count), True
    return read_colors(colors, path, note), False


def pad_square(values: np.ndarray) -> np.ndarray:
    """Pad [H,W] with 0 to a square [S,S] with S = max(H, W); the content stays in the middle."""
    height, width = values.shape
    size = max(height, width)
    top = (size - height) // 2
    left = (size - width) // 2
    return np.pad(values, ((top, size - height - top), (left, size - width - left)))


def _find_visible(image: Image.Image, path: ImageSource) -> np.ndarray | None:
    """Return where [H,W] an image is rather opaque than transparent; None: everywhere."""
    if not has_alpha(image) or image.mode in DEEP_MODES:
        return None
    alpha = np.asarray(to_rgba(image).getchannel("A"))
    if not alpha.any():
        raise DataError(f"{path} is wholly transparent; save it without transparency.")
    visible = alpha > alpha.max() / 2
    return None if visible.all() else visible


def _read_straight_colors(image: Image.Image, path: ImageSource) -> np.ndarray:
    """Return RGB [H,W,3] uint8 without regard to alpha."""
    try:
        if image.mode == "1":
            image = image.convert("L")
        return np.asarray((to_rgba(image) if has_alpha(image) else image).convert("RGB"))
    except UNREADABLE:
        raise DataError(
            f"{path} has colors of the kind {image.mode}, which cannot be turned into RGB; save it "
            "as RGB PNG."
        ) from None


def _read_deep_numbers(image: Image.Image, path: ImageSource, note: Note) -> np.ndarray:
    """Return gray values [H,W] beyond 8 bits; those scaled from 8 to 16 bits are scaled back."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or (values != values.round()).any():
            raise DataError(
                f"{path} holds fractions, which are no labels, as after smooth resizing; save "
                "label numbers 0 to 18 as 8-bit gray PNG."
            )
        values = values.astype(np.int64)
    if values.max() >= 257 and not (values % 257).any():
        note(
            f"{path} holds 8-bit labels scaled to 16 bits; they are read as {values.max() // 257} "
            "and less."
        )
        return values // 257
    return values


def _check_numbers(values: np.ndarray, path: ImageSource, count: int) -> np.ndarray:
    """Return `values` as uint8 labels; DataError says what the image is if they are not labels."""
    levels = np.unique(values)
    unknown = [level for level in levels.tolist() if level not in range(count)]
    if not unknown:
        if has_invented_numbers(values):
            raise DataError(
                f"{path} was resized smoothly or saved as JPEG: edges of its parts hold "
                "numbers in between, which are other classes; save it from the original as PNG, "
                "resized by nearest neighbor."
            )
        return values.astype(np.uint8)
    if len(levels) == 2 and levels[0] == 0:
        raise DataError(
            f"{path} has only the values 0 and {levels[1]:g}: a drawing, or the mask of one part, "
            "rather than a label map; give drawings with --scribble, and merge parts into labels "
            "0 to 18."
        )
    if len(levels) > MOST_GRAYS:
        raise DataError(
            f"{path} has {len(levels)} gray levels, so it is a photo or a drawing rather than a "
            "label map; a mask holds labels 0 to 18 or the colors of CelebAMask-HQ."
        )
    listed = ", ".join(f"{level:g}" for level in unknown[:8])
    if len(unknown) > 8:
        listed += ", …"
    raise DataError(
        f"{path} has unknown labels ({listed}); CelebAMask-HQ has 0 (background) to 18 (cloth)."
    )
