"""Pictures of what flows: tensors → uint8 [H,W,3] arrays → PNG files, and grids of them.

Every `*_picture` takes one sample (with or without a leading dimension of 1) and returns one array.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from torch.nn.functional import interpolate

from gantoolkit.core import files
from gantoolkit.core.images import colorize_labels, to_uint8
from gantoolkit.core.types import Condition

DESCRIPTION_KEY = "gantoolkit"  # of a PNG's own description
NO_CONDITION_SIZE = 64  # pixels, of the gray picture that stands for no condition
NEAR_TO_FAR = np.array(  # anchors of a perceptually even scale, yellow to blue
    [(253, 231, 37), (122, 209, 81), (34, 168, 132), (42, 120, 142), (65, 68, 135), (68, 1, 84)],
    float,
)
COLD_TO_HOT = np.array(  # night blue, violet, red, orange, yellow; lightness rises all the way
    [(12, 14, 48), (78, 20, 110), (168, 40, 92), (232, 92, 40), (251, 170, 32), (252, 248, 150)],
    float,
)


def _without_batch(value: Tensor, ndim: int) -> Tensor:
    """Drop leading dimensions of size 1 down to `ndim`."""
    value = value.detach().float().cpu()
    while value.ndim > ndim:
        value = value[0]
    return value


def image_picture(image: Tensor) -> np.ndarray:
    """Convert an RGB image [3,H,W] in −1..1, clamped."""
    return to_uint8(_without_batch(image, 3)).permute(1, 2, 0).numpy()


def mask_picture(mask: Tensor) -> np.ndarray:
    """Convert labels [H,W], or a one-hot mask [K,H,W], to the colors of CelebAMask-HQ."""
    mask = mask.detach().cpu()
    while mask.ndim > 3 or (mask.ndim == 3 and mask.shape[0] == 1):
        mask = mask[0]
    labels = mask.argmax(0) if mask.ndim == 3 else mask.long()
    return colorize_labels(labels).numpy()


def scribble_picture(scribble: Tensor) -> np.ndarray:
    """Convert strokes [1,H,W] in 0..1 to white on black."""
    gray = _without_batch(scribble, 2).clamp(0, 1).mul(255).round().byte().numpy()
    return np.repeat(gray[..., None], 3, 2)


def condition_picture(condition: Condition) -> np.ndarray:
    """Convert the visual condition of the first sample; it is gray where there is none."""
    if condition.mask is not None:
        return mask_picture(condition.mask[0])
    if condition.scribble is not None:
        return scribble_picture(condition.scribble[0])
    return np.full((NO_CONDITION_SIZE, NO_CONDITION_SIZE, 3), 128, np.uint8)


def depth_picture(depth: Tensor, near: float | None = None, far: float | None = None) -> np.ndarray:
    """Convert distances [H,W] along the ray to colors; near is yellow.

    Values of 0 and values that are not finite are background, and black. `near` and `far` are by
    default the smallest and the largest distance.
    """
    depth = _without_batch(depth, 2).numpy()
    is_foreground = np.isfinite(depth) & (depth > 0)
    if not is_foreground.any():
        return np.zeros((*depth.shape, 3), np.uint8)

    near = float(depth[is_foreground].min()) if near is None else near
    far = float(depth[is_foreground].max()) if far is None else far
    relative = (np.where(is_foreground, depth, near) - near) / max(far - near, 1e-6)
    colors = _colormap(np.clip(relative, 0, 1), NEAR_TO_FAR).round()
    return np.where(is_foreground[..., None], colors, 0).astype(np.uint8)


def _colormap(values: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Return the colors [H,W,3] of values [H,W] in 0..1, interpolated between anchors [N,3]."""
    position = values * (len(anchors) - 1)
    lower = np.minimum(position.astype(int), len(anchors) - 2)
    fraction = (position - lower)[..., None]
    return anchors[lower] * (1 - fraction) + anchors[lower + 1] * fraction


