"""Train the face parser that losses use; its encoder is the perceptual trunk."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.labels import CLASSES, PALETTE
from gantoolkit.core.types import Scores
from gantoolkit.metrics.parsing import Confusion
from gantoolkit.networks.face_parser import FaceParser
from gantoolkit.tasks.recognition import recognizer
from gantoolkit.tasks.sheet import joined
from gantoolkit.training.batch import SeededBatch


def class_weights(labels: Tensor, power: float) -> Tensor:
    """[19] weights ∝ frequency^−power with mean 1 over the pixels of `labels` (uint8 maps)."""
    counts = torch.bincount(labels.flatten().long(), minlength=len(CLASSES)).double()
    share = counts / counts.sum()
    raw = share.clamp(min=1e-5) ** -power
    return (raw / (raw * share).sum()).float()


def parsing_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy plus 1 − soft Dice over the classes that occur; logits [B,19,H,W]."""
    logits = logits.float()
    entropy = F.cross_entropy(logits, labels, weights, ignore_index=recognizer.IGNORED)
    known = labels != recognizer.IGNORED
    hot = F.one_hot(labels.masked_fill(~known, 0), logits.shape[1]).movedim(-1, 1) * known[:, None]
    share = logits.softmax(1) * known[:, None]
    dims = (0, 2, 3)
    dice = (2 * (share * hot).sum(dims) + 1) / (share.sum(dims) + hot.sum(dims) + 1)
    present = hot.sum(dims) > 0
    return entropy + 0.5 * (1 - dice[present].mean())


class Parser(recognizer.Recogniser):
    """Cross-entropy and Dice on label maps; attributes read from the coarsest map keep colour in the trunk.

    attributes  weight of the attribute loss: hair colour, skin tone and the like decide what the
                encoder keeps beside shapes, which matters for its use as a perceptual distance
    balance     0 weights pixels alike, 1 classes alike
    only        parts of the network that learn: with ["decoder", "head"] the perceptual trunk stays as it was
    """

    def __init__(
        self,
        data: str,
        network: dict | None = None,
        holdout: float = 0.05,
        lr: float = 3e-3,
        weight_decay: float = 0.01,
        attributes: float = 0.3,
        balance: float = 0.3,
        only: list[str] | None = None,
        augment: dict | None = None,
        device: torch.device | str = "cpu",
        seed: int = 0,
    ):
        super().__init__(data, holdout, lr, weight_decay, augment, device, seed)
        self.attribute_weight = attributes
        self.values = recognizer.attribute_values(self.zip)
        self.table = recognizer.attribute_table(self.zip, self.values)
        options = {"resolution": self.zip.resolution, **(network or {})}
        parser = FaceParser(**options)
        heads = {k: nn.Linear(parser.widths[-1], len(v)) for k, v in self.values.items()}
        self.start(parser, only, **heads)
        self.class_weights = class_weights(self.zip.labels[self.rows], balance).to(self.device)

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        rows, images, labels = self.training_batch(draw, with_labels=True)
        maps = self.network.features(images)
        out = {"parsing": parsing_loss(self.network.decode(maps), labels, self.class_weights)}
        if self.attribute_weight and len(self.heads):
            pooled = maps[-1].mean((2, 3))
            guesses = {k: head(pooled) for k, head in self.heads.items()}
            wanted = self.table[rows].to(self.device)
            out["attributes"] = self.attribute_weight * recognizer.attribute_loss(guesses, wanted)
        return out

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        confusion = Confusion(len(CLASSES))
        for rows, images in self.validation_batches(limit):
            confusion.update(self.network.logits(images).argmax(1), self.labels(rows))
        return self.parsing_scores(confusion)

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        rows, images = next(iter(self.validation_batches(8)))
        colours = torch.tensor(PALETTE, device=self.device).float() / 127.5 - 1
        maps = [
            colours[m].movedim(-1, 1)
            for m in (self.labels(rows), self.network.logits(images).argmax(1))
        ]
        return {"parsed": joined([images, *maps])}

    def export(self, folder: Path) -> list[Path]:
        return self.export_network(folder, "parser")
