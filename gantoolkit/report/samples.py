"""Pictures of a validation sample in a run folder, and the sample's entry of record.json."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from gantoolkit.core.types import Condition
from gantoolkit.report import pictures
from gantoolkit.report.record import RUN


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
    """Write one sample's pictures below `folder`/pictures; return its entry for `Record.samples`.

    columns    column name → image [1,3,R,R] in −1..1 (image_gt, x0, G(w_m), G(w) are known)
    views      images of G(w) from several cameras
    steps      (t, column name → image) in the order in which the steps ran
    t          the denoising step of `columns`
    attention  t → map [1,1,h,w] laid over that step's G(w)
    """
    writer = _SampleWriter(Path(folder), re.sub(r"[^\w.-]+", "-", name))
    images = {"condition": writer.write("condition", pictures.condition_picture(condition))}
    for column, image in columns.items():
        images[column] = writer.write(column, pictures.image_picture(image))

    entry = {
        "file": name,
        "prompt": condition.text[0],
        "images": images,
        "steps": [writer.write_step(int(step), row, attention or {}) for step, row in steps],
        "views": [
            writer.write(f"view{index}", pictures.image_picture(view))
            for index, view in enumerate(views)
        ],
    }
    if condition.seed is not None:
        entry["seed"] = int(condition.seed[0])
    if t is not None:
        entry["t"] = int(t)
    return entry


class _SampleWriter:
    """Write pictures of one sample, named after it."""

    def __init__(self, folder: Path, stem: str):
        self.folder = folder
        self.stem = stem

    def write(self, name: str, picture: np.ndarray) -> str:
        """Write one picture; return its path relative to the run folder."""
        name = re.sub(r"\W+", "_", name).strip("_")
        path = self.folder / "pictures" / f"{self.stem}-{name}.png"
        return pictures.save(picture, path).relative_to(self.folder).as_posix()

    def write_step(
        self, t: int, columns: Mapping[str, Tensor], attention: Mapping[int, Tensor]
    ) -> dict:
        """Write the pictures of one denoising step; return the step's entry."""
        images = {}
        for column, image in columns.items():
            images[column] = self.write(f"t{t:03d}-{column}", pictures.image_picture(image))
        if t in attention and RUN in columns:
            overlay = pictures.attention_picture(columns[RUN], attention[t])
            images["attention"] = self.write(f"t{t:03d}-attention", overlay)
        return {"t": t, "images": images}
