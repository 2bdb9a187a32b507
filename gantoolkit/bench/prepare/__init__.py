"""`gantoolkit compare --prepare PROGRAM`: make what an official program reads of a data set.

Every program has a file here with

pictures(face)  the picture files of one sample, by name
texts(faces)    the text files of all samples, by name
CROP            the framing of faces that it knows; None: any

Files are named so that bench/official_outputs.py finds what the program makes of them.
prompts.jsonl says what each sample's caption became.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError, warn
from gantoolkit.core.images import colorize_labels
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.progress import Progress
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.report import pictures

PROGRAMS = ("tedigan", "ide3d", "uac", "collaborative", "controlnet", "mmface", "facemogle")


@dataclass(frozen=True)
class Face:
    """One sample of a data set."""

    data: FaceZip
    index: int
    caption: str = "rotating"  # one of CAPTION_RULES

    @property
    def id(self) -> str:
        """The stem of its picture's file."""
        return Path(self.data.files[self.index]).stem

    @property
    def text(self) -> str:
        """Its caption, on one line; "" without one."""
        return " ".join(self.data.caption(self.index, self.caption).split())

    @property
    def camera(self) -> list[float]:
        """EG3D's label: 16 numbers of cam2world, 9 of the intrinsics."""
        return self.data.cameras[self.index].tolist()

    def labels(self, size: int) -> Image.Image:
        """Read the label map, mode L [size,size]: numbers 0..18 in CelebAMask-HQ's order.

        It is resized by nearest neighbor.
        """
        labels = self.data.read_image("mask", None, np.uint8, self.index)
        if labels.max() >= len(CLASSES):
            raise DataError(
                f"{self.data.path} has the label {labels.max()} in {self.id}; labels are 0 to "
                f"{len(CLASSES) - 1}."
            )
        return Image.fromarray(labels).resize((size, size), Image.Resampling.NEAREST)

    @property
    def has_scribble(self) -> bool:
        """Whether the data set has a scribble of it."""
        return any(name.startswith("scribble/") for name in self.data.names)

    def scribble(self, size: int) -> Image.Image:
        """Read the scribble, mode L [size,size]: white strokes on black."""
        pixels = self.data.read_image("scribble", "L", np.uint8, self.index)
        return Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS)

    def image(self, size: int) -> Image.Image:
        """Read the photo, RGB [size,size]."""
        pixels = self.data.read_image("image", "RGB", np.uint8, self.index)
        return Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS)


def main(args) -> int:
    """Run the verb with --prepare."""
    if Path(args.data).is_dir():
        raise UsageError(
            f"--prepare reads a data set zip, and {args.data} is a folder; `gantoolkit data "
            "prepare folder` makes a zip of it."
        )
    program = import_module(f"{__name__}.{args.prepare}")
    data = FaceZip(args.data)
    faces = [Face(data, index, args.caption) for index in range(len(data))][: args.limit]
    if len({face.id for face in faces}) < len(faces):
        raise DataError(
            f"{data.path} names two pictures alike, so that results could not be told apart."
        )
    _warn_of_crop(args.prepare, program.CROP, data)

    texts = program.texts(faces)  # first, since it refuses what the program could not read
    out = Path(args.out or f"for-{args.prepare}")
    progress = Progress()
    with progress.bar(f"for {args.prepare}", len(faces)):
        for done, face in enumerate(faces, 1):
            for name, picture in program.pictures(face).items():
                files.write_bytes(out / name, _encode(picture, name))
            progress.advance(done)
    for name, text in texts.items():
        files.write_text(out / name, text)
    print(out)
    return 0


def _warn_of_crop(name: str, expected: str | None, data: FaceZip) -> None:
    """Warn where the data's framing of faces is not the one that a program was trained on."""
    crop = data.meta.get("crop")
    if crop and expected and (crop == "eg3d") != (expected == "eg3d"):
        warn(
            f"{name} was trained on {expected}'s framing of faces, and {data.path.name} was "
            f"prepared with --crop {crop}."
        )


def _encode(picture: Image.Image, name: str) -> bytes:
    if name.endswith(".jpg"):
        return pictures.encode(picture, "JPEG", quality=100)
    return pictures.encode(picture)


def colored(labels: Image.Image) -> Image.Image:
    """Paint a label map in CelebAMask-HQ's colors, RGB."""
    return Image.fromarray(colorize_labels(torch.from_numpy(np.array(labels))).numpy())


def prompts(faces: Iterable[Face], prompt: Callable[[str], str], **settings) -> str:
    """Write prompts.jsonl: id, caption, prompt and seed of every sample.

    prompt    makes the program's prompt of a caption
    settings  further values, the same for all samples
    """
    lines = []
    for face in faces:
        line = dict(id=face.id, text=face.text, prompt=prompt(face.text), seed=face.index)
        lines.append(line | settings)
    return files.json_lines(lines)


def jobs(comments: Sequence[str], commands: Iterable[tuple[str, str]]) -> str:
    """Write jobs.sh: one shell command per sample.

    A command is left out where its result exists already.

    commands  pairs (result, a path below $OUT; command)
    """
    lines = [
        "#!/bin/sh",
        *(f"# {comment}" for comment in comments),
        'IN=$(cd "$(dirname "$0")" && pwd) OUT=${1:?write: sh jobs.sh RESULTS}',
        'mkdir -p "$OUT"',
        'OUT=$(cd "$OUT" && pwd)',
    ]
    for result, command in commands:
        lines.append(f'[ -e "$OUT"/{quoted(result)} ] || {{ {command}; }}')
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """Quote a text as one word of a shell command."""
    return shlex.quote(text)
