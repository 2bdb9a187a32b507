"""Pictures of the same person: how batches pair them, the loss that pulls them together, scores."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.data.face_zip import FaceZip
from gantoolkit.networks.arcface import angular_margin
from gantoolkit.training.batch import SeededBatch


class PartnerSampler:
    """Choose for a row another picture of the same person.

    The partner is in another state (hair, light) where the data has one.
    """

    def __init__(self, faces: FaceZip, rows: Tensor):
        people: dict[int, list[int]] = {}
        for row in rows.tolist():
            person = int(faces.identities[row])
            people.setdefault(person, []).append(row)
        state = [sample.get("state", row) for row, sample in enumerate(faces.records)]
        self.partners: dict[int, list[int]] = {}  # row → rows of possible partners
        for pictures in people.values():
            for row in pictures:
                other_states = [other for other in pictures if state[other] != state[row]]
                others = [other for other in pictures if other != row]
                self.partners[row] = other_states or others or [row]

    def __call__(self, rows: Tensor, batch: SeededBatch) -> Tensor:
        """Draw a partner for each of `rows` [B]."""
        choices = batch.integers(2**30).tolist()
        chosen = []
        for row, choice in zip(rows.tolist(), choices):
            partners = self.partners[row]
            chosen.append(partners[choice % len(partners)])
        return torch.tensor(chosen)


def pair_loss(first: Tensor, second: Tensor, people: Tensor, scale: float, margin: float) -> Tensor:
    """Return ArcFace's additive angular margin loss with partners as class centers, both ways.

    first, second  unit embeddings [B,D] of two pictures of the persons `people` [B]; other rows of
                   the same person are not negatives
    """
    cosine = first.float() @ second.float().T
    rows = torch.arange(len(people), device=cosine.device)
    same_person = people[:, None] == people[None]
    same_person &= rows[:, None] != rows[None]
    loss = cosine.new_zeros(())
    for similarity, excluded in ((cosine, same_person), (cosine.T, same_person.T)):
        logits = angular_margin(similarity, rows, scale, margin).masked_fill(excluded, -1e4)
        loss = loss + 0.5 * F.cross_entropy(logits, rows)
    return loss


def verification_rate(
    embeddings: Tensor,
    identities: Tensor,
    groups: Tensor | None = None,
    false_accepts: float = 1e-3,
) -> tuple[float, int]:
    """Return (true accept rate where `false_accepts` of other pairs are accepted, number of pairs).

    embeddings     unit vectors [N,D]
    identities     person of every row [N]
    groups         only pairs of the same group [N] count as other pairs
    false_accepts  share of other pairs that are accepted
    """
    cosine = embeddings.double() @ embeddings.double().T
    upper = torch.ones_like(cosine, dtype=torch.bool).triu(1)
    same_person = identities[:, None] == identities[None]
    other_pairs = upper & ~same_person
    if groups is not None:
        other_pairs &= groups[:, None] == groups[None]
    positives = cosine[upper & same_person]
    negatives = cosine[other_pairs].sort(descending=True).values
    if not len(positives) or not len(negatives):
        return float("nan"), len(positives)
    accepted = int(false_accepts * len(negatives))
    threshold = negatives[min(len(negatives) - 1, accepted)]
    true_accepts = (positives > threshold).double().mean()
    return float(true_accepts), len(positives)
