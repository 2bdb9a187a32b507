"""Pictures of what flows: tensors → uint8 [H,W,3] arrays → PNG files, and sheets of them.

Every `*_picture` takes one sample (with or without a leading dimension of 1) and gives one array.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from torch.nn.functional import interpolate

from gantoolkit.core import files
from gantoolkit.core.labels import PALETTE
from gantoolkit.core.types import Condition
from gantoolkit.report.record import RUN

ABOUT = "gantoolkit"  # key of a picture's own description
# Anchors of a perceptually even blue–green–yellow scale, near → far (own interpolation between them).
_NEAR_TO_FAR = np.array(
    [(253, 231, 37), (122, 209, 81), (34, 168, 132), (42, 120, 142), (65, 68, 135), (68, 1, 84)],
    float,
)
# Low → high: night blue, violet, red, orange, yellow; lightness rises all the way.
_COLD_TO_HOT = np.array(
    [(12, 14, 48), (78, 20, 110), (168, 40, 92), (232, 92, 40), (251, 170, 32), (252, 248, 150)],
    float,
)


def _one(value: Tensor, ndim: int) -> Tensor:
    """Drop leading dimensions of size 1 down to `ndim`."""
    value = value.detach().float().cpu()
    while value.ndim > ndim:
        value = value[0]
    return value


def image_picture(image: Tensor) -> np.ndarray:
    """An RGB image [3,H,W] in −1..1."""
    image = _one(image, 3).clamp(-1, 1).add(1).mul(127.5).round()
    return image.byte().permute(1, 2, 0).numpy()


def mask_picture(mask: Tensor) -> np.ndarray:
    """Labels [H,W], or one-hot [K,H,W], in the colours of CelebAMask-HQ."""
    mask = mask.detach().cpu()
    while mask.ndim > 3 or (mask.ndim == 3 and mask.shape[0] == 1):
        mask = mask[0]
    labels = mask.argmax(0) if mask.ndim == 3 else mask.long()
    return np.asarray(PALETTE, np.uint8).reshape(-1, 3)[labels.numpy()]


def scribble_picture(scribble: Tensor) -> np.ndarray:
    """Strokes [1,H,W] in 0..1, white on black."""
    grey = _one(scribble, 2).clamp(0, 1).mul(255).round().byte().numpy()
    return np.repeat(grey[..., None], 3, 2)


def condition_picture(condition: Condition) -> np.ndarray:
    """The visual condition of the first sample; grey where there is none."""
    if condition.mask is not None:
        return mask_picture(condition.mask[0])
    if condition.scribble is not None:
        return scribble_picture(condition.scribble[0])
    return np.full((64, 64, 3), 128, np.uint8)


def depth_picture(depth: Tensor, near: float | None = None, far: float | None = None) -> np.ndarray:
    """Distance [H,W] along the ray as colour, near = yellow; 0 or non-finite = background, black."""
    depth = _one(depth, 2).numpy()
    seen = np.isfinite(depth) & (depth > 0)
    if not seen.any():
        return np.zeros((*depth.shape, 3), np.uint8)
    near = float(depth[seen].min()) if near is None else near
    far = float(depth[seen].max()) if far is None else far
    part_way = np.clip((np.where(seen, depth, near) - near) / max(far - near, 1e-6), 0, 1)
    return np.where(seen[..., None], _coloured(part_way, _NEAR_TO_FAR).round(), 0).astype(np.uint8)


def _coloured(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Values [H,W] in 0..1 as colours [H,W,3] of a scale [N,3], interpolated between its anchors."""
    place = values * (len(scale) - 1)
    low = np.minimum(place.astype(int), len(scale) - 2)
    part = (place - low)[..., None]
    return scale[low] * (1 - part) + scale[low + 1] * part


def attention_picture(image: Tensor, attention: Tensor) -> np.ndarray:
    """An image [3,H,W] in −1..1, darkened where the map [h,w] (scaled to its own range) is low."""
    image, heat = _one(image, 3), _heat(attention, image.shape[-2:])
    colour = torch.tensor([1.0, 0.55, 0.1]).view(3, 1, 1)
    lit = image.add(1).div(2) * (0.3 + 0.5 * heat) + 0.3 * heat * colour
    return image_picture(lit * 2 - 1)


def heat_picture(image: Tensor, attention: Tensor, share: float = 0.62) -> np.ndarray:
    """A map [h,w] (scaled to its own range) in colours, low = blue, high = yellow, over the image in grey."""
    image = _one(image, 3)
    heat = _coloured(_heat(attention, image.shape[-2:]).numpy(), _COLD_TO_HOT)
    grey = image_picture(image).mean(2, keepdims=True)
    return (share * heat + (1 - share) * grey).round().astype(np.uint8)


