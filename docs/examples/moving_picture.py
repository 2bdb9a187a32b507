"""Draw the README's moving picture: a mask is painted, the prompt changes, the head turns.

    python docs/examples/moving_picture.py moving.webp

It uses only what `import gantoolkit` offers, and takes about a minute on a CPU.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import gantoolkit
from gantoolkit.core.labels import PALETTE
from gantoolkit.data import examples

SIDE = 256  # of a panel, in pixels
CAPTION_HEIGHT = 34
EXAMPLE = "woman-with-bangs"
PAINTING_ORDER = (1, 17, 10, 12, 11, 13, 4, 5, 2, 3, 7, 8, 9, 14, 15, 16, 18, 6)
PROMPTS = (
    "This young woman has long blond hair and bangs.",
    "This woman has long red hair and bangs. She is smiling.",
    "This woman has long black hair, bangs, and brown skin.",
)
YAWS = np.concatenate([np.linspace(0, 0.4, 7), np.linspace(0.4, -0.4, 14), np.linspace(-0.4, 0, 7)])


def frame(labels: np.ndarray, face: Image.Image | None, caption: str) -> Image.Image:
    """Compose one frame: the mask, the face beside it, and the prompt below."""
    canvas = Image.new("RGB", (2 * SIDE, SIDE + CAPTION_HEIGHT), "white")
    colors = np.array(PALETTE, dtype=np.uint8)[labels]
    mask = Image.fromarray(colors).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    canvas.paste(mask, (0, 0))
    if face is not None:
        canvas.paste(face.resize((SIDE, SIDE), Image.Resampling.BICUBIC), (SIDE, 0))
    font = ImageFont.load_default(15)
    ImageDraw.Draw(canvas).text((8, SIDE + 8), caption, "black", font)
    return canvas


def painted(labels: np.ndarray) -> list[np.ndarray]:
    """Return the label map [H,W] after each class that is added to the background."""
    stages = [np.zeros_like(labels)]
    for label in PAINTING_ORDER:
        if (labels == label).any():
            stages.append(np.where(labels == label, labels, stages[-1]))
    return stages


def main(path: str) -> None:
    """Write the animation to `path` (.webp or .gif)."""
    pipeline = gantoolkit.load_pipeline("eg3d-mask")
    labels = np.array(Image.open(examples.find(EXAMPLE, "mask")))
    faces = [pipeline(prompt, mask=EXAMPLE, seed=3) for prompt in PROMPTS]

    frames = []
    durations = []
    for stage in painted(labels):
        frames.append(frame(stage, None, "Paint a mask …"))
        durations.append(160)
    for index, face in enumerate(faces):
        if index:
            for between in pipeline.interpolate(faces[index - 1], face, 8).images[1:-1]:
                frames.append(frame(labels, between, PROMPTS[index]))
                durations.append(70)
        frames.append(frame(labels, face.image, PROMPTS[index]))
        durations.append(1400)
    for yaw in YAWS:
        turned = pipeline.render(faces[-1].latent, camera=gantoolkit.orbit_camera(float(yaw)))
        frames.append(frame(labels, turned.image, PROMPTS[-1]))
        durations.append(70)
    frames[0].save(
        Path(path), save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=80
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
