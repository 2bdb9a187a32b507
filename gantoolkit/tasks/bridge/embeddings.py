"""What losses keep of I^gt and I^d_0: embeddings of identities and codes, computed once, cached."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from gantoolkit.core.images import to_float
from gantoolkit.tasks.bridge.trajectories import Trajectories

ROWS_PER_SHARD = 512
BATCH = 64


class Embeddings:
    """Cached embeddings of all rows.

    trajectories  give the images, and the cache's place
    losses        name → loss
    targets       name of a loss → the images that it embeds, 'gt' and 'x0'; others are left out
    digests       weights name → sha256, part of the cache's key
    """

    def __init__(
        self,
        trajectories: Trajectories,
        losses: dict[str, nn.Module],
        targets: Mapping[str, Iterable[str]],
        digests: dict[str, str],
    ):
        self.trajectories = trajectories
        self.targets = {name: sorted(images) for name, images in targets.items()}
        self.losses = {name: losses[name] for name in targets}

        networks, crops = {}, {}
        for name, loss in self.losses.items():
            networks[name] = digests.get(loss.network, loss.network)
            if crop := getattr(loss, "crop", None):
                crops[name] = crop
        key = dict(trajectories=trajectories.cache.key, of=self.targets, networks=networks)
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
        """Embed the targets of rows: loss.target → [B,…], [B,S,…] where every step has its own."""
        embeddings: dict[str, list[Tensor]] = defaultdict(list)
        for batch in rows.split(BATCH):
            images = {target: self.images(target, batch) for target in self._used_targets()}
            for name, targets in self.targets.items():
                for target in targets:
                    of_target = images[target]
                    embedding = self.losses[name].prepare(of_target.flatten(0, -4))
                    embedding = embedding.unflatten(0, of_target.shape[:-3])
                    embeddings[f"{name}.{target}"].append(embedding.cpu())
        return {name: torch.cat(batches) for name, batches in embeddings.items()}

    def _used_targets(self) -> set[str]:
        return {target for targets in self.targets.values() for target in targets}

    def images(self, target: str, rows: Tensor) -> Tensor:
        """Read the target images [B,3,R,R]; [B,S,3,R,R] where every step has its own."""
        trajectories = self.trajectories
        if target == "x0":
            images = to_float(trajectories.cache.read("x0", rows))
        else:
            images = to_float(trajectories.data.images[rows % trajectories.samples])
        return images.to(trajectories.device)

    def read(self, name: str, target: str, rows: Tensor, steps: Tensor | int = -1) -> Tensor:
        """Read what loss `name` keeps of a target [B,…]; `steps` as in `Trajectories.read`."""
        trajectories = self.trajectories
        steps = torch.as_tensor(steps).expand(len(rows)) % len(trajectories.timesteps)
        per_step = target == "x0" and trajectories.sampling.noised
        stored = self.cache.read(f"{name}.{target}", rows, steps if per_step else None)
        return stored.to(trajectories.device)
