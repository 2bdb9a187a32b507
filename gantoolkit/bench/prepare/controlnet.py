"""ControlNet: the label map in CelebAMask-HQ's colours, and the settings of its apps, which have no command line.

Under the published segmentation ControlNet these colours mean other things than parts of a face (docs/full-scale.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from gantoolkit.bench.prepare import Face, prompts
from gantoolkit.core.labels import PALETTE

CROP = None  # any
SIZE = 512
SETTINGS = dict(
    added_prompt="best quality, extremely detailed",
    negative_prompt="longbody, lowres, bad anatomy, bad hands, missing fingers, extra digit, fewer digits, "
    "cropped, worst quality, low quality",
    ddim_steps=20,
    eta=0.0,
    guidance=9.0,
    strength=1.0,
)


def pictures(face: Face) -> dict:
    """images/ID.png: RGB, to be shown to the ControlNet as it is."""
    return {
        f"images/{face.id}.png": Image.fromarray(
            np.asarray(PALETTE, np.uint8)[np.asarray(face.labels(SIZE))]
        )
    }


def texts(faces: Sequence[Face]) -> dict[str, str]:
    """prompts.jsonl with the settings; results are to be called RESULTS/ID.png."""
    return {"prompts.jsonl": prompts(faces, str, **SETTINGS)}
