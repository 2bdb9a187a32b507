"""`gantoolkit generate RUN --data ZIP`: every sample of a data set once, from its own caption, condition and camera.

A file is called ID.png after its sample's picture, as `gantoolkit compare` looks for it. Repeating an interrupted
command draws only what is missing; a folder that holds pictures of another system is refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.data.face_zip import FaceZip

SYSTEM = (
    "run",
    "weights",
    "generator",
    "t_out",
    "aggregate",
)  # what a manifest's row says of the system that drew
OTHER = {
    "weights": "other weights",
    "generator": "another generator",
}  # whose values say little to a reader


def generate(pipeline, options, origin: dict | None = None) -> Iterator[dict]:
    """Write what is missing, or was made by something else, and yield its manifest rows with `origin` in them.

    The manifest is complete after each batch.
    """
    from gantoolkit.inference.generate import MANIFEST

    data, out = FaceZip(options.data), Path(options.out)
    settings = {
        "data": data.path.name,
        "data_sha256": data.sha256,
        "t_out": options.t_out,
        "aggregate": options.aggregate,
        **(origin or {}),
    }
    rows = {row["file"]: row for row in files.read_json_lines(out / MANIFEST) if "file" in row}
    todo = [
        i
        for i in range(len(data))
        if not _drawn(rows.get(_file(data, i)), out, _row(data, i, options, settings))
    ]
    for part in torch.tensor(todo).split(options.batch) if todo else ():
        for i, seconds in zip(part.tolist(), _batch(pipeline, data, part, options)):
            row = _row(data, i, options, settings) | {"seconds_latent": seconds}
            rows[row["file"]] = row
            yield row
        files.write_json_lines(out / MANIFEST, rows.values())


def refuse_others(options, origin: dict) -> None:
    """Refuse a folder whose manifest names another system or seed: a stop in the middle would leave a mixture."""
    from gantoolkit.inference.generate import MANIFEST

    wanted = {
        "t_out": options.t_out,
        "aggregate": options.aggregate,
        "seed": options.seed,
        **origin,
    }
    for row in files.read_json_lines(Path(options.out) / MANIFEST):
        other = [key for key in (*SYSTEM, "seed") if _told(row, key) != _told(wanted, key)]
        if "file" in row and other:
            said = [OTHER.get(key, f"{key} {row.get(key, 'unknown')}") for key in other]
            raise UsageError(
                f"{options.out} holds pictures drawn with {', '.join(said)}; give another --out."
            )


def _told(row: dict, key: str):
    """What a row says; a path is the same however it is spelt."""
    value = row.get(key)
    return Path(value) if key in ("run", "generator") and isinstance(value, str) else value


def _file(data: FaceZip, index: int) -> str:
    return f"{Path(data.files[index]).stem}.png"


def _row(data: FaceZip, index: int, options, settings: dict) -> dict:
    """What decides a picture; the caption is the sample's first."""
    return {
        "file": _file(data, index),
        "input": data.files[index],
        "kind": "image",
        "text": next(iter(data.captions[index]), ""),
        "seed": options.seed,
        **settings,
    }


def _drawn(row: dict | None, out: Path, wanted: dict) -> bool:
    """Whether the picture of these settings is there."""
    same = row is not None and all(_told(row, key) == _told(wanted, key) for key in wanted)
    return same and (out / wanted["file"]).is_file()


def _batch(pipeline, data: FaceZip, rows: torch.Tensor, options) -> list[float]:
    """One pass of the diffusion model for all rows, then each latent is drawn; seconds per latent."""
    from gantoolkit.report import pictures

    began = time.perf_counter()
    condition = data.sample(rows, condition=pipeline.condition, seed=options.seed).condition
    latent = pipeline.latent(condition, t_out=options.t_out, aggregate=options.aggregate)
    seconds = round((time.perf_counter() - began) / len(rows), 3)
    solid = pipeline.generator.is_3d
    for place, index in enumerate(rows.tolist()):
        camera = condition.camera[place].to(latent.ws.device) if solid else None
        image = pipeline.render(latent[place], camera).image
        pictures.save(pictures.image_picture(image), Path(options.out) / _file(data, index))
    return [seconds] * len(rows)