def attention_picture(image: Tensor, attention: Tensor) -> np.ndarray:
    """Darken an image [3,H,W] in −1..1 where a map [h,w], scaled to its own range, is low."""
    image = _without_batch(image, 3)
    heat = _normalized_map(attention, image.shape[-2:])
    orange = torch.tensor([1.0, 0.55, 0.1]).view(3, 1, 1)
    lit = image.add(1).div(2) * (0.3 + 0.5 * heat) + 0.3 * heat * orange
    return image_picture(lit * 2 - 1)


def heat_picture(image: Tensor, attention: Tensor, opacity: float = 0.62) -> np.ndarray:
    """Lay a map [h,w], scaled to its own range, in colors over the image in gray."""
    image = _without_batch(image, 3)
    heat = _colormap(_normalized_map(attention, image.shape[-2:]).numpy(), COLD_TO_HOT)
    gray = image_picture(image).mean(2, keepdims=True)
    return (opacity * heat + (1 - opacity) * gray).round().astype(np.uint8)


def _normalized_map(attention: Tensor, size: tuple[int, int]) -> Tensor:
    """Enlarge a map [h,w] to `size` and scale it to 0..1."""
    batch = _without_batch(attention, 2)[None, None]
    heat = interpolate(batch, size, mode="bilinear", align_corners=False)[0, 0]
    return (heat - heat.min()) / (heat.max() - heat.min()).clamp_min(1e-8)


def resized(picture: np.ndarray, height: int, width: int | None = None) -> np.ndarray:
    """Resize a picture: pixels are repeated where the factor is whole, else filtered."""
    width = height if width is None else width
    is_whole = height % picture.shape[0] == 0 and width % picture.shape[1] == 0
    method = Image.Resampling.NEAREST if is_whole else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(picture).resize((width, height), method))


def grid(rows: Sequence[Sequence[np.ndarray]], gap: int = 2, background: int = 255) -> np.ndarray:
    """Set rows of pictures on one sheet.

    All take the size of the largest; short rows are filled up with `background`.
    """
    shapes = [picture.shape for row in rows for picture in row]
    height = max(shape[0] for shape in shapes)
    width = max(shape[1] for shape in shapes)
    columns = max(map(len, rows))

    sheet_height = len(rows) * (height + gap) - gap
    sheet_width = columns * (width + gap) - gap
    sheet = np.full((sheet_height, sheet_width, 3), background, np.uint8)
    for row_index, row in enumerate(rows):
        y = row_index * (height + gap)
        for column, picture in enumerate(row):
            x = column * (width + gap)
            sheet[y : y + height, x : x + width] = resized(picture, height, width)
    return sheet


def save(picture: np.ndarray, path: str | Path, description: Mapping | None = None) -> Path:
    """Write a picture atomically as PNG, or as what the suffix says.

    A PNG keeps `description` as JSON. WebP is small rather than exact: sheets of small pictures,
    enlarged, look the same.
    """
    path = Path(path)
    options: dict = {}
    if path.suffix == ".webp":
        options = {"quality": 50, "method": 6}
    if description is not None:
        info = PngInfo()
        info.add_itxt(DESCRIPTION_KEY, json.dumps(description, ensure_ascii=False))
        options["pnginfo"] = info
    file_format = path.suffix.lstrip(".").upper() or "PNG"
    return files.write_bytes(path, encode(picture, file_format, **options))


def encode(picture: np.ndarray | Image.Image, file_format: str = "PNG", **options) -> bytes:
    """Return a picture as the content of a file; formats and options are Pillow's."""
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(picture)
    content = io.BytesIO()
    picture.save(content, file_format, **options)
    return content.getvalue()


def data_uri(picture: np.ndarray | Image.Image, file_format: str = "PNG", **options) -> str:
    """Return a picture as a data URI."""
    content = base64.b64encode(encode(picture, file_format, **options)).decode()
    return f"data:image/{file_format.lower()};base64,{content}"
