"""`gantoolkit data resize`: a data set at a smaller size, and without the parts that its use does not need."""

from __future__ import annotations

import io
import json
import zipfile
from argparse import Namespace
from pathlib import Path

import numpy as np
from PIL import Image

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.data.face_zip import FaceZip

FILTERS = dict(
    image=Image.Resampling.BOX,
    scribble=Image.Resampling.BOX,  # averages
    mask=Image.Resampling.NEAREST,
    depth=Image.Resampling.NEAREST,
)  # values must not mix
DRAWN = ("mask", "scribble")  # of few values; a lossless WebP of them takes two thirds of a PNG


def command(args: Namespace) -> int:
    """`gantoolkit data resize`"""
    count = resize(
        args.zip,
        Path(args.out),
        args.resolution,
        args.limit,
        leave={part for part in ("depth", "factors") if getattr(args, f"no_{part}")},
        compact=args.compact,
    )
    print(f"{args.out}: {count} samples, {Path(args.out).stat().st_size / 1e6:.1f} MB")
    return 0


def resize(
    source: str | Path,
    out: Path,
    resolution: int,
    limit: int | None = None,
    leave: set[str] = frozenset(),
    compact: bool = False,
) -> int:
    """Write the first `limit` samples of a zip at `resolution`; returns their number.

    Images and scribbles are averaged, label maps and depth keep the values of single pixels. `leave` names what is
    left out: 'depth', 'factors'. `compact` takes less than half the room: images as WebP of quality 90, scribbles
    in 16 greys, scribbles and label maps as lossless WebP.
    The file appears when it is complete.
    """
    data = FaceZip(source)
    lines = data.rows[:limit]
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
    try:
        with zipfile.ZipFile(data.path) as old:
            files.write_zip(out, _content(old, data.meta, lines, resolution, leave, compact))
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise DataError(
            f"{source} is not a readable data set ({error}); see 'gantoolkit data check'."
        ) from None
    return len(lines)


def _content(
    old: zipfile.ZipFile,
    meta: dict,
    lines: list[dict],
    resolution: int,
    leave: set[str],
    compact: bool,
):
    """Names and bytes of the smaller set."""
    kept = {Path(line["file"]).stem for line in lines}
    for name in old.namelist():
        part, _, file = name.partition("/")
        if part in FILTERS and Path(file).stem in kept and part not in leave:
            fresh = f"{part}/{Path(file).stem}.webp" if compact and part in DRAWN else name
            yield fresh, _smaller(old.read(name), part, resolution, compact)
    rows = [{k: v for k, v in line.items() if k not in leave} for line in lines]
    yield "samples.jsonl", "".join(json.dumps(row) + "\n" for row in rows)
    yield "dataset.json", json.dumps(_header(meta, resolution, rows, leave))


def _header(meta: dict, resolution: int, rows: list[dict], leave: set[str]) -> dict:
    """dataset.json of the smaller set."""
    names = {Path(row["file"]).stem for row in rows}
    labels = [
        [name, [_shortest(v) for v in camera]]
        for name, camera in meta["labels"]
        if Path(name).stem in names
    ]
    dropped = {"factor_names", "identity_factors"} if "factors" in leave else set()
    header = {k: v for k, v in meta.items() if k not in dropped}
    return header | dict(
        resolution=resolution, labels=labels, **({"count": len(rows)} if "count" in meta else {})
    )


def _shortest(value: float) -> float:
    """The number with the fewest digits that is the same in 32 bit, in which cameras are read."""
    return float(str(np.float32(value)))


def _smaller(content: bytes, part: str, resolution: int, compact: bool = False) -> bytes:
    """A picture at `resolution`, in its own format; WebP lossless up to 64 px, unless `compact`."""
    picture, out = Image.open(io.BytesIO(content)), io.BytesIO()
    if picture.size == (resolution, resolution) and not compact:
        return content
    small, form, options = (
        picture.resize((resolution, resolution), FILTERS[part]),
        picture.format,
        {},
    )
    if compact and part in DRAWN:
        values = np.asarray(small)  # of a palette: its numbers
        small = Image.fromarray(
            values if part == "mask" else np.uint8(values / 17 + 0.5) * 17
        ).convert("RGB")
        form, options = "WEBP", dict(lossless=True, quality=100, method=6)
    elif form == "WEBP":
        options = (
            dict(quality=90, method=6)
            if compact
            else dict(quality=94, method=4, lossless=resolution <= 64)
        )
    small.save(out, form, **options)
    return out.getvalue()
