"""`gantoolkit compare --prepare PROGRAM`: what an official program reads, made of the samples of a data set.

Every program has a file here with `pictures(face)`, the files of one sample; `texts(faces)`, the files of all; and
CROP, the framing of faces that it knows (None: any). Files are named so that bench/official_outputs.py finds what the program makes of
them. prompts.jsonl says what each sample's caption became.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError, warn
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.progress import Progress
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.report import pictures

PROGRAMS = ("tedigan", "ide3d", "uac", "collaborative", "controlnet")


@dataclass(frozen=True)
class Face:
    """One sample as it is handed over."""

    data: FaceZip
    row: int

    @property
    def id(self) -> str:
        return Path(self.data.files[self.row]).stem

    @property
    def text(self) -> str:
        """The first caption, on one line."""
        return " ".join(next(iter(self.data.captions[self.row]), "").split())

    @property
    def camera(self) -> list[float]:
        """EG3D's label [25]."""
        return self.data.cameras[self.row].tolist()

    def labels(self, size: int) -> Image.Image:
        """Label numbers 0..18 in CelebAMask-HQ's order, mode L [size,size], by nearest neighbour."""
        labels = self.data.read_image("mask", None, np.uint8, self.row)
        if labels.max() >= len(CLASSES):
            raise DataError(
                f"{self.data.path} has the label {labels.max()} in {self.id}; labels are 0 to {len(CLASSES) - 1}."
            )
        return Image.fromarray(labels).resize((size, size), Image.Resampling.NEAREST)

    def image(self, size: int) -> Image.Image:
        """The photo, RGB [size,size]."""
        pixels = self.data.read_image("image", "RGB", np.uint8, self.row)
        return Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS)


def main(args) -> int:
    """The verb with --prepare."""
    if Path(args.data).is_dir():
        raise UsageError(
            f"--prepare reads a data set zip, and {args.data} is a folder; `gantoolkit data prepare folder` "
            "makes a zip of it."
        )
    program, data = import_module(f"{__name__}.{args.prepare}"), FaceZip(args.data)
    out = Path(args.out or f"for-{args.prepare}")
    faces = [Face(data, row) for row in range(len(data))][: args.limit]
    if len({face.id for face in faces}) < len(faces):
        raise DataError(
            f"{data.path} names two pictures alike, so that results could not be told apart."
        )
    if (
        (crop := data.meta.get("crop"))
        and program.CROP
        and (crop == "eg3d") != (program.CROP == "eg3d")
    ):
        warn(
            f"{args.prepare} was trained on {program.CROP}'s framing of faces, and {data.path.name} was prepared with "
            f"--crop {crop}."
        )
    texts = program.texts(
        faces
    )  # which refuses what the program could not read, before anything is written
    progress = Progress()
    with progress.bar(f"for {args.prepare}", len(faces)):
        for done, face in enumerate(faces, 1):
            for name, picture in program.pictures(face).items():
                form = {"form": "JPEG", "quality": 100} if name.endswith(".jpg") else {}
                files.write_bytes(out / name, pictures.encode(picture, **form))
            progress.advance(done)
    for name, text in texts.items():
        files.write_text(out / name, text)
    print(out)
    return 0


def prompts(faces: Iterable[Face], prompt: Callable[[str], str], **more) -> str:
    """prompts.jsonl: of every sample its id, caption, what the program is told, and a seed; `more` is the same for all."""
    rows = (
        dict(id=face.id, text=face.text, prompt=prompt(face.text), seed=face.row, **more)
        for face in faces
    )
    return files.json_lines(rows)


def jobs(head: Sequence[str], commands: Iterable[tuple[str, str]]) -> str:
    """jobs.sh: a shell command per sample, left out where its result (a path below $OUT) is there; `head` as comments."""
    lines = [
        "#!/bin/sh",
        *(f"# {line}" for line in head),
        'IN=$(cd "$(dirname "$0")" && pwd) OUT=${1:?write: sh jobs.sh RESULTS}',
        'mkdir -p "$OUT"',
        'OUT=$(cd "$OUT" && pwd)',
    ]
    lines += [f'[ -e "$OUT"/{quoted(result)} ] || {{ {command}; }}' for result, command in commands]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """As one word of a shell command."""
    return shlex.quote(text)
