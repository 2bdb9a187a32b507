"""Denoising runs that rows share: made once per encoder and condition, then read by all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.types import Condition
from gantoolkit.encoders import folders


def trajectory(folder: Path, encoder, spec: dict, condition: Condition) -> tuple[Tensor, Tensor]:
    """Read a denoising run from `folder`, or compute it and leave it there.

    Returns z_t of every step [B,S,4,h,w] and I^d_0 [B,3,R,R] in −1..1.

    spec  what `encoder` was built from; equal encoders of different systems share their runs
    """
    digest = _digest(dict(spec, weights_sha256=folders.checksums(spec)), condition)
    path = folder / f"{digest}.safetensors"
    if not path.is_file():
        latents, x0 = encoder.trajectory(condition)
        weights.save(path, dict(latents=latents, x0=x0), dict(type="trajectory"))
    tensors, _, _ = weights.load(path)
    return tensors["latents"], tensors["x0"]


def _digest(spec: dict, condition: Condition) -> str:
    """Hash an encoder and everything that it is conditioned on."""
    seeds = None if condition.seed is None else condition.seed.tolist()
    key = json.dumps(dict(spec, text=condition.text, seed=seeds), sort_keys=True)
    digest = hashlib.sha256(key.encode())
    for image in (condition.mask, condition.scribble):
        if image is not None:
            digest.update(image.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]
