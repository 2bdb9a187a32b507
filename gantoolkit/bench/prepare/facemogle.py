"""Face-MoGLE: a folder of label maps and text.json, which test.py reads as one data set.

As published, test.py and inference.py compare a picture with a number, so that the 19 masks of
single parts stay black; only gradio_app.py turns it into an array before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from PIL import Image

from gantoolkit.bench.prepare import Face, prompts

CROP = "ffhq"
SIZE = 512


def pictures(face: Face) -> dict[str, Image.Image]:
    """Make mask/ID.png: numbers 0..18, mode L."""
    return {f"mask/{face.id}.png": face.labels(SIZE)}


def texts(faces: Sequence[Face]) -> dict[str, str]:
    """Write text.json with {"ID.jpg": [prompt]}, and prompts.jsonl; results are RESULTS/ID.jpg."""
    listed = {f"{face.id}.jpg": [face.text] for face in faces}
    return {
        "text.json": json.dumps(listed, indent=1, ensure_ascii=False) + "\n",
        "prompts.jsonl": prompts(faces, str),
    }
