"""`gantoolkit data resize`: a data set at a smaller size, and without what is not needed."""

from __future__ import annotations

import io
import json
import zipfile
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.image_files import decode_image, read_image_header

FILTERS = {  # folder in the zip → how its images are made smaller
    "image": Image.Resampling.BOX,
    "scribble": Image.Resampling.BOX,
    "mask": Image.Resampling.NEAREST,  # values must not mix
    "depth": Image.Resampling.NEAREST,
}
FEW_VALUED = ("mask", "scribble")  # a lossless WebP of them takes two thirds of a PNG
OPTIONAL = ("depth", "factors")  # what may be left out


def command(args: Namespace) -> int:
    """Run `gantoolkit data resize`."""
    count = resize(
        args.zip,
        Path(args.out),
        args.resolution,
        args.limit,
        leave_out={name for name in OPTIONAL if getattr(args, f"no_{name}")},
        compact=args.compact,
    )
    print(f"{args.out}: {count} samples, {Path(args.out).stat().st_size / 1e6:.1f} MB")
    return 0


def resize(
    source: str | Path,
    out: Path,
    resolution: int,
    limit: int | None = None,
    leave_out: set[str] = frozenset(),
    compact: bool = False,
) -> int:
    """Write the first `limit` samples of a zip at `resolution`; returns their number.

    Images and scribbles are averaged, label maps and depth keep the values of single pixels. The
    file appears when it is complete.

    leave_out  what is left out: 'depth', 'factors'
    compact    take less than half the room: images as WebP of quality 90, scribbles in 16 grays,
               scribbles and label maps as lossless WebP
    """
    data = FaceZip(source)
    if resolution > data.resolution:
        raise UsageError(
            f"{source} has {data.resolution} pixels; it cannot be made larger ({resolution})."
        )
    if out.is_dir():
        raise UsageError(
            f"--out {out} is a folder; name a file in it, such as {out / 'small.zip'}."
        )
    if out.exists() and out.samefile(data.path):
        raise UsageError(f"{out} is the source itself; name another --out.")

    records = data.records[:limit]
    try:
        with zipfile.ZipFile(data.path) as archive:
            content = _resized_files(archive, data.meta, records, resolution, leave_out, compact)
            files.write_zip(out, content)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise DataError(
            f"{source} is not a readable data set ({error}); see 'gantoolkit data check'."
        ) from None
    return len(records)


def _resized_files(
    archive: zipfile.ZipFile,
    meta: dict,
    records: list[dict],
    resolution: int,
    leave_out: set[str],
    compact: bool,
) -> Iterator[tuple[str, str | bytes]]:
    """Yield names and contents of the smaller set."""
    stems = {Path(record["file"]).stem for record in records}
    for name in archive.namelist():
        kind, _, file = name.partition("/")
        stem = Path(file).stem
        if kind not in FILTERS or stem not in stems or kind in leave_out:
            continue
        new_name = f"{kind}/{stem}.webp" if compact and kind in FEW_VALUED else name
        yield new_name, _resize_image(archive.read(name), kind, resolution, compact)

    records = [{k: v for k, v in record.items() if k not in leave_out} for record in records]
    yield "samples.jsonl", "".join(json.dumps(record) + "\n" for record in records)
    yield "dataset.json", json.dumps(_resized_meta(meta, resolution, records, leave_out))


def _resized_meta(meta: dict, resolution: int, records: list[dict], leave_out: set[str]) -> dict:
    """Return dataset.json of the smaller set."""
    stems = {Path(record["file"]).stem for record in records}
    labels = []
    for name, camera in meta["labels"]:
        if Path(name).stem in stems:
            labels.append([name, [_shorten(value) for value in camera]])

    dropped = {"factor_names", "identity_factors"} if "factors" in leave_out else set()
    resized = {key: value for key, value in meta.items() if key not in dropped}
    resized |= {"resolution": resolution, "labels": labels}
    if "count" in meta:
        resized["count"] = len(records)
    return resized


def _shorten(value: float) -> float:
    """Return the number with the fewest digits that is the same in 32 bit, as cameras are read."""
    return float(str(np.float32(value)))


def _resize_image(content: bytes, kind: str, resolution: int, compact: bool = False) -> bytes:
    """Resize an image file in its own format; WebP is lossless up to 64 px, unless `compact`."""
    header = read_image_header(io.BytesIO(content))
    if header.size == (resolution, resolution) and not compact:
        return content
    image = decode_image(io.BytesIO(content)).resize((resolution, resolution), FILTERS[kind])
    file_format = header.format
    options = {}
    if compact and kind in FEW_VALUED:
        values = np.asarray(image)  # of an image with a palette: its indices
        if kind == "scribble":
            values = np.uint8(values / 17 + 0.5) * 17
        image = Image.fromarray(values).convert("RGB")
        file_format = "WEBP"
        options = dict(lossless=True, quality=100, method=6)
    elif file_format == "WEBP" and compact:
        options = dict(quality=90, method=6)
    elif file_format == "WEBP":
        options = dict(quality=94, method=4, lossless=resolution <= 64)
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()
