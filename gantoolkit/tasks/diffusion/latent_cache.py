"""The latents of a data set, encoded once and kept in a file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.data.face_zip import FaceZip


@torch.no_grad()
def latents_of(
    data: FaceZip, vae: nn.Module, key: str, folder: Path, progress, batch: int | None = None
) -> Tensor:
    """z_0 of every image [N,4,h,w] float16: posterior means times the scaling factor.

    key  what the VAE's weights are (a digest); with the data set's digest it names the file in `folder`
    """
    path = Path(folder) / f"latents-{data.sha256[:12]}-{key[:12]}.safetensors"
    if path.is_file():
        return weights.load(path)[0]["latents"].half()
    device, parts = next(vae.parameters()).device, []
    batch = batch or max(4, 64 * 128**2 // max(128, data.resolution) ** 2)
    with progress.bar("latents", len(data)):
        for images in data.images.split(batch):
            images = to_float(images).to(device).contiguous(memory_format=torch.channels_last)
            parts.append(
                (vae.encode(images).latent_dist.mode() * vae.config.scaling_factor).half().cpu()
            )
            progress.advance(sum(map(len, parts)))
    latents = torch.cat(parts).contiguous()
    weights.save(path, {"latents": latents}, {"type": "latents"})
    return latents
