"""Features of results and truths, held back for scores that compare all pairs of samples."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gantoolkit.metrics import bootstrap
from gantoolkit.metrics.base import EvalBatch, Metric


class Features(NamedTuple):
    """Features of some samples."""

    sample_ids: Tensor  # [n]
    fake: Tensor  # of the results [n,D]
    real: Tensor  # of the truths [n,D]


class FeatureBank(Metric):
    """Hold the features of result and truth of the first samples, in order of their indices.

    network      weights name of the network that gives features [B,D]
    max_samples  how many samples are compared
    resize       of Inception: 'clean', 'torch' or 'tf'
    """

    output = "features"
    min_samples = 2

    def __init__(self, network: str = "judge", max_samples: int = 2000, resize: str | None = None):
        super().__init__(network, resize=resize)
        self.max_samples = max_samples
        self.chunks: list[Features] = []
        self.skipped = 0  # samples whose pictures or features are not finite

    def reset(self) -> None:
        self.chunks = []
        self.skipped = 0

    def is_empty(self) -> bool:
        return not self.chunks

    def update(self, batch: EvalBatch) -> None:
        fake = self.network_output(batch).detach().float().cpu()
        real = self.network_output(batch, "image_gt").detach().float().cpu()
        is_valid = batch.is_finite().cpu()
        is_valid = is_valid & torch.isfinite(fake).all(1) & torch.isfinite(real).all(1)
        self.skipped += int((~is_valid).sum())
        sample_ids = batch.sample_ids.cpu()
        self.chunks.append(Features(sample_ids[is_valid], fake[is_valid], real[is_valid]))
        if sum(len(chunk.sample_ids) for chunk in self.chunks) > 2 * self.max_samples:
            self.chunks = [self.first_samples()]

    def merge(self, other: FeatureBank) -> None:
        self.chunks += other.chunks
        self.skipped += other.skipped

    def all_reduce(self) -> None:
        import torch.distributed as dist

        gathered: list = [None] * dist.get_world_size()
        dist.all_gather_object(gathered, (self.first_samples(), self.skipped))
        self.chunks = [chunk for chunk, _ in gathered]
        self.skipped = sum(skipped for _, skipped in gathered)

    def first_samples(self) -> Features:
        """Return the features of the `max_samples` smallest indices, in order."""
        sample_ids, fake, real = (torch.cat(column) for column in zip(*self.chunks))
        order = sample_ids.argsort(stable=True)[: self.max_samples]
        return Features(sample_ids[order], fake[order], real[order])

    def count(self) -> int:
        return len(self.first_samples().sample_ids)

    def conditions(self) -> dict:
        conditions = {"features": self.chunks[0].fake.shape[1], "most_samples": self.max_samples}
        return {**conditions, "skipped": self.skipped} if self.skipped else conditions

    def weights(self, sample_ids: Tensor) -> Tensor:
        """Return the weights [1+replicates,n] of the bootstrap."""
        return bootstrap.weights(sample_ids.tolist(), self.replicates).T
