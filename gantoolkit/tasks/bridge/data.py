"""The data of a bridge: trajectories of both splits and embeddings of the targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders import folders
from gantoolkit.tasks.bridge.config import (
    BridgeConfig,
    CacheConfig,
    DataConfig,
    SamplingConfig,
)
from gantoolkit.tasks.bridge.embeddings import Embeddings
from gantoolkit.tasks.bridge.trajectories import TimestepBatch, Trajectories
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.prefetch import Prefetcher


class BridgeData:
    """Trajectories of train and val, read at a random step per sample.

    encoder       frozen; makes what the caches lack
    encoder_spec  the part of the encoder's config that decides its outputs
    """

    def __init__(
        self, config: BridgeConfig, encoder: nn.Module, encoder_spec: dict, device: torch.device
    ):
        self.encoder = encoder
        self.encoder_key = dict(
            spec=encoder_spec, weights=list(folders.checksums(encoder_spec).values())
        )
        self.condition = config.condition
        self.device = device
        self.paths = DataConfig.of(config.data)
        self.sampling = SamplingConfig.of(config.sampling or {})
        self.cache = CacheConfig.of(config.cache or {})

        self.train = self._trajectories(self.paths.train, self.paths.train_limit, self.sampling)
        # a pair is scored once, with its first caption
        one_caption = replace(self.sampling, captions=1)
        self.val = self._trajectories(self.paths.val, self.paths.val_limit, one_caption)
        self.val_no_text = None
        if "id_text" in (config.metrics or {}):
            self.val_no_text = self._trajectories(
                self.paths.val, self.paths.val_limit, one_caption, text=""
            )
        self.embeddings: Embeddings | None = None
        self.prefetcher = None
        if reads_ahead(device, self.cache):
            self.prefetcher = Prefetcher(self.train.fetch)

    def _trajectories(
        self, name: str, limit: int | None, sampling: SamplingConfig, text: str | None = None
    ) -> Trajectories:
        return Trajectories(
            FaceZip(name),
            self.encoder,
            self.encoder_key,
            self.condition,
            sampling,
            self.cache,
            limit,
            text=text,
            device=self.device,
        )

    def embed(
        self,
        terms: dict[str, nn.Module],
        targets: Mapping[str, set[str]],
        digests: Mapping[str, str],
    ) -> Embeddings:
        """Open the cache of what the losses `terms` keep of their targets ('gt', 'x0')."""
        self.embeddings = Embeddings(self.train, terms, targets, dict(digests))
        return self.embeddings

    def prepare(self, progress) -> None:
        """Fill what the caches lack."""
        self.train.store_features(self.cache.max_gb)
        self.train.prepare(progress, "trajectories of train")
        self.val.prepare(progress, "trajectories of val")
        if self.val_no_text:
            self.val_no_text.prepare(progress, "trajectories of val without text")
        if self.embeddings:
            self.embeddings.prepare(progress)

    def read(self, batch: SeededBatch) -> TimestepBatch:
        """Read the samples of a batch, each at a step drawn uniformly from the denoising grid."""
        steps = batch.integers(len(self.train.timesteps))
        fetched = None
        if self.prefetcher:
            fetched = self.prefetcher.get(batch.indices, steps)
        return self.train.read(batch.indices, steps, fetched)

    def prefetch(self, batch: SeededBatch) -> None:
        """Begin to read a batch in a thread, where that pays."""
        if self.prefetcher:
            self.prefetcher.prefetch(batch.indices, batch.integers(len(self.train.timesteps)))


def reads_ahead(device: torch.device, cache: CacheConfig) -> bool:
    """Whether the CPU may read while the device computes; a stream would compute too."""
    return device.type == "cuda" and not cache.stream
