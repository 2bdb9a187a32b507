"""Read image files: whatever a user, a data set or another program hands in is decoded here.

`decode_image` and `read_image_header` are the only callers of Pillow's reader, so that limits on
files from strangers have one place. Both raise one of `UNREADABLE`, which callers turn into their
own sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageOps

from gantoolkit.core.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
SMALLEST_SIDE = 16  # pixels
LARGEST_ASPECT_RATIO = 3  # long side / short side


class ImageHeader(NamedTuple):
    """What an image file says of itself before its pixels are decoded."""

    size: tuple[int, int]  # width, height
    mode: str  # of Pillow: "RGB", "L", "P", …
    format: str  # of Pillow: "PNG", "JPEG", …


def read_image_header(
    source: str | Path | BinaryIO, formats: Sequence[str] | None = None
) -> ImageHeader:
    """Read the header of an image file or stream without decoding its pixels.

    formats  the formats of Pillow that are accepted (default: all)
    """
    with Image.open(source, formats=formats) as file:
        return ImageHeader(file.size, file.mode, file.format or "")


def decode_image(
    source: str | Path | BinaryIO,
    formats: Sequence[str] | None = None,
    upright: bool = False,
    check_size: Callable[[int, int], None] | None = None,
) -> Image.Image:
    """Decode an image file or stream.

    formats     the formats of Pillow that are accepted (default: all)
    upright     turn the image as its EXIF orientation says
    check_size  called with (width, height) before the pixels are decoded, to refuse an image by
                raising
    """
    with Image.open(source, formats=formats) as file:
        if check_size is not None:
            check_size(*file.size)
        file.load()
        return ImageOps.exif_transpose(file) if upright else file


def open_image(path: str | Path) -> Image.Image:
    """Decode a user's image, upright.

    Raises DataError where it is unreadable, tiny or far from square.
    """
    try:
        image = decode_image(path, upright=True)
    except UNREADABLE as error:
        raise DataError(
            f"{path} is not a readable picture ({type(error).__name__}); save it again as PNG."
        ) from None

    short_side, long_side = sorted(image.size)
    dimensions = f"{path} is {image.width}×{image.height} pixels"
    if short_side < SMALLEST_SIDE:
        raise DataError(f"{dimensions}; at least {SMALLEST_SIDE} are needed.")
    if long_side > LARGEST_ASPECT_RATIO * short_side:
        raise DataError(f"{dimensions}; crop it to about a square around the face.")
    return image


def is_image_file(path: Path) -> bool:
    """Whether a name looks like that of an image; hidden files do not count."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def list_images(path: str | Path) -> list[Path]:
    """List the images of a folder in the order of their names, or the one image `path`."""
    path = Path(path)
    if path.is_dir():
        images = [file for file in sorted(path.iterdir()) if is_image_file(file)]
        if not images:
            raise DataError(f"The folder {path} holds no pictures ({', '.join(SUFFIXES)}).")
        return images
    if not path.exists():
        raise DataError(
            f"There is no file or folder {path}; give a picture or a folder of pictures."
        )
    return [path]
