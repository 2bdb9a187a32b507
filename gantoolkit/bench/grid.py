"""The sheet of a suite: the same conditions, drawn by every system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from gantoolkit.bench import draw_row
from gantoolkit.bench.pairs import open_pairs
from gantoolkit.bench.tables import Line
from gantoolkit.core.errors import warn
from gantoolkit.report import figure_sheets, sheets

SHOWN = 3  # conditions
WIDTH = 1000  # pixels, of a page


def write(lines: Sequence[Line], work: Path, out: Path) -> Path | None:
    """A row per condition, its prompt above it: condition, photo, every system whose images are there.

    None without images, and where only some systems have theirs here and a sheet is there already: it stays as it is.
    """
    if find_spec("matplotlib") is None:
        warn("the sheet of the suite needs matplotlib: pip install 'gantoolkit[figures]'.")
        return None
    folders = [(row.label, work / record.config["work"]) for row, record in lines]
    columns = {label: images for label, folder in folders if (images := _images(folder))}
    jobs = [file for _, folder in folders if (file := folder / "job.json").is_file()]
    if not columns or not jobs or (len(columns) < len(folders) and out.is_file()):
        return None
    job = draw_row.Job(**json.loads(jobs[0].read_text()))
    count = min(SHOWN, job.count, *(len(images) for images in columns.values()))
    sample = open_pairs(job.split, job.count, job.seed, job.data).sample(
        torch.arange(count), job.condition
    )
    rows = []
    for i in range(count):
        pictures = [
            sheets.condition_picture(sample.condition[i]),
            sheets.image_picture(sample.target.image_gt[i]),
            *(images[i] for images in columns.values()),
        ]
        rows.append(figure_sheets.SheetRow(pictures, caption=sample.condition.text[i]))
    sheet = figure_sheets.FigureSheet(["condition", "photo", *columns], rows)
    picture = sheet.render()
    height, width = picture.shape[:2]
    return sheets.save(sheets.resized(picture, round(height * WIDTH / width), WIDTH), out)


def _images(folder: Path) -> list[np.ndarray]:
    """The first pictures of a row [H,W,3]."""
    found: list[np.ndarray] = []
    number = 0
    while len(found) < SHOWN and draw_row.path_of(folder, number).is_file():
        with np.load(draw_row.path_of(folder, number), allow_pickle=False) as batch:
            found += list(batch["image"].transpose(0, 2, 3, 1))
        number += 1
    return found
