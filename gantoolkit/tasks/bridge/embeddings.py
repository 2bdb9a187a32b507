"""Embeddings of the identity loss's targets (I^gt or I^d_0), computed once and cached."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantoolkit.core.images import to_float
from gantoolkit.tasks.bridge.trajectories import Trajectories

ROWS_PER_SHARD = 512
BATCH = 64


class Embeddings:
    """Cached embeddings of all rows, for every loss that compares identities.

    trajectories  give the images, and the cache's place
    losses        name → loss; only those that compare identities are used
    target        'gt' or 'x0': which image is embedded
    digests       weights name → sha256, part of the cache's key
    """

    def __init__(
        self,
        trajectories: Trajectories,
        losses: dict[str, nn.Module],
        target: str,
        digests: dict[str, str],
    ):
        self.trajectories = trajectories
        self.target = target
        self.losses = {name: loss for name, loss in losses.items() if loss.compares == "identity"}

        networks, crops = {}, {}
        for name, loss in self.losses.items():
            networks[name] = digests.get(loss.network, loss.network)
            if crop := getattr(loss, "crop", None):
                crops[name] = crop
        key = dict(trajectories=trajectories.cache.key, of=target, networks=networks)
        if crops:
            key["crops"] = crops
        self.cache = trajectories.cache_config.open(
            "embeddings", key, len(trajectories), ROWS_PER_SHARD, trajectories.device
        )

    def prepare(self, progress) -> None:
        """Fill what the cache lacks."""
        if self.losses:
            self.cache.fill(self._compute, progress, "embeddings")

    @torch.no_grad()
    def _compute(self, rows: Tensor) -> dict[str, Tensor]:
        """Embed the targets of rows: loss → [B,D], or [B,S,D] where every step has its own."""
        embeddings: dict[str, list[Tensor]] = {name: [] for name in self.losses}
        for batch in rows.split(BATCH):
            images = self.images(batch)
            batch_shape = images.shape[:-3]
            for name, loss in self.losses.items():
                embedding = loss.prepare(images.flatten(0, -4))
                embeddings[name].append(embedding.unflatten(0, batch_shape).cpu())
        return {name: torch.cat(batches) for name, batches in embeddings.items()}

    def images(self, rows: Tensor) -> Tensor:
        """Read the target images [B,3,R,R]; [B,S,3,R,R] where every step has its own."""
        trajectories = self.trajectories
        if self.target == "x0":
            images = to_float(trajectories.cache.read("x0", rows))
        else:
            images = to_float(trajectories.data.images[rows % trajectories.samples])
        return images.to(trajectories.device)

    def read(self, name: str, rows: Tensor, steps: Tensor | int = -1) -> Tensor:
        """Read the embeddings [B,D] of loss `name`; `steps` as in `Trajectories.read`."""
        trajectories = self.trajectories
        steps = torch.as_tensor(steps).expand(len(rows)) % len(trajectories.timesteps)
        per_step = self.target == "x0" and trajectories.sampling.noised
        stored = self.cache.read(name, rows, steps if per_step else None)
        return stored.to(trajectories.device)
