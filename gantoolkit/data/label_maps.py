"""A user's label map: any image that can mean the 19 classes, or a sentence why it cannot.

Accepted are label numbers 0..18 (gray, palette or RGB with equal channels) and the colors of
CelebAMask-HQ (palette or RGB, also slightly off as after JPEG), of any size. Maps in another order
of `core.labels.ORDERS`, such as BiSeNet's (face-parsing.PyTorch), are renumbered on request.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import CLASSES, ORDERS, PALETTE
from gantoolkit.core.suggest import check_choice
from gantoolkit.data.image_files import open_image

NEAR = 25.0  # RGB distance up to which a pixel counts as a color of the palette
SURE = 0.9  # share of pixels that must be that near
MOST_GRAYS = 64  # gray levels above which an image is a photo or a drawing
GRAY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")  # of Pillow


def read_label_map(path: str | Path, resolution: int, order: str = "celebamask") -> Tensor:
    """Read a label map [resolution,resolution] uint8 in the class order of CelebAMask-HQ.

    Maps that are not square are padded with background; sizes change by nearest neighbor.

    order  how label numbers (never colors) are to be read: a name of `core.labels.ORDERS`
    """
    square = Image.fromarray(pad_square(read_native_label_map(path, order)))
    resized = square.resize((resolution, resolution), Image.Resampling.NEAREST)
    return torch.from_numpy(np.array(resized))


def read_native_label_map(path: str | Path, order: str = "celebamask") -> np.ndarray:
    """Read a label map [H,W] uint8 at its own size, in the class order of CelebAMask-HQ."""
    check_choice("labels", order, ORDERS)
    class_of_number = np.asarray(ORDERS[order], np.uint8)
    labels, are_numbers = decode_label_map(open_image(path), path, len(class_of_number))
    if are_numbers:
        labels = class_of_number[labels]
    if not labels.any():
        raise DataError(f"{path} holds only background; a mask needs at least one part of a face.")
    return labels


def decode_label_map(
    image: Image.Image, path: str | Path, count: int = len(CLASSES)
) -> tuple[np.ndarray, bool]:
    """Decode an opened image to (labels [H,W] uint8, whether they were numbers rather than colors).

    path   named in errors
    count  label numbers run from 0 to count − 1
    """
    if image.mode == "P":
        indices = np.asarray(image)
        labels = _match_exact_colors(np.asarray(image.convert("RGB")))
        if labels is None:
            return _check_numbers(indices, path, count), True
        return labels, np.array_equal(labels, indices)

    if image.mode in GRAY_MODES:
        gray = image.getchannel(0) if image.mode == "LA" else image
        return _check_numbers(np.asarray(gray), path, count), True

    colors = np.asarray(image.convert("RGB"))
    is_gray = (colors == colors[..., :1]).all()
    if is_gray and int(colors.max()) > 0:
        return _check_numbers(colors[..., 0], path, count), True

    labels = _match_exact_colors(colors)
    if labels is None:
        labels = _match_near_colors(colors, path)
    return labels, False


def pad_square(values: np.ndarray) -> np.ndarray:
    """Pad [H,W] with 0 to a square [S,S] with S = max(H, W); the content stays in the middle."""
    height, width = values.shape
    size = max(height, width)
    top = (size - height) // 2
    left = (size - width) // 2
    return np.pad(values, ((top, size - height - top), (left, size - width - left)))


def _check_numbers(values: np.ndarray, path: str | Path, count: int) -> np.ndarray:
    """Return `values` as uint8 labels; DataError says what the image is if they are not labels."""
    levels = np.unique(values)
    unknown = [level for level in levels.tolist() if level not in range(count)]
    if not unknown:
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


def _color_codes(colors: np.ndarray) -> np.ndarray:
    """Encode RGB [...,3] as one integer per color."""
    red, green, blue = np.moveaxis(colors.astype(np.int64), -1, 0)
    return red * 65536 + green * 256 + blue


def _match_exact_colors(colors: np.ndarray) -> np.ndarray | None:
    """Find the labels of an image [H,W,3] that holds only colors of the palette; else None."""
    palette = _color_codes(np.asarray(PALETTE))
    order = np.argsort(palette)
    codes = _color_codes(colors)
    position = np.searchsorted(palette[order], codes)
    labels = order[np.clip(position, 0, len(palette) - 1)]
    is_exact = (palette[labels] == codes).all()
    return labels.astype(np.uint8) if is_exact else None


def _match_near_colors(colors: np.ndarray, path: str | Path) -> np.ndarray:
    """Find labels by the nearest color of the palette; blurred edges take their neighbor's label.

    Raises DataError where too many pixels are far from every color.
    """
    codes, inverse = np.unique(_color_codes(colors), return_inverse=True)
    distinct = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1).astype(float)
    palette = np.asarray(PALETTE, float)
    distances = np.linalg.norm(distinct[:, None] - palette[None], axis=2)

    shape = colors.shape[:2]
    labels = distances.argmin(1).astype(np.uint8)[inverse].reshape(shape)
    is_far = (distances.min(1) > NEAR)[inverse].reshape(shape)
    if is_far.mean() > 1 - SURE:
        raise DataError(
            f"{path} is a photo or uses another palette: {is_far.mean():.0%} of its pixels are not "
            "a color of CelebAMask-HQ; give a label map with numbers 0 to 18 or those colors."
        )
    nearest = distance_transform_edt(is_far, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]
