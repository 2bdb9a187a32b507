"""Style references: images of faces, and codes that mean them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.images import to_float
from gantoolkit.data.image_files import list_images
from gantoolkit.data.rgb import read_rgb

ENCODER_SIZE = 256  # pixels that a published encoder sees


def find_references(style: str) -> list[Path]:
    """List the images behind `style`, a file or a folder."""
    if not style:
        raise UsageError(
            "There is no style reference; type 'gantoolkit run configs/stylize.py style=FILE' with "
            "a picture of a face."
        )
    return list_images(style)


def read_reference(path: Path, resolution: int) -> Tensor:
    """Read an image [3,R,R] in −1..1, its center cut square; what is transparent becomes white."""
    size = (resolution, resolution)
    image = ImageOps.fit(read_rgb(path), size, Image.Resampling.LANCZOS)
    return to_float(torch.from_numpy(np.array(image)).permute(2, 0, 1))


def find_codes(
    generator,
    images: Tensor,
    trunk: str,
    steps: int = 300,
    lr: float = 0.05,
    anchor: float = 1.0,
    encoder: str | None = None,
) -> Tensor:
    """Return ws [B,num_ws,w_dim] of images −1..1, by optimization or by a published encoder.

    trunk    network with perceptual features, for the optimization
    steps    of the optimization
    lr       learning rate of the codes
    anchor   weight that keeps codes near w̄, where the generator renders a plain face: the paper
             wants the reference's face without its style, because what the codes already render
             cannot be learned
    encoder  weights name or file of an encoder into W+ (pSp, e4e); None: optimize
    """
    from gantoolkit import networks
    from gantoolkit.generators.inversion import invert
    from gantoolkit.networks.perceptual import Perceptual

    if encoder is None:
        perceptual = Perceptual(networks.load(trunk, images.device))
        return invert(generator, images, steps=steps, lr=lr, perceptual=perceptual, anchor=anchor)

    small = F.interpolate(images, size=(ENCODER_SIZE, ENCODER_SIZE), mode="area")
    with torch.no_grad():
        ws = networks.load(encoder, images.device)(small)
    expected_shape = (len(images), generator.num_ws, generator.w_dim)
    if getattr(ws, "shape", None) != expected_shape:
        raise UsageError(
            f"The encoder {encoder} does not give {generator.num_ws} codes of {generator.w_dim} "
            "numbers; leave inversion.encoder out to invert by optimization."
        )
    return ws
