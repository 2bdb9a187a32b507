"""A user's label map: any picture that can mean the 19 classes, or one sentence that says why it cannot.

Accepted are label numbers 0..18 (grey, palette or RGB with equal channels) and the colours of CelebAMask-HQ
(palette or RGB, also slightly off as after JPEG), of any size. Maps in another order of `labels.ORDERS`,
such as BiSeNet's (face-parsing.PyTorch), are renumbered on request.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.labels import CLASSES, ORDERS, PALETTE

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
SMALLEST, LONGEST = 16, 3  # pixels of the short side; long side / short side
NEAR, SURE = 25.0, 0.9  # RGB distance to a palette colour; share of pixels that must be that near


def list_images(path: str | Path) -> list[Path]:
    """The picture itself, or all pictures of a folder in the order of their names."""
    path = Path(path)
    if path.is_dir():
        inside = sorted(path.iterdir())
        found = [p for p in inside if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
        if not found:
            raise DataError(f"The folder {path} holds no pictures ({', '.join(SUFFIXES)}).")
        return found
    if not path.exists():
        raise DataError(
            f"There is no file or folder {path}; give a picture or a folder of pictures."
        )
    return [path]


def open_image(path: str | Path) -> Image.Image:
    """The decoded picture, upright; an unreadable file is refused."""
    try:
        with Image.open(path) as file:
            file.load()
            picture = ImageOps.exif_transpose(file)
    except (
        OSError,
        UnidentifiedImageError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
        reason = type(error).__name__
        raise DataError(
            f"{path} is not a readable picture ({reason}); save it again as PNG."
        ) from None
    short, long = sorted(picture.size)
    size = f"{path} is {picture.width}×{picture.height} pixels"
    if short < SMALLEST:
        raise DataError(f"{size}; at least {SMALLEST} are needed.")
    if long > LONGEST * short:
        raise DataError(f"{size}; crop it to about a square around the face.")
    return picture


def read_label_map(path: str | Path, resolution: int, order: str = "celebamask") -> Tensor:
    """A label map [resolution,resolution] uint8 in the order of CelebAMask-HQ.

    Maps that are not square are padded with background; sizes change by NEAREST. `order` says how label
    numbers (never colours) are to be read: a name of `labels.ORDERS`.
    """
    square = pad_square(read_native_label_map(path, order))
    size = (resolution, resolution)
    return torch.from_numpy(
        np.array(Image.fromarray(square).resize(size, Image.Resampling.NEAREST))
    )


def read_native_label_map(path: str | Path, order: str = "celebamask") -> np.ndarray:
    """The label map [H,W] uint8 of a picture in the order of CelebAMask-HQ, at its own size."""
    if order not in ORDERS:
        raise UsageError(f"Unknown label order '{order}'; known: {', '.join(ORDERS)}.")
    table = np.asarray(ORDERS[order], np.uint8)
    labels, numbered = decode(open_image(path), path, len(table))
    if numbered:
        labels = table[labels]
    if not labels.any():
        raise DataError(f"{path} holds background alone; a mask needs at least one part of a face.")
    return labels


def decode(
    picture: Image.Image, path: str | Path, count: int = len(CLASSES)
) -> tuple[np.ndarray, bool]:
    """(labels [H,W] uint8, whether they were numbers rather than colours) of an opened picture.

    Numbers run from 0 to count − 1.
    """
    if picture.mode == "P":
        by_colour = _exact_colours(np.asarray(picture.convert("RGB")))
        if by_colour is not None:
            agree = np.array_equal(by_colour, np.asarray(picture))
            return by_colour, agree
        return _numbers(np.asarray(picture), path, count), True
    if picture.mode in ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F"):
        grey = picture.getchannel(0) if picture.mode == "LA" else picture
        return _numbers(np.asarray(grey), path, count), True
    colours = np.asarray(picture.convert("RGB"))
    if (colours == colours[..., :1]).all() and int(colours.max()) > 0:
        return _numbers(colours[..., 0], path, count), True
    by_colour = _exact_colours(colours)
    return (by_colour if by_colour is not None else _near_colours(colours, path)), False


def pad_square(values: np.ndarray) -> np.ndarray:
    """[H,W] → [S,S] with S = max(H, W), centred, filled with 0."""
    height, width = values.shape
    size = max(height, width)
    top, left = (size - height) // 2, (size - width) // 2
    return np.pad(values, ((top, size - height - top), (left, size - width - left)))


def _numbers(values: np.ndarray, path: str | Path, count: int = len(CLASSES)) -> np.ndarray:
    found = np.unique(values)
    wrong = [v for v in found.tolist() if v not in range(count)]
    if not wrong:
        return values.astype(np.uint8)
    if len(found) == 2 and found[0] == 0:
        raise DataError(
            f"{path} has the values 0 and {found[1]:g} alone, a drawing or the mask of one part "
            "rather than a label map; give drawings with --scribble, and merge parts into labels "
            "0 to 18."
        )
    if len(found) > 64:
        raise DataError(
            f"{path} has {len(found)} grey levels, so it is a photo or a drawing rather than a "
            "label map; a mask holds labels 0 to 18 or the colours of CelebAMask-HQ."
        )
    listed = ", ".join(f"{v:g}" for v in wrong[:8]) + (", …" if len(wrong) > 8 else "")
    raise DataError(
        f"{path} has unknown labels ({listed}); CelebAMask-HQ has 0 (background) to 18 (cloth)."
    )


def _codes(colours: np.ndarray) -> np.ndarray:
    """RGB [...,3] → one integer per colour."""
    colours = colours.astype(np.int64)
    return colours[..., 0] * 65536 + colours[..., 1] * 256 + colours[..., 2]


def _exact_colours(colours: np.ndarray) -> np.ndarray | None:
    """Labels of a picture [H,W,3] that holds palette colours alone, else None."""
    palette = _codes(np.asarray(PALETTE))
    order = np.argsort(palette)
    codes = _codes(colours)
    place = np.clip(np.searchsorted(palette[order], codes), 0, len(palette) - 1)
    labels = order[place]
    return labels.astype(np.uint8) if (palette[labels] == codes).all() else None


def _near_colours(colours: np.ndarray, path: str | Path) -> np.ndarray:
    """Labels by the nearest palette colour; pixels far from all (blurred edges) take their neighbour's."""
    codes, inverse = np.unique(_codes(colours), return_inverse=True)
    found = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1).astype(float)
    distances = np.linalg.norm(found[:, None] - np.asarray(PALETTE, float)[None], axis=2)
    labels = distances.argmin(1).astype(np.uint8)[inverse].reshape(colours.shape[:2])
    far = (distances.min(1) > NEAR)[inverse].reshape(colours.shape[:2])
    if far.mean() > 1 - SURE:
        raise DataError(
            f"{path} is a photo or uses another palette: {far.mean():.0%} of its pixels are no "
            "colour of CelebAMask-HQ; give a label map with numbers 0 to 18 or those colours."
        )
    nearest = distance_transform_edt(far, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]
