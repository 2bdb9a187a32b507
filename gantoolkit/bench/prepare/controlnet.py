"""ControlNet: the label map in CelebAMask-HQ's colors, and the settings of its apps.

They have no command line. To the published segmentation ControlNet these colors do not mean parts
of a face (docs/full-scale.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from gantoolkit.bench.prepare import Face, colored, prompts

CROP = None  # any
SIZE = 512
SETTINGS = dict(
    added_prompt="best quality, extremely detailed",
    negative_prompt="longbody, lowres, bad anatomy, bad hands, missing fingers, extra digit, "
    "fewer digits, cropped, worst quality, low quality",
    ddim_steps=20,
    eta=0.0,
    guidance=9.0,
    strength=1.0,
)


def pictures(face: Face) -> dict[str, Image.Image]:
    """Make images/ID.png: RGB, which the ControlNet reads as it is."""
    return {f"images/{face.id}.png": colored(face.labels(SIZE))}


def texts(faces: Sequence[Face]) -> dict[str, str]:
    """Write prompts.jsonl with the settings; results should be called RESULTS/ID.png."""
    return {"prompts.jsonl": prompts(faces, str, **SETTINGS)}
