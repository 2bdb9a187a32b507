"""What a data set looks like: its faces in rows of eight, and if wanted what conditions are made of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from gantoolkit.bench.figures import command
from gantoolkit.core.images import to_float
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.report import figure_sheets, pictures

COLUMNS = 8


def main(args) -> int:
    """`gantoolkit figure data ZIP …`"""
    command.check_out(args)
    sets = [FaceZip(name) for name in args.data]
    facts = {
        "figure": "data",
        "samples": args.samples,
        "sha256": {one.path.name: one.sha256 for one in sets},
    }
    print(pictures.save(draw(sets, args.samples, args.conditions), args.out, facts))
    return 0


def draw(sets: list[FaceZip], count: int, conditions: bool = False) -> np.ndarray:
    """The sheet [H,W,3]: the first `count` faces of every set, label maps and scribbles below each row of them."""
    rows = [row for data in sets for row in _rows(data, min(count, len(data)), conditions)]
    return figure_sheets.FigureSheet([""] * COLUMNS, rows).render()


def _rows(data: FaceZip, count: int, conditions: bool) -> Iterator[figure_sheets.SheetRow]:
    for number, rows in enumerate(torch.arange(count).split(COLUMNS)):
        faces = [pictures.image_picture(image) for image in to_float(data.images[rows])]
        yield figure_sheets.SheetRow(faces, label=[data.path.stem] if number == 0 else [])
        if conditions:
            yield figure_sheets.SheetRow(
                [pictures.mask_picture(labels) for labels in data.labels[rows]]
            )
            yield figure_sheets.SheetRow(
                [pictures.scribble_picture(drawn / 255) for drawn in data.scribbles[rows]]
            )
