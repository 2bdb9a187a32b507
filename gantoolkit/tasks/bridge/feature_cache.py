"""Features h, f and a of all rows and steps on disk, where they fit: training runs no U-Net."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.types import Features

MAPS = ("f", "attn_out", "attn_prob")  # the fields of Features that hold one map per level
ROWS_PER_SHARD = 16


class FeatureCache:
    """Features of all rows and steps of some Trajectories, as float16.

    They take 9.3 MB per row and step at full scale.
    """

    def __init__(self, trajectories):
        self.trajectories = trajectories
        self.cache = trajectories.cache_config.open(
            "features", trajectories.cache.key, len(trajectories), ROWS_PER_SHARD
        )

    def bytes(self) -> int:
        """Estimate the size of the whole cache from its first row."""
        first_row = self.compute(torch.arange(1))
        row_bytes = sum(v.numel() * v.element_size() for v in first_row.values())
        return len(self.trajectories) * row_bytes

    @torch.no_grad()
    def compute(self, rows: Tensor) -> dict[str, Tensor]:
        """Run the encoder at every step: name → [B,S,…]."""
        trajectories = self.trajectories
        steps = []
        for step in range(len(trajectories.timesteps)):
            batch = trajectories.read(rows, step)
            features = trajectories.encoder.features(batch.latents, batch.t, batch.sample.condition)
            steps.append(self._flatten(features))
        return {name: torch.stack([step[name] for step in steps], 1) for name in steps[0]}

    @staticmethod
    def _flatten(features: Features) -> dict[str, Tensor]:
        tensors = dict(h=features.h.half(), words=features.words.to(torch.uint8))
        for name in MAPS:
            for level, value in enumerate(getattr(features, name)):
                tensors[f"{name}.{level}"] = value.half()
        return tensors

    def read(self, batch) -> Features:
        """Read the features of a TimestepBatch, as float32."""
        levels = range(len(self.trajectories.encoder.shapes.f))

        def tensor(name: str) -> Tensor:
            stored = self.cache.read(name, batch.rows, batch.steps)
            return stored.float().to(self.trajectories.device)

        maps = {name: tuple(tensor(f"{name}.{level}") for level in levels) for name in MAPS}
        words = tensor("words").bool()
        return Features(tensor("h"), **maps, words=words, t=batch.t, latents=batch.latents)
