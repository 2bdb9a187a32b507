"""Turn any image file into RGB of 8 bits a channel.

What is transparent shows white, unless a caller names another ground: colors that are hidden under
alpha 0 never appear. Gray beyond 8 bits is scaled by the white of its format, which its largest
value tells; where that cannot be told, the file is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from gantoolkit.core.errors import DataError, warn_once
from gantoolkit.data.image_files import UNREADABLE, Note, open_image

WHITE = (255, 255, 255)
BLACK = (0, 0, 0)
ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")  # of Pillow
DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")  # of Pillow: gray beyond 8 bits
FAINT = 0.06  # of 255, brightest value of a picture that is all but black
# Whole numbers up to the first are meant in a scale whose white is the second.
WHOLE_SCALES = ((1, 1), (255, 255), (1023, 1023), (4095, 4095), (65535, 65535))
# Fractions may overshoot their white a little, as after bicubic resizing.
UNIT_LARGEST = 1.5
BYTE_RANGE = (64.0, 300.0)  # largest fractions in a scale whose white is 255


def read_rgb(
    path: str | Path, ground: tuple[int, int, int] = WHITE, note: Note = warn_once
) -> Image.Image:
    """Read any image file as RGB, upright.

    ground  RGB 0..255 that shows where the image is transparent
    note    is told what was not read as it stands in the file

    Raises DataError where it is unreadable, tiny, far from square, or without a known white.
    """
    image = open_image(path, note)
    rgb = to_rgb(image, path, ground, note)
    if not has_alpha(image) and max(high for _, high in rgb.getextrema()) < FAINT * 255:
        note(f"{path} is all but black; check that it is the picture that was meant.")
    return rgb


def to_rgb(
    image: Image.Image,
    path: str | Path,
    ground: tuple[int, int, int] = WHITE,
    note: Note = warn_once,
) -> Image.Image:
    """Turn an opened image into RGB; `path` is named in errors."""
    if image.mode in DEEP_MODES:
        gray = scale_deep_gray(image, path, note)
        rgb = np.repeat((gray * 255).round().astype(np.uint8)[..., None], 3, 2)
        if "transparency" in image.info:  # one gray is transparent
            rgb[np.asarray(image) == image.info["transparency"]] = ground
        return Image.fromarray(rgb)
    try:
        if not has_alpha(image):
            return image.convert("RGB")
        layers = to_rgba(image)
        if layers.getchannel("A").getextrema() == (0, 0):
            raise DataError(f"{path} is wholly transparent; save it without transparency.")
        paper = Image.new("RGBA", layers.size, ground)
        return Image.alpha_composite(paper, layers).convert("RGB")
    except UNREADABLE:
        raise DataError(
            f"{path} has colors of the kind {image.mode}, which cannot be turned into RGB; save it "
            "as RGB PNG."
        ) from None


def has_alpha(image: Image.Image) -> bool:
    """Whether an opened image has transparency, in a channel, a palette or as one color."""
    return image.mode in ALPHA_MODES or "transparency" in image.info


def to_rgba(image: Image.Image) -> Image.Image:
    """Turn an opened image of 8 bits into RGBA with straight alpha."""
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    return image.convert("RGBA")


def scale_deep_gray(image: Image.Image, path: str | Path, note: Note = warn_once) -> np.ndarray:
    """Scale gray [H,W] beyond 8 bits to float64 0..1 by the white that its largest value tells.

    path  named in errors
    note  is told the white where it is not that of the file's own depth
    """
    gray = np.asarray(image, np.float64)
    remedy = "save it as PNG of 8 bits."
    if not np.isfinite(gray).all():
        raise DataError(f"{path} holds values that are not numbers (NaN or infinite); {remedy}")
    largest = float(gray.max())
    is_whole = bool((gray == gray.round()).all())
    white = _white_of_whole(largest) if is_whole else _white_of_fractions(largest)
    if white is None or gray.min() < -0.1 * white:
        raise DataError(
            f"{path} holds gray values from {gray.min():g} to {largest:g}, whose white is not "
            f"known; {remedy}"
        )
    if is_whole and white < 65535 and largest > 0:
        note(f"{path} is stored deeper than 8 bits; its white is taken to be {white:g}.")
    return np.clip(gray / white, 0, 1)


def _white_of_whole(largest: float) -> float | None:
    """Guess the white of whole numbers: that of 1, 8, 10, 12 or 16 bits."""
    return next((float(white) for limit, white in WHOLE_SCALES if largest <= limit), None)


def _white_of_fractions(largest: float) -> float | None:
    """Guess the white of fractions: 1, 255 or 65535; None between them."""
    if largest <= UNIT_LARGEST:
        return 1.0
    if BYTE_RANGE[0] <= largest <= BYTE_RANGE[1]:
        return 255.0
    return 65535.0 if 4096 <= largest <= 1.1 * 65535 else None
