"""What the painter and the upload button hand in, as label maps and strokes; and the way back.

The painter speaks data URIs of PNG pictures, CANVAS_SIDE pixels per side: masks in the colors of
CelebAMask-HQ, scribbles white on black. They come from anybody, so sizes are checked before
anything is decoded.
"""

from __future__ import annotations

import base64
import binascii
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gantoolkit.core.errors import DataError, warn_once
from gantoolkit.core.images import colorize_labels, one_hot
from gantoolkit.data import image_files, label_colors, label_maps, rgb, user_scribbles
from gantoolkit.data.image_files import Note
from gantoolkit.report import pictures

CANVAS_SIDE = 256  # pixels of the painter
LONGEST_URI = 4 << 20  # characters
LARGEST_SIDE = 4096  # pixels of an upload
URI_HEAD = "data:image/png;base64,"
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
EMPTY_DRAWING = {
    "mask": "The mask is empty; paint at least the skin of a face, or click an example.",
    "scribble": "The scribble is empty; draw the outlines of a face, or click an example.",
}
IN_WORDS_OF_THE_PAGE = {  # instead of the command line's
    "give drawings with --scribble": "choose a run that takes scribbles",
    " (the number 17, which is hair in BiSeNet's order: --labels bisenet)": "",
    "which --mask takes": "for which choose a run that takes masks",
}


def read_painting(uri: str | None, kind: str, resolution: int) -> np.ndarray:
    """Read a painting as labels [R,R] uint8 ("mask") or strokes [R,R] float32 in 0..1 ("scribble").

    Raises DataError if it is empty or not readable.
    """
    if not uri:
        raise DataError(EMPTY_DRAWING[kind])
    picture = _decode(uri)
    if kind == "mask":
        values = read_labels(picture, resolution)
    else:
        values = read_strokes(picture, resolution)
    if not values.any():
        raise DataError(EMPTY_DRAWING[kind])
    return values


def read_labels(picture: Image.Image, resolution: int) -> np.ndarray:
    """Return the class that covers most of each pixel [R,R] uint8: soft edges leave none."""
    decoded = label_colors.match_exact_colors(np.asarray(picture.convert("RGB")))
    if decoded is None:  # a brush has soft edges, which need not be said
        decoded, _ = label_maps.decode_label_map(picture, "The painting", note=lambda _: None)
    labels = label_maps.pad_square(decoded)
    if len(labels) <= resolution:
        return _resize_nearest(labels, resolution)
    mask = one_hot(torch.from_numpy(labels)[None])
    coverage = torch.nn.functional.interpolate(mask, (resolution, resolution), mode="area")
    return coverage.argmax(1)[0].numpy().astype(np.uint8)


def read_strokes(picture: Image.Image, resolution: int) -> np.ndarray:
    """Return strokes [R,R] float32 in 0..1."""
    strokes = label_maps.pad_square(user_scribbles.decode_strokes(picture))
    strokes = user_scribbles.resize_strokes(strokes, resolution)
    return (np.round(strokes * 255) / 255).astype(np.float32)  # what a PNG of it holds


def read_upload(path: str | Path, kind: str, note: Note = warn_once) -> str:
    """Return a user's own picture as the painter shows it.

    note  is told what was repaired, and in what the picture hardly is one of a face

    Raises DataError. Neither errors nor notes name a folder.
    """
    path = Path(path)

    def tell(text: str) -> None:
        note(_in_words_of_the_page(text, path))

    try:
        _check_size(path)
        if kind == "mask":
            return mask_uri(label_maps.read_label_map(path, CANVAS_SIDE, note=tell).numpy())
        return scribble_uri(user_scribbles.read_scribble(path, CANVAS_SIDE, tell)[0].numpy())
    except DataError as error:
        raise DataError(_in_words_of_the_page(str(error), path)) from None


def _in_words_of_the_page(sentence: str, path: Path) -> str:
    """Take folders and the command line's options out of a sentence."""
    sentence = sentence.replace(str(path), path.name)
    for words, words_of_the_page in IN_WORDS_OF_THE_PAGE.items():
        sentence = sentence.replace(words, words_of_the_page)
    return sentence


def mask_uri(labels: np.ndarray) -> str:
    """Return labels [R,R] as the painter shows them."""
    resized = np.array(_resize_nearest(labels, CANVAS_SIDE))
    return pictures.data_uri(colorize_labels(torch.from_numpy(resized)).numpy())


def scribble_uri(strokes: np.ndarray) -> str:
    """Return strokes [R,R] in 0..1 as the painter shows them."""
    gray = Image.fromarray(user_scribbles.strokes_to_uint8(np.clip(strokes, 0, 1)))
    gray = gray.resize((CANVAS_SIDE, CANVAS_SIDE), Image.Resampling.BILINEAR)
    return pictures.data_uri(gray.convert("RGB"))


def _resize_nearest(labels: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(labels).resize((size, size), Image.Resampling.NEAREST))


def _decode(uri: str) -> Image.Image:
    if not isinstance(uri, str) or not uri.startswith(URI_HEAD) or len(uri) > LONGEST_URI:
        raise DataError(
            "The painting must be a PNG as data URI of at most 4 MB; paint it on the page."
        )
    try:
        content = io.BytesIO(base64.b64decode(uri.removeprefix(URI_HEAD), validate=True))
        painting = image_files.decode_image(content, ["PNG"], check_size=_check_painting_size)
        return rgb.to_rgb(painting, "The painting", rgb.BLACK)
    except (binascii.Error, *image_files.UNREADABLE):
        raise DataError(
            "The painting is not a readable PNG; reload the page and paint again."
        ) from None


def _check_painting_size(width: int, height: int) -> None:
    too_large = max(width, height) > LARGEST_SIDE // 2
    too_small = min(width, height) < image_files.SMALLEST_SIDE
    if too_large or too_small:
        raise DataError(
            f"The painting is {width}×{height} pixels; the painter makes {CANVAS_SIDE}²."
        )


def _check_size(path: Path) -> None:
    """Refuse by its head what is not a picture or too large."""
    try:
        width, height = image_files.read_image_header(path, FORMATS).size
    except image_files.UNREADABLE:
        raise DataError(
            f"{path} is not a readable picture; save it as PNG, JPEG or WebP."
        ) from None
    if max(width, height) > LARGEST_SIDE:
        raise DataError(
            f"{path} is {width}×{height} pixels; make it at most {LARGEST_SIDE} pixels wide and "
            "high."
        )
