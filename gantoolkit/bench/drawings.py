"""Drawings made by hand as pairs: for suites that compare results with each other, not with photos.

python -m gantoolkit.bench.drawings FOLDER OUT.zip PIXELS

The zip is what `gantoolkit bench SUITE --split OUT.zip` takes. Where other data has a photo stands
the drawing itself; its label map is empty, and its camera looks straight at the face.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gantoolkit.core import files
from gantoolkit.core.camera import Frame
from gantoolkit.data.image_files import list_images
from gantoolkit.data.user_scribbles import read_scribble, strokes_to_uint8
from gantoolkit.report import pictures


def pack(folder: str | Path, out: str | Path, resolution: int) -> Path:
    """Write the drawings of a folder as a data set of so many pixels a side; returns its path."""
    paths = list_images(folder)
    names = [f"{index:08d}" for index in range(len(paths))]
    camera = Frame().side(0.0).label[0].tolist()
    labels = [[f"image/{name}.png", camera] for name in names]
    meta = dict(name="drawings", resolution=resolution, labels=labels)
    lines = []
    for index, (name, path) in enumerate(zip(names, paths)):
        lines.append(
            dict(file=f"image/{name}.png", identity=index, captions=[""], source=path.name)
        )
    content = {
        "dataset.json": json.dumps(meta),
        "samples.jsonl": "\n".join(map(json.dumps, lines)),
    }
    for name, path in zip(names, paths):
        content |= dict(_images_of(path, name, resolution))
    return files.write_zip(Path(out), content.items())


def _images_of(path: Path, name: str, resolution: int) -> Iterator[tuple[str, bytes]]:
    """Yield name in the zip and content of a drawing's files: image, mask and scribble."""
    strokes = strokes_to_uint8(read_scribble(path, resolution)[0].numpy())
    yield f"image/{name}.png", pictures.encode(np.stack([strokes] * 3, 2))
    yield f"mask/{name}.png", pictures.encode(np.zeros_like(strokes))
    yield f"scribble/{name}.png", pictures.encode(strokes)


if __name__ == "__main__":
    folder, out, pixels = sys.argv[1:]
    print(pack(folder, out, int(pixels)))
