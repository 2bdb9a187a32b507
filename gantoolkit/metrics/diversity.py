"""How alike results are: of one condition from several seeds, and of different conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Scores
from gantoolkit.metrics import bootstrap
from gantoolkit.metrics.base import EvalBatch, Metric
from gantoolkit.metrics.kid import mean_over_pairs


class Faces(NamedTuple):
    """What the judge reads off some results."""

    conditions: Tensor  # [n] numbers of the conditions
    identity: Tensor  # [n,D] of length 1
    labels: Tensor  # [n,P] parsed label of every pixel, uint8


class Diversity(Metric):
    """Compare results of one condition from several seeds, and results of different conditions.

    id_seeds, acc_seeds            cosine of identities, and share of pixels whose parsed labels
                                   agree; mean over all pairs of seeds of a condition
    id_conditions, acc_conditions  the same of all pairs of conditions, each seed with its own

    Results with equal `sample_ids` are of one condition. Scores count conditions, and the bootstrap
    draws conditions. One with a result that is not finite, or without a found face, is skipped.

    network  weights name of a network that parses faces and embeds them
    """

    name = "diversity"
    higher_is_better = False
    min_samples = 2

    def __init__(self, network: str = "judge"):
        super().__init__(network)
        self.chunks: list[Faces] = []
        self.bad: set[int] = set()  # conditions that are skipped

    def reset(self) -> None:
        self.chunks, self.bad = [], set()

    def is_empty(self) -> bool:
        return not self.chunks

    def update(self, batch: EvalBatch) -> None:
        outputs = batch.outputs(self.network)
        for name in ("identity", "logits"):
            if not hasattr(outputs, name):
                raise UsageError(
                    f"The metric '{self.name}' needs a network that gives {name}; "
                    f"'{self.network_name}' does not."
                )
        identity = outputs.identity.detach().float().cpu()
        labels = outputs.logits.argmax(1).flatten(1).byte().cpu()
        is_valid = torch.isfinite(identity).all(1) & batch.is_finite().cpu()
        conditions = batch.sample_ids.cpu()
        self.bad |= set(conditions[~is_valid].tolist())
        self.chunks.append(Faces(conditions, identity, labels))

    def merge(self, other: Diversity) -> None:
        self.chunks += other.chunks
        self.bad |= other.bad

    def all_reduce(self) -> None:
        import torch.distributed as dist

        gathered: list = [None] * dist.get_world_size()
        dist.all_gather_object(gathered, (self.chunks, self.bad))
        self.chunks = [chunk for chunks, _ in gathered for chunk in chunks]
        self.bad = set().union(*(bad for _, bad in gathered))

    def grouped(self) -> Faces:
        """Return the results by condition: numbers [G], identities [G,K,D], labels [G,K,P].

        K is the smallest number of results that a condition has.
        """
        ids, identity, labels = (torch.cat(column) for column in zip(*self.chunks))
        order = ids.argsort(stable=True)
        order = order[~torch.isin(ids[order], torch.tensor(sorted(self.bad), dtype=ids.dtype))]
        conditions, counts = ids[order].unique_consecutive(return_counts=True)
        if not len(counts):
            return Faces(conditions, identity[:0, None], labels[:0, None])
        first = counts.cumsum(0) - counts
        rows = order[first[:, None] + torch.arange(int(counts.min()))]
        return Faces(conditions, identity[rows], labels[rows])

    def count(self) -> int:
        return len(self.grouped().conditions)

    def conditions(self) -> dict:
        conditions = {"seeds_each": self.grouped().identity.shape[1]}
        return {**conditions, "skipped": len(self.bad)} if self.bad else conditions

    def compute_values(self) -> dict[str, Tensor]:
        conditions, identity, labels = self.grouped()
        weights = bootstrap.weights(conditions.tolist(), self.replicates).T  # [1+R,G]
        values = {}
        if identity.shape[1] > 1:
            for name, of_seeds in (
                ("id", cosine_of_seeds(identity)),
                ("acc", agreement_of_seeds(labels)),
            ):
                values[f"{name}_seeds"] = weights @ of_seeds / weights.sum(1)
        # A replicate that drew only one condition has no pair.
        has_pairs = weights.sum(1).square() > weights.square().sum(1)
        for name, of_pairs in (
            ("id", cosine_of_conditions(identity)),
            ("acc", agreement_of_conditions(labels)),
        ):
            mean = mean_over_pairs(weights, of_pairs)
            values[f"{name}_conditions"] = torch.where(has_pairs, mean, torch.nan)
        return values

    def compute(self) -> Scores:
        """Seeds of one condition should agree with it: there, a higher accuracy is better."""
        scores = super().compute()
        for name, score in scores.items():
            if name.startswith(f"{self.name}_acc_seeds"):
                scores[name] = replace(score, higher_is_better=True)
        return scores


def cosine_of_seeds(identity: Tensor) -> Tensor:
    """Return the mean cosine over pairs of seeds of every condition [G]; identities [G,K,D]."""
    identity = identity.double()
    seeds = identity.shape[1]
    all_pairs = identity.sum(1).square().sum(1)
    with_itself = identity.square().sum((1, 2))
    return (all_pairs - with_itself) / (seeds * (seeds - 1))


def cosine_of_conditions(identity: Tensor) -> Tensor:
    """Return the mean cosine over seeds of every two conditions [G,G]; identities [G,K,D]."""
    flat = identity.double().flatten(1)
    return flat @ flat.T / identity.shape[1]


def agreement_of_seeds(labels: Tensor) -> Tensor:
    """Return the share of equal labels over pairs of seeds of every condition [G]; [G,K,P]."""
    shares = []
    for seed in range(1, labels.shape[1]):
        shares.append((labels[:, seed:] == labels[:, :-seed]).double().mean(2))
    return torch.cat(shares, 1).mean(1)


def agreement_of_conditions(labels: Tensor) -> Tensor:
    """Return the share of equal labels over seeds of every two conditions [G,G]; [G,K,P]."""
    pixels = labels.shape[1] * labels.shape[2]
    return torch.stack([(labels == one).sum((1, 2)).double() / pixels for one in labels])
