"""Masks and scribbles that a program hands in: files, PIL images, arrays, tensors, lists of them.

They become what a file would hold, so that the rules of `label_maps` and `user_scribbles` are the
only ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.labels import CLASSES
from gantoolkit.data import examples
from gantoolkit.data.image_files import GivenImage, ImageSource, list_images

SHAPES = {
    "mask": "labels [H,W], colors [H,W,3] or one-hot classes [19,H,W]",
    "scribble": "strokes [H,W] or [1,H,W], or colors [H,W,3]",
}


def sources(value: Any, kind: str) -> list[ImageSource]:
    """List the images in `value`: a file, a folder, an example, an image, or several of them.

    kind  'mask' or 'scribble'
    """
    if isinstance(value, (list, tuple)):
        return [source for one in value for source in sources(one, kind)]
    if isinstance(value, (str, Path)):
        return list(list_images(examples.find(value, kind)))
    if isinstance(value, Image.Image):
        return [GivenImage(value, kind)]
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if not isinstance(value, np.ndarray):
        raise UsageError(
            f"{kind} must be a file, a PIL image, an array, a tensor or a list of them, not "
            f"{value!r}."
        )
    arrays = value if value.ndim == 4 else [value]
    return [GivenImage(_to_image(array, kind), kind) for array in arrays]


def _to_image(array: np.ndarray, kind: str) -> Image.Image:
    """Turn one array into the image that a file of it would hold."""
    if kind == "mask" and array.ndim == 3 and len(array) == len(CLASSES):
        return Image.fromarray(_labels_of_one_hot(array))
    array = _channels_last(array)
    is_plane = array.ndim == 2
    if not is_plane and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise UsageError(
            f"{kind} holds {SHAPES[kind]}, not an array {list(array.shape)}; several go in a list."
        )
    if kind == "scribble" and array.dtype.kind == "f":
        array = _strokes_to_uint8(array)
    if array.dtype == bool:
        array = array * np.uint8(255 if kind == "scribble" else 1)
    if array.dtype.kind in "iu" and array.min() >= 0 and array.max() <= 255:
        return Image.fromarray(np.ascontiguousarray(array, np.uint8))
    if not is_plane or array.dtype.kind not in "iuf":
        raise UsageError(f"{kind} holds {array.dtype} colors; give 8-bit ones, from 0 to 255.")
    # the reader of files says which of these numbers are no labels
    return Image.fromarray(array.astype(np.float32 if array.dtype.kind == "f" else np.int32))


def _channels_last(array: np.ndarray) -> np.ndarray:
    """[1,H,W] and [H,W,1] as [H,W], [3,H,W] as [H,W,3]."""
    if array.ndim != 3:
        return array
    if len(array) == 1:
        return array[0]
    if array.shape[2] == 1:
        return array[..., 0]
    is_channels_first = len(array) in (3, 4) and array.shape[2] not in (3, 4)
    return np.moveaxis(array, 0, 2) if is_channels_first else array


def _labels_of_one_hot(array: np.ndarray) -> np.ndarray:
    """Return labels [H,W] uint8 of [19,H,W]; UsageError unless every pixel has one class."""
    is_one_hot = np.isin(array, (0, 1)).all() and (array.sum(0) == 1).all()
    if not is_one_hot:
        raise UsageError(
            "mask [19,H,W] must be one-hot: a single 1 at every pixel; give labels [H,W] instead."
        )
    return array.argmax(0).astype(np.uint8)


def _strokes_to_uint8(array: np.ndarray) -> np.ndarray:
    if not ((array >= 0) & (array <= 1)).all():
        raise UsageError("scribble of floats must lie in 0..1; give 8-bit numbers for 0..255.")
    return (array * 255).round().astype(np.uint8)
