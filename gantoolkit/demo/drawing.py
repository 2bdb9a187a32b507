"""What the painter and the upload button hand in, as label maps and strokes; and the way back.

The painter speaks data URIs of PNG pictures, CANVAS pixels per side: masks in the colours of CelebAMask-HQ,
scribbles white on black. They come from anybody, so sizes are checked before anything is decoded.
"""

from __future__ import annotations

import base64
import binascii
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gantoolkit.core.errors import DataError
from gantoolkit.core.images import one_hot
from gantoolkit.core.labels import PALETTE
from gantoolkit.data import label_maps, user_inputs, user_scribbles
from gantoolkit.report import pictures

CANVAS = 256  # pixels per side of the painter
LONGEST = 4 << 20  # characters of a data URI
LARGEST = 4096  # pixels per side of an upload
HEAD = "data:image/png;base64,"
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
EMPTY = {
    "mask": "The mask is empty; paint at least the skin of a face, or click an example.",
    "scribble": "The scribble is empty; draw the outlines of a face, or click an example.",
}


def read_painting(uri: str | None, kind: str, resolution: int) -> np.ndarray:
    """Labels [R,R] uint8 (kind "mask") or strokes [R,R] float32 in 0..1 ("scribble") of a painting."""
    if not uri:
        raise DataError(EMPTY[kind])
    picture = _decoded(uri)
    drawn = labels(picture, resolution) if kind == "mask" else lines(picture, resolution)
    if not drawn.any():
        raise DataError(EMPTY[kind])
    return drawn


def labels(picture: Image.Image, resolution: int) -> np.ndarray:
    """The class that covers most of each pixel [R,R] uint8, so that soft edges leave no fringe."""
    found = label_maps.pad_square(label_maps.decode_label_map(picture, "The painting")[0])
    if len(found) <= resolution:
        return _nearest(found, resolution)
    planes = one_hot(torch.from_numpy(found)[None])
    shares = torch.nn.functional.interpolate(planes, (resolution, resolution), mode="area")
    return shares.argmax(1)[0].numpy().astype(np.uint8)


def lines(picture: Image.Image, resolution: int) -> np.ndarray:
    """Strokes [R,R] float32 in 0..1."""
    drawn = user_scribbles.resize_strokes(label_maps.pad_square(user_scribbles.decode_strokes(picture)), resolution)
    return (np.round(drawn * 255) / 255).astype(np.float32)  # what a PNG of it holds


def read_upload(path: str | Path, kind: str) -> str:
    """A user's own picture as the painter shows it; refused in a sentence that names no folder."""
    path = Path(path)
    try:
        _check(path)
        if kind == "mask":
            return mask_uri(user_inputs.read_mask(path, CANVAS).numpy())
        return scribble_uri(user_scribbles.read_scribble(path, CANVAS)[0].numpy())
    except DataError as error:
        sentence = str(error).replace(str(path), path.name)
        sentence = sentence.replace(
            "give drawings with --scribble", "choose a run that takes scribbles"
        )
        sentence = sentence.replace("which --mask takes", "for which choose a run that takes masks")
        raise DataError(sentence) from None


def mask_uri(found: np.ndarray) -> str:
    """Labels [R,R] as the painter shows them."""
    return pictures.data_uri(np.asarray(PALETTE, np.uint8)[_nearest(found, CANVAS)])


def scribble_uri(drawn: np.ndarray) -> str:
    """Strokes [R,R] in 0..1 as the painter shows them."""
    grey = Image.fromarray((np.clip(drawn, 0, 1) * 255).round().astype(np.uint8))
    return pictures.data_uri(
        np.asarray(grey.resize((CANVAS, CANVAS), Image.Resampling.BILINEAR).convert("RGB"))
    )


def _nearest(found: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(found).resize((size, size), Image.Resampling.NEAREST))


def _decoded(uri: str) -> Image.Image:
    if not isinstance(uri, str) or not uri.startswith(HEAD) or len(uri) > LONGEST:
        raise DataError(
            "The painting must be a PNG as data URI of at most 4 MB; paint it on the page."
        )
    try:
        content = io.BytesIO(base64.b64decode(uri[len(HEAD) :], validate=True))
        with Image.open(content, formats=["PNG"]) as file:
            if max(file.size) > LARGEST // 2 or min(file.size) < label_maps.SMALLEST:
                raise DataError(
                    f"The painting is {file.width}×{file.height} pixels; the painter makes "
                    f"{CANVAS}²."
                )
            return file.convert("RGB")
    except (binascii.Error, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise DataError(
            "The painting is not a readable PNG; reload the page and paint again."
        ) from None


def _check(path: Path) -> None:
    """Refuse what is no picture, or too large, from its head alone."""
    try:
        with Image.open(path, formats=FORMATS) as file:
            size = file.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise DataError(
            f"{path} is not a readable picture; save it as PNG, JPEG or WebP."
        ) from None
    if max(size) > LARGEST:
        raise DataError(
            f"{path} is {size[0]}×{size[1]} pixels; make it at most {LARGEST} pixels wide and high."
        )
