"""The download: pictures, the condition, its camera, and the manifest that `generate` would write.

With the files of the zip, `gantoolkit generate RUN --mask mask.png --text … --seed …` draws the
same face.
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
from gantoolkit.data.user_scribbles import strokes_to_uint8
from gantoolkit.demo.studio import Face
from gantoolkit.inference import cameras
from gantoolkit.report import pictures

KEPT_DOWNLOADS = 200  # the newest; older ones are removed


def write(
    folder: Path, source: str, face: Face, modulated: Render, mapped: Render, front: Render
) -> Path:
    """Write a zip named after its content, in a new folder below `folder` that nobody can guess.

    `modulated` is G(w), `mapped` G(w^m), `front` the face as it was drawn.
    """
    condition = "mask" if face.request.is_mask else "scribble"
    images = {
        "face.png": pictures.image_picture(modulated.image),
        "face-w_m.png": pictures.image_picture(mapped.image),
        "attention.png": pictures.attention_picture(front.image, face.attention),
        f"{condition}.png": _drawing_picture(face),
    }
    if modulated.depth is not None:
        images["depth.png"] = pictures.depth_picture(modulated.depth)
    content: dict[str, bytes | str] = {}
    for name, picture in images.items():
        content[name] = pictures.encode(picture)

    lines = manifest_lines(condition, source, face, modulated)
    if "label" in lines[0]:
        content[f"{condition}.json"] = json.dumps({"camera": lines[0]["label"]})
    content["manifest.jsonl"] = files.json_lines(lines)

    _remove_old(folder)
    name = f"face-{face.request.run}-seed{face.request.seed}-t{face.t}.zip"
    return files.write_zip(folder / f"download-{secrets.token_hex(16)}" / name, content.items())


def _drawing_picture(face: Face) -> np.ndarray:
    drawing = face.request.drawing
    return drawing if face.request.is_mask else strokes_to_uint8(drawing)


def _remove_old(folder: Path) -> None:
    downloads = sorted(folder.glob("download-*"), key=lambda path: path.stat().st_mtime)
    for download in downloads[:-KEPT_DOWNLOADS]:
        shutil.rmtree(download, ignore_errors=True)


def manifest_lines(condition: str, source: str, face: Face, modulated: Render) -> list[dict]:
    """Return the manifest, in the form of `generate`, of G(w) and of what lies beside it."""
    request = face.request
    run = Path(source).name
    drawing = f"{condition}.png"
    command = ["gantoolkit", "generate", run, "--text", request.text, f"--{condition}", drawing]
    command += ["--seed", str(request.seed), "--t-out", str(face.t)]

    shared = {
        "input": drawing,
        "text": request.text,
        "seed": request.seed,
        "t_out": face.t,
        "aggregate": "last",
        "seconds_latent": round(face.seconds, 3),
        "run": run,
        "version": __version__,
    }
    view = {}
    if modulated.camera is not None:
        view = {"camera": "label", "label": cameras.rounded_label(modulated.camera)}
    lines = [
        {"file": "face.png", **shared, "kind": "image", **view, "command": shlex.join(command)},
        {"file": "face-w_m.png", **shared, "kind": "image of w^m", **view},
        {"file": "attention.png", **shared, "kind": "attention", **view},
    ]
    if modulated.depth is not None:
        lines.append({"file": "depth.png", **shared, "kind": "depth", **view})
    return lines
