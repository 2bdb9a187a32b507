"""Write a mask beside every photograph of a folder, by the face parser BiSeNet.

    python docs/examples/masks_of_photos.py photos/images photos/masks

The published weights are fetched once by `gantoolkit weights get bisenet`. A third argument names
another file of them. Photographs should show one face, upright, and be about square.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gantoolkit import networks
from gantoolkit.core.images import to_float
from gantoolkit.data.image_files import list_images
from gantoolkit.data.rgb import read_rgb
from gantoolkit.networks.bisenet import BiSeNet

SIDE = 512  # longest side of a mask, in pixels: what the parser sees


def main(photos: str, masks: str, weights: str = "bisenet") -> None:
    """Write MASKS/NAME.png, a label map in the order of CelebAMask-HQ, for every photograph."""
    parser = networks.load(weights)
    folder = Path(masks)
    folder.mkdir(parents=True, exist_ok=True)
    for path in list_images(photos):
        photo = read_rgb(path)
        photo.thumbnail((SIDE, SIDE))
        labels = parse(parser, photo)
        Image.fromarray(labels).save(folder / f"{path.stem}.png")


@torch.no_grad()
def parse(parser: BiSeNet, photo: Image.Image) -> np.ndarray:
    """Return the label of every pixel of a photograph [H,W] uint8."""
    pixels = torch.from_numpy(np.array(photo)).permute(2, 0, 1)
    logits = parser.logits(to_float(pixels)[None])
    return logits.argmax(1)[0].byte().numpy()


if __name__ == "__main__":
    main(*sys.argv[1:])
