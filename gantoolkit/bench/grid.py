"""The sheet of a suite: images of the same conditions by every system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from gantoolkit.bench import draw_row
from gantoolkit.bench.tables import MeasuredRow
from gantoolkit.core.types import Sample
from gantoolkit.report import figure_sheets, pictures

CONDITIONS = 3  # conditions on a sheet
WIDTH = 1000  # pixels, of a page


def write_sheet(rows: Sequence[MeasuredRow], work: Path, out: Path) -> Path | None:
    """Write a sheet with a line per pair: prompt, condition, photo, image of every system.

    Images are read from the rows' folders in `work`. Where only some rows have theirs and the sheet
    exists already, it stays as it is. Returns None if nothing was written.
    """
    folders = {row.label: work / record.config["work"] for row, record in rows}
    images, jobs = {}, []
    for label, folder in folders.items():
        of_row = _first_images(folder)
        if of_row:
            images[label] = of_row
        if (folder / "job.json").is_file():
            jobs.append(folder / "job.json")
    if not images or not jobs:
        return None
    if len(images) < len(rows) and out.is_file():
        return None

    job = draw_row.Job(**json.loads(jobs[0].read_text()))
    count = min(CONDITIONS, job.count, *map(len, images.values()))
    pairs = job.open_pairs(draw_row.say)
    sample = pairs.sample(torch.arange(count), job.condition)
    lines = [_line(sample, index, images) for index in range(count)]
    picture = figure_sheets.FigureSheet(["condition", "photo", *images], lines).render()
    height, width = picture.shape[:2]
    return pictures.save(pictures.resized(picture, round(height * WIDTH / width), WIDTH), out)


def _line(sample: Sample, index: int, images: dict[str, list]) -> figure_sheets.SheetRow:
    """Lay out one condition: itself, the photo, and the image of every system, below the prompt."""
    cells = [
        pictures.condition_picture(sample.condition[index]),
        pictures.image_picture(sample.target.image_gt[index]),
    ]
    for of_system in images.values():
        cells.append(of_system[index])
    return figure_sheets.SheetRow(cells, caption=sample.condition.text[index])


def _first_images(folder: Path) -> list[np.ndarray]:
    """Read at least CONDITIONS images [H,W,3] of a row, if there are so many."""
    images: list[np.ndarray] = []
    batch = 0
    while len(images) < CONDITIONS and draw_row.batch_path(folder, batch).is_file():
        with np.load(draw_row.batch_path(folder, batch), allow_pickle=False) as arrays:
            images += list(arrays["image"].transpose(0, 2, 3, 1))
        batch += 1
    return images
