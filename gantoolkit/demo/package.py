"""The download: pictures, the condition, its camera, and the manifest row that `generate` would write.

With the files of the zip, `gantoolkit generate RUN --mask mask.png --text … --seed …` draws the same face.
"""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
from pathlib import Path

import numpy as np

from gantoolkit import __version__
from gantoolkit.core import files
from gantoolkit.core.types import Render
from gantoolkit.demo.studio import Face
from gantoolkit.inference import cameras
from gantoolkit.report import pictures

KEPT = 200  # the newest downloads; older ones are removed


def write(folder: Path, source: str, face: Face, w: Render, w_m: Render, front: Render) -> Path:
    """A zip named after its content, in a new folder below `folder` whose name nobody can guess."""
    kind = "mask" if face.wish.drawing.dtype == np.uint8 else "scribble"
    drawing = (
        face.wish.drawing if kind == "mask" else (face.wish.drawing * 255).round().astype(np.uint8)
    )
    images = {
        "face.png": pictures.image_picture(w.image),
        "face-w_m.png": pictures.image_picture(w_m.image),
        "attention.png": pictures.attention_picture(front.image, face.attention),
        f"{kind}.png": drawing,
    }
    if w.depth is not None:
        images["depth.png"] = pictures.depth_picture(w.depth)
    content = {name: pictures.encode(picture) for name, picture in images.items()}
    rows = row(kind, source, face, w)
    if "label" in rows[0]:
        content[f"{kind}.json"] = json.dumps({"camera": rows[0]["label"]})
    content["manifest.jsonl"] = files.json_lines(rows)
    name = f"face-{face.wish.run}-seed{face.wish.seed}-t{face.t}.zip"
    for old in sorted(folder.glob("download-*"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return files.write_zip(folder / f"download-{secrets.token_hex(16)}" / name, content.items())


def row(kind: str, source: str, face: Face, w: Render) -> list[dict]:
    """Manifest rows, in the form of `generate`, of G(w) and of what lies beside it."""
    wish, run = face.wish, Path(source).name
    command = [
        "gantoolkit",
        "generate",
        run,
        "--text",
        wish.text,
        f"--{kind}",
        f"{kind}.png",
        "--seed",
        str(wish.seed),
        "--t-out",
        str(face.t),
    ]
    common = {
        "input": f"{kind}.png",
        "text": wish.text,
        "seed": wish.seed,
        "t_out": face.t,
        "aggregate": "last",
        "seconds_latent": round(face.seconds, 3),
        "run": run,
        "version": __version__,
    }
    view = {"camera": "label", "label": cameras.rounded(w.camera)} if w.camera is not None else {}
    rows = [
        {"file": "face.png", **common, "kind": "image", **view, "command": shlex.join(command)},
        {"file": "face-w_m.png", **common, "kind": "image of w^m", **view},
        {"file": "attention.png", **common, "kind": "attention", **view},
    ]
    return rows + (
        [{"file": "depth.png", **common, "kind": "depth", **view}] if w.depth is not None else []
    )
