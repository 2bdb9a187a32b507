"""Features h, f and a of all rows and steps on disk, beside z_t: training then runs no U-Net."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.types import Features
from gantoolkit.training.tensor_cache import Cache

MAPS = ("f", "attn_out", "attn_prob")  # the fields of Features that hold one map per level
ROWS_PER_SHARD = 16


def flatten(features: Features) -> dict[str, Tensor]:
    """Return name → tensor as the cache holds it, in float16; 9.3 MB per row at full scale."""
    tensors = dict(h=features.h.half(), words=features.words.to(torch.uint8))
    for name in MAPS:
        for level, value in enumerate(getattr(features, name)):
            tensors[f"{name}.{level}"] = value.half()
    return tensors


def read(cache: Cache, batch, levels: int) -> Features:
    """Read the features of a TimestepBatch, as float32 on its device; `levels` maps f^n."""

    def tensor(name: str) -> Tensor:
        return cache.read(name, batch.rows, batch.steps).float().to(batch.latents.device)

    maps = {name: tuple(tensor(f"{name}.{level}") for level in range(levels)) for name in MAPS}
    words = tensor("words").bool()
    return Features(tensor("h"), **maps, words=words, t=batch.t, latents=batch.latents)
