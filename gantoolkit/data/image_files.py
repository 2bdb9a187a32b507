"""Open image files: whatever a user, a data set or another program hands in is decoded here.

`decode_image` and `read_image_header` are the only callers of Pillow's reader, so that limits on
files from strangers have one place. Both raise one of `UNREADABLE`, which callers turn into their
own sentence. What an opened image means is said elsewhere: `rgb` for photos, `label_maps`,
`user_scribbles`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageOps

from gantoolkit.core.errors import DataError, warn_once
from gantoolkit.core.text import check_names

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
UNREADABLE = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, MemoryError),
    *(OverflowError, struct.error, zlib.error, Image.DecompressionBombError),
)
Note = Callable[[str], None]  # is told, in a sentence, what was not read as it stands in the file
SMALLEST_SIDE = 16  # pixels
LARGEST_ASPECT_RATIO = 3  # long side / short side


@dataclass(frozen=True)
class GivenImage:
    """An image that a program hands in, in place of a file's path."""

    image: Image.Image
    name: str  # what sentences call it, such as "mask"

    def __str__(self) -> str:
        return self.name


ImageSource = str | Path | GivenImage


class ImageHeader(NamedTuple):
    """What an image file says of itself before its pixels are decoded."""

    size: tuple[int, int]  # width, height
    mode: str  # of Pillow: "RGB", "L", "P", …
    format: str  # of Pillow: "PNG", "JPEG", …
    pages: int  # pages of a TIFF, frames of an animation, else 1


def read_image_header(
    source: str | Path | BinaryIO, formats: Sequence[str] | None = None
) -> ImageHeader:
    """Read the header of an image file or stream without decoding its pixels.

    formats  the formats of Pillow that are accepted (default: all)
    """
    with Image.open(source, formats=formats) as file:
        pages = getattr(file, "n_frames", 1)
        return ImageHeader(file.size, file.mode, file.format or "", pages)


def decode_image(
    source: str | Path | BinaryIO,
    formats: Sequence[str] | None = None,
    upright: bool = False,
    check_size: Callable[[int, int], None] | None = None,
) -> Image.Image:
    """Decode an image file or stream; of several pages or frames, the first.

    formats     the formats of Pillow that are accepted (default: all)
    upright     turn the image as its EXIF orientation says
    check_size  called with (width, height) before the pixels are decoded, to refuse an image by
                raising
    """
    with Image.open(source, formats=formats) as file:
        if check_size is not None:
            check_size(*file.size)
        file.load()
        return _turn_upright(file) if upright else file


def _turn_upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF orientation says; damaged EXIF data counts as none."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow's parser fails in many ways on damaged tags
        return image


def image_format(source: ImageSource) -> str:
    """Return Pillow's name of a file's format; "" for what is not a file."""
    return "" if isinstance(source, GivenImage) else read_image_header(source).format


def open_image(source: ImageSource, note: Note = warn_once) -> Image.Image:
    """Decode a user's image, upright, in its own mode.

    note  is told where only the first of several pages is read

    Raises DataError where it is unreadable, tiny or far from square.
    """
    if isinstance(source, GivenImage):
        image = source.image
    else:
        image = _decode_first_page(source, note)

    short_side, long_side = sorted(image.size)
    dimensions = f"{source} is {image.width}×{image.height} pixels"
    if short_side < SMALLEST_SIDE:
        raise DataError(f"{dimensions}; at least {SMALLEST_SIDE} are needed.")
    if long_side > LARGEST_ASPECT_RATIO * short_side:
        raise DataError(f"{dimensions}; crop it to about a square around the face.")
    return image


def _decode_first_page(path: str | Path, note: Note) -> Image.Image:
    try:
        pages = read_image_header(path).pages
        image = decode_image(path, upright=True)
    except UNREADABLE as error:
        raise DataError(f"{path} {_describe_unreadable(Path(path), error)}.") from None
    if pages > 1:
        note(f"{path} holds {pages} pages or frames; the first one is read.")
    return image


def _describe_unreadable(path: Path, error: Exception) -> str:
    """Say what is wrong with a file that Pillow could not read, to be read after its name."""
    from gantoolkit.weights.recognize import describe_damage

    if isinstance(error, OSError) and error.strerror:
        return f"cannot be opened ({error.strerror.lower()}); give the file of a picture"
    if isinstance(error, Image.DecompressionBombError):
        return "claims to have more pixels than are read from strangers; save it in a smaller size"
    if damage := describe_damage(path, is_text=True):
        return damage
    return f"is not a readable picture ({type(error).__name__}); save it again as PNG"


def is_image_file(path: Path) -> bool:
    """Whether a name looks like that of an image; hidden files do not count."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def list_images(path: str | Path) -> list[Path]:
    """List the images of a folder in the order of their names, or the one image `path`."""
    path = Path(path)
    if path.is_dir():
        images = [file for file in sorted(path.iterdir()) if is_image_file(file)]
        check_names((image.name for image in images), str(path))
        if not images:
            raise DataError(f"The folder {path} holds no pictures ({', '.join(SUFFIXES)}).")
        return images
    if not path.exists():
        raise DataError(
            f"There is no file or folder {path}; give a picture or a folder of pictures."
        )
    return [path]
