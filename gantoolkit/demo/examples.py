"""The faces that the page offers to begin with: rendered people of the embedded validation set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gantoolkit.data.face_zip import FaceZip

EXAMPLES = 10


@dataclass(frozen=True)
class Example:
    """A prompt with its label map [R,R] uint8 and strokes [R,R] in 0..1."""

    text: str
    labels: np.ndarray
    scribble: np.ndarray


def examples(count: int = EXAMPLES, data: str = "val") -> list[Example]:
    """Choose `count` people spread over the data set, each with its longest caption."""
    faces = FaceZip(data)
    first_index: dict[int, int] = {}
    for index, identity in enumerate(faces.identities.tolist()):
        first_index.setdefault(int(identity), index)
    indices = sorted(first_index.values())

    chosen = []
    for number in range(min(count, len(indices))):
        index = indices[number * len(indices) // count]
        text = max(faces.captions[index], key=len, default="")
        labels = faces.labels[index].numpy()
        scribble = faces.scribbles[index].numpy().astype(np.float32) / 255
        chosen.append(Example(text, labels, scribble))
    return chosen
