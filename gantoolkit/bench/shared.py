"""Denoising runs that rows share: made once per encoder and condition, read by every row that would repeat them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.types import Condition
from gantoolkit.encoders import folders


def trajectory(folder: Path, encoder, spec: dict, condition: Condition) -> tuple[Tensor, Tensor]:
    """(z_t of every step [B,S,4,h,w], I^d_0 [B,3,R,R] in −1..1), read from `folder` or computed and left there.

    spec   what `encoder` was built from; equal encoders of different systems share their runs
    """
    path = (
        folder
        / f"{_digest(dict(spec, weights_sha256=folders.checksums(spec)), condition)}.safetensors"
    )
    if not path.is_file():
        latents, x0 = encoder.trajectory(condition)
        weights.save(path, dict(latents=latents, x0=x0), dict(type="trajectory"))
    found, _, _ = weights.load(path)
    return found["latents"], found["x0"]


def _digest(key: dict, condition: Condition) -> str:
    """Of the encoder and of everything that it is shown."""
    told = dict(
        key, text=condition.text, seed=None if condition.seed is None else condition.seed.tolist()
    )
    found = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for picture in (condition.mask, condition.scribble):
        found.update(b"" if picture is None else picture.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:32]