def _heat(attention: Tensor, size: tuple[int, int]) -> Tensor:
    """A map [h,w] enlarged to `size` and scaled to 0..1."""
    heat = interpolate(_one(attention, 2)[None, None], size, mode="bilinear", align_corners=False)[
        0, 0
    ]
    return (heat - heat.min()) / (heat.max() - heat.min()).clamp_min(1e-8)


def resized(picture: np.ndarray, height: int, width: int | None = None) -> np.ndarray:
    """A picture at another size: enlarged by repeating pixels where the factor is whole, else filtered."""
    width = height if width is None else width
    whole = height % picture.shape[0] == 0 and width % picture.shape[1] == 0
    method = Image.Resampling.NEAREST if whole else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(picture).resize((width, height), method))


def grid(rows: Sequence[Sequence[np.ndarray]], gap: int = 2, background: int = 255) -> np.ndarray:
    """Rows of pictures on one sheet; all take the size of the largest, short rows are filled up."""
    size = (
        max(p.shape[0] for row in rows for p in row),
        max(p.shape[1] for row in rows for p in row),
    )
    columns = max(len(row) for row in rows)
    shape = len(rows) * (size[0] + gap) - gap, columns * (size[1] + gap) - gap, 3
    sheet = np.full(shape, background, np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            y, x = i * (size[0] + gap), j * (size[1] + gap)
            sheet[y : y + size[0], x : x + size[1]] = resized(picture, *size)
    return sheet


def save(picture: np.ndarray, path: str | Path, about: Mapping | None = None) -> Path:
    """Write a picture as PNG (or what the suffix says), atomically; a PNG keeps `about` as JSON.

    WebP is small rather than exact: sheets of small pictures, enlarged, look the same.
    """
    path = Path(path)
    extra = dict(quality=50, method=6) if path.suffix == ".webp" else {}
    if about is not None:
        extra["pnginfo"] = PngInfo()
        extra["pnginfo"].add_itxt(ABOUT, json.dumps(about, ensure_ascii=False))
    return files.write_bytes(
        path, encoded(picture, path.suffix.lstrip(".").upper() or "PNG", **extra)
    )


def encoded(picture: np.ndarray | Image.Image, form: str = "PNG", **options) -> bytes:
    """A picture as a file of the form that Pillow names so."""
    content = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(
        content, form, **options
    )
    return content.getvalue()


def uri(picture: np.ndarray | Image.Image, form: str = "PNG", **options) -> str:
    """The same as a data URI."""
    return f"data:image/{form.lower()};base64,{base64.b64encode(encoded(picture, form, **options)).decode()}"


def save_sample(
    folder: str | Path,
    name: str,
    condition: Condition,
    columns: Mapping[str, Tensor],
    views: Iterable[Tensor] = (),
    steps: Iterable[tuple[int, Mapping[str, Tensor]]] = (),
    t: int | None = None,
    attention: Mapping[int, Tensor] | None = None,
) -> dict:
    """Write one sample's pictures below `folder`/pictures and give its entry for `Record.samples`.

    columns    column name → image [1,3,R,R] in −1..1 (image_gt, x0, G(w_m), G(w) are known)
    views      images of G(w) from several cameras
    steps      (t, column name → image) in the order in which the steps ran
    attention  t → map [1,1,h,w] laid over that step's G(w)
    """
    folder, stem = Path(folder), re.sub(r"[^\w.-]+", "-", name)

    def put(part: str, picture: np.ndarray) -> str:
        part = re.sub(r"\W+", "_", part).strip("_")
        return (
            save(picture, folder / "pictures" / f"{stem}-{part}.png").relative_to(folder).as_posix()
        )

    images = {"condition": put("condition", condition_picture(condition))}
    images |= {column: put(column, image_picture(image)) for column, image in columns.items()}
    rows = []
    for step, shown in steps:
        row = {
            column: put(f"t{int(step):03d}-{column}", image_picture(image))
            for column, image in shown.items()
        }
        if attention and step in attention and RUN in shown:
            row["attention"] = put(
                f"t{int(step):03d}-attention", attention_picture(shown[RUN], attention[step])
            )
        rows.append({"t": int(step), "images": row})
    entry = {
        "file": name,
        "prompt": condition.text[0],
        "images": images,
        "steps": rows,
        "views": [put(f"view{i}", image_picture(view)) for i, view in enumerate(views)],
    }
    if condition.seed is not None:
        entry["seed"] = int(condition.seed[0])
    return entry if t is None else entry | {"t": int(t)}
