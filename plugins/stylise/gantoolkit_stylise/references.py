"""Style references: pictures of faces, and codes that mean them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.data.image_files import list_images, open_image

ENCODED = 256  # pixels that a published encoder sees


def paths(style: str) -> list[Path]:
    """The pictures behind `style`, a file or a folder."""
    if not style:
        raise UsageError(
            "There is no style reference; type 'gantoolkit run configs/stylize.py style=FILE' with "
            "a picture of a face."
        )
    return list_images(style)


def read(path: Path, resolution: int) -> Tensor:
    """A picture [3,R,R] in −1..1, its centre cut square; what is transparent becomes white."""
    picture = open_image(path)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = ImageOps.fit(
        picture.convert("RGB"), (resolution, resolution), Image.Resampling.LANCZOS
    )
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 127.5 - 1


def codes(
    generator,
    images: Tensor,
    trunk: str,
    steps: int = 300,
    lr: float = 0.05,
    anchor: float = 1.0,
    encoder: str | None = None,
) -> Tensor:
    """ws [B,num_ws,w_dim] of images −1..1: by optimisation, or read by a published encoder of W+ (pSp, e4e).

    A large `anchor` keeps codes near w̄, where the generator draws a plain face: the paper wants the
    reference's face, not its style, because what the codes already draw cannot be learned.
    """
    from gantoolkit import networks
    from gantoolkit.generators.inversion import invert
    from gantoolkit.networks.perceptual import Perceptual

    if encoder is None:
        perceptual = Perceptual(networks.load(trunk, images.device))
        return invert(generator, images, steps=steps, lr=lr, perceptual=perceptual, anchor=anchor)
    small = torch.nn.functional.interpolate(images, size=(ENCODED, ENCODED), mode="area")
    with torch.no_grad():
        found = networks.load(encoder, images.device)(small)
    wanted = (len(images), generator.num_ws, generator.w_dim)
    if getattr(found, "shape", None) != wanted:
        raise UsageError(
            f"The encoder {encoder} does not give {wanted[1]} codes of {wanted[2]} numbers; "
            "leave inversion.encoder out to invert by optimisation."
        )
    return found
