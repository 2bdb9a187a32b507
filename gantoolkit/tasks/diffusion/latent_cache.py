"""The latents of a data set, encoded once and kept in a file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.data.face_zip import FaceZip

PIXELS_PER_BATCH = 64 * 128**2


@torch.no_grad()
def cached_latents(
    faces: FaceZip, vae: nn.Module, vae_digest: str, folder: Path, progress
) -> Tensor:
    """Encode every image to z_0 [N,4,h,w], float16: posterior means times the scaling factor.

    vae_digest  digest of the VAE's weights; with the data set's it names the file in `folder`
    """
    path = Path(folder) / f"latents-{faces.sha256[:12]}-{vae_digest[:12]}.safetensors"
    if path.is_file():
        return weights.load(path)[0]["latents"].half()

    device = next(vae.parameters()).device
    batch = max(4, PIXELS_PER_BATCH // max(128, faces.resolution) ** 2)
    chunks = []
    with progress.bar("latents", len(faces)):
        for pictures in faces.images.split(batch):
            images = to_float(pictures).to(device).contiguous(memory_format=torch.channels_last)
            chunks.append(encode_mean(vae, images).half().cpu())
            progress.advance(sum(len(chunk) for chunk in chunks))
    latents = torch.cat(chunks).contiguous()
    weights.save(path, {"latents": latents}, {"type": "latents"})
    return latents


def encode_mean(vae: nn.Module, images: Tensor) -> Tensor:
    """Encode images −1..1 [B,3,R,R] to posterior means times the scaling factor [B,4,h,w]."""
    return vae.encode(images).latent_dist.mode() * vae.config.scaling_factor
