"""Unite and Conquer: a map of the face, one of the hair, and a line of text.txt per sample.

Its maps are those of LaPa's classes face and hair. Here they are 0 or 255, not probabilities.
LaPa's face is skin and ears, without brows, eyes, nose and lips.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from gantoolkit.bench.official_outputs import uac_prompt
from gantoolkit.bench.prepare import Face, prompts
from gantoolkit.core.labels import index

CROP = "ffhq"
SIZE = 256
MAPS = {"face_map": ("skin", "l_ear", "r_ear"), "hair_map": ("hair",)}


def pictures(face: Face) -> dict[str, Image.Image]:
    """Make face_map/ID.jpg and hair_map/ID.jpg: 255 inside, 0 outside, mode L."""
    labels = np.asarray(face.labels(SIZE))
    maps = {}
    for folder, classes in MAPS.items():
        inside = np.isin(labels, [index(name) for name in classes])
        maps[f"{folder}/{face.id}.jpg"] = Image.fromarray(inside.astype(np.uint8) * 255)
    return maps


def texts(faces: Sequence[Face]) -> dict[str, str]:
    """Write text.txt with lines "ID.jpg : prompt", and prompts.jsonl."""
    lines = [f"{face.id}.jpg : {uac_prompt(face.text).strip()}\n" for face in faces]
    return {"text.txt": "".join(lines), "prompts.jsonl": prompts(faces, uac_prompt)}
