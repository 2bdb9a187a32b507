"""What a data set looks like: its faces, eight in a row, perhaps with the conditions below them."""

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
    """Run `gantoolkit figure data ZIP …`."""
    command.check_out(args)
    data_sets = [FaceZip(name) for name in args.data]
    description = {
        "figure": "data",
        "samples": args.samples,
        "sha256": {data.path.name: data.sha256 for data in data_sets},
    }
    picture = render(data_sets, args.samples, args.conditions)
    print(pictures.save(picture, args.out, description))
    return 0


def render(data_sets: list[FaceZip], count: int, conditions: bool = False) -> np.ndarray:
    """Render the sheet [H,W,3]: the first `count` faces of every data set.

    conditions  whether label maps and scribbles stand below each row of faces
    """
    rows = []
    for data in data_sets:
        rows += _rows(data, min(count, len(data)), conditions)
    return figure_sheets.FigureSheet([""] * COLUMNS, rows).render()


def _rows(data: FaceZip, count: int, conditions: bool) -> Iterator[figure_sheets.SheetRow]:
    for indices in torch.arange(count).split(COLUMNS):
        faces = [pictures.image_picture(image) for image in to_float(data.images[indices])]
        is_first = int(indices[0]) == 0
        yield figure_sheets.SheetRow(faces, label=[data.path.stem] if is_first else [])
        if conditions:
            masks = [pictures.mask_picture(labels) for labels in data.labels[indices]]
            scribbles = [pictures.scribble_picture(one / 255) for one in data.scribbles[indices]]
            yield figure_sheets.SheetRow(masks)
            yield figure_sheets.SheetRow(scribbles)
