"""The sheet of a suite: the same conditions, drawn by every system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from gantoolkit.bench import make
from gantoolkit.bench.pairs import open_pairs
from gantoolkit.bench.tables import Line
from gantoolkit.report import sheets

SHOWN, SCALE = 6, 2


def write(suite, lines: Sequence[Line], work: Path, out: Path) -> Path | None:
    """A row per condition: condition, photo, every system; None where the images are gone."""
    columns = [_images(work / record.config["work"]) for _, record in lines]
    jobs = [work / record.config["work"] / "job.json" for _, record in lines]
    if not all(columns) or not jobs[0].is_file():
        return None
    job = make.Job(**json.loads(jobs[0].read_text()))
    count = min(SHOWN, job.count, *(len(column) for column in columns))
    sample = open_pairs(job.split, job.count, job.seed, job.data).sample(torch.arange(count), job.condition)
    size = sample.target.image_gt.shape[-1] * SCALE
    rows = []
    for i in range(count):
        pictures = [sheets.condition_picture(sample.condition[i]), sheets.image_picture(sample.target.image_gt[i])]
        rows.append([sheets.resized(p, size) for p in [*pictures, *(column[i] for column in columns)]])
    return sheets.save(sheets.grid(rows), out)


def _images(folder: Path) -> list[np.ndarray]:
    """The first pictures of a row [H,W,3]."""
    found: list[np.ndarray] = []
    number = 0
    while len(found) < SHOWN and make.path_of(folder, number).is_file():
        with np.load(make.path_of(folder, number), allow_pickle=False) as batch:
            found += list(batch["image"].transpose(0, 2, 3, 1))
        number += 1
    return found
