"""The faces that the page offers to begin with: rendered people of the embedded validation set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gantoolkit.data.face_zip import FaceZip

COUNT = 10


@dataclass(frozen=True)
class Example:
    """A prompt with its label map [R,R] uint8 and strokes [R,R] in 0..1."""

    text: str
    labels: np.ndarray
    scribble: np.ndarray


def examples(count: int = COUNT, data: str = "val") -> list[Example]:
    """`count` people spread over the set, each with its richest caption."""
    people = FaceZip(data)
    first = {int(who): row for row, who in reversed(list(enumerate(people.identities.tolist())))}
    rows = sorted(first.values())
    chosen = [rows[i * len(rows) // count] for i in range(min(count, len(rows)))]
    return [
        Example(
            max(people.captions[row], key=len, default=""),
            people.labels[row].numpy(),
            people.scribbles[row].numpy().astype(np.float32) / 255,
        )
        for row in chosen
    ]
