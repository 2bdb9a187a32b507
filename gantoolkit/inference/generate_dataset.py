"""`gantoolkit generate RUN --data ZIP`: every sample once, from its own caption, condition, camera.

A file is called ID.png after its sample's image, as `gantoolkit compare` looks for it. Repeating an
interrupted command renders only what is missing; a folder that holds images of another system is
refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch

from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.pair_rule import caption_numbers
from gantoolkit.inference import manifest
from gantoolkit.inference.options import GenerateOptions


def generate(pipeline, options: GenerateOptions, origin: dict | None = None) -> Iterator[dict]:
    """Write what is missing, or was made by something else, and yield manifest rows with `origin`.

    The manifest is complete after each batch.
    """
    data = FaceZip(options.data)
    out = Path(options.out)
    settings = {
        "data": data.path.name,
        "data_sha256": data.sha256,
        "t_out": options.t_out,
        "aggregate": options.aggregate,
        **(origin or {}),
    }
    indices = range(len(data))[: options.limit]
    expected = [_expected_row(data, index, options, settings) for index in indices]
    known = {} if options.overwrite else manifest.read_rows(out)
    missing = [
        index
        for index, row in enumerate(expected)
        if not manifest.is_up_to_date(known.get(row["file"]), row, out)
    ]
    for first in range(0, len(missing), options.batch):
        indices = missing[first : first + options.batch]
        seconds = _generate_batch(pipeline, data, indices, options)
        rows = []
        for index in indices:
            row = expected[index] | {
                "seconds_latent": seconds,
                "caption": options.caption,
                "condition": pipeline.condition,
                "is_3d": pipeline.generator.is_3d,
            }
            rows.append(row)
            yield row
        manifest.add_rows(out, rows)


def _expected_row(data: FaceZip, index: int, options: GenerateOptions, settings: dict) -> dict:
    """What decides an image."""
    return {
        "file": _file_name(data, index),
        "input": data.files[index],
        "kind": "image",
        "text": data.caption(index, options.caption),
        "seed": options.seed,
        **settings,
    }


def _file_name(data: FaceZip, index: int) -> str:
    return f"{Path(data.files[index]).stem}.png"


def _generate_batch(pipeline, data: FaceZip, indices: list[int], options: GenerateOptions) -> float:
    """Run the diffusion model once for all samples, then render each latent; seconds per latent."""
    from gantoolkit.report import pictures

    started = time.perf_counter()
    numbers = torch.tensor(indices)
    captions = caption_numbers(numbers, options.caption)
    sample = data.sample(numbers, captions, pipeline.condition, options.seed)
    condition = sample.condition
    latent = pipeline.latent(condition, t_out=options.t_out, aggregate=options.aggregate)
    seconds = (time.perf_counter() - started) / len(indices)

    for position, index in enumerate(indices):
        camera = None
        if pipeline.generator.is_3d:
            camera = condition.camera[position].to(latent.ws.device)
        image = pipeline.render(latent[position], camera).image
        path = Path(options.out) / _file_name(data, index)
        pictures.save(pictures.image_picture(image), path)
    return round(seconds, 3)
