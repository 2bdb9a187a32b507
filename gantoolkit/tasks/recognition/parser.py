"""Task `parser`: train the face parser that losses use; its encoder is the perceptual trunk."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.images import one_hot
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.types import Scores
from gantoolkit.encoders.conditioning import mask_image
from gantoolkit.metrics.parsing import Confusion
from gantoolkit.networks.face_parser import FaceParser
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.tasks.recognition.attributes import (
    attribute_classes,
    attribute_loss,
    attribute_values,
)
from gantoolkit.tasks.recognition.augmentation import IGNORED
from gantoolkit.tasks.recognition.config import ParserConfig
from gantoolkit.tasks.recognition.recognizer import Recognizer
from gantoolkit.training.batch import SeededBatch

DICE_WEIGHT = 0.5


def class_weights(labels: Tensor, power: float) -> Tensor:
    """Return weights [19] ∝ frequency^−power, mean 1 over the pixels of `labels` (uint8 maps)."""
    pixels = labels.flatten().long()
    counts = torch.bincount(pixels, minlength=len(CLASSES)).double()
    share = counts / counts.sum()
    weights = share.clamp(min=1e-5) ** -power
    return (weights / (weights * share).sum()).float()


def parsing_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted cross-entropy plus 1 − soft Dice over the classes that occur.

    logits   [B,19,H,W]
    labels   [B,H,W] int64; IGNORED pixels do not count
    weights  [19] of the cross-entropy
    """
    logits = logits.float()
    entropy = F.cross_entropy(logits, labels, weights, ignore_index=IGNORED)

    known = labels != IGNORED
    classes = logits.shape[1]
    truth = F.one_hot(labels.masked_fill(~known, 0), classes)
    truth = truth.movedim(-1, 1) * known[:, None]
    predicted = logits.softmax(1) * known[:, None]
    dims = (0, 2, 3)
    overlap = (predicted * truth).sum(dims)
    pixels = truth.sum(dims)
    dice = (2 * overlap + 1) / (predicted.sum(dims) + pixels + 1)
    return entropy + DICE_WEIGHT * (1 - dice[pixels > 0].mean())


class Parser(Recognizer):
    """Train a face parser by cross-entropy and Dice on label maps.

    Attributes read from the coarsest map keep color in the trunk.
    """

    config: ParserConfig
    config_class = ParserConfig

    def __init__(self, config: ParserConfig, device: torch.device | str = "cpu", seed: int = 0):
        super().__init__(config, device, seed)
        values = attribute_values(self.faces)
        self.attribute_classes = attribute_classes(self.faces, values)
        arch = {"resolution": self.faces.resolution, **(config.network or {})}
        parser = FaceParser(**arch)
        width = parser.widths[-1]
        heads = {}
        for name, known_values in values.items():
            heads[name] = nn.Linear(width, len(known_values))
        self.set_network(parser, config.train_only, **heads)
        train_labels = self.faces.labels[self.train_rows]
        self.class_weights = class_weights(train_labels, config.balance).to(self.device)

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        rows, images, labels = self.training_batch(batch, with_labels=True)
        maps = self.network.features(images)
        logits = self.network.decode(maps)
        losses = {"parsing": parsing_loss(logits, labels, self.class_weights)}
        if self.config.attributes and len(self.heads):
            pooled = maps[-1].mean((2, 3))
            attribute_logits = {name: head(pooled) for name, head in self.heads.items()}
            classes = self.attribute_classes[rows].to(self.device)
            loss = attribute_loss(attribute_logits, classes)
            losses["attributes"] = self.config.attributes * loss
        return losses

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score the label maps of held-out people."""
        confusion = Confusion(len(CLASSES))
        for rows, images in self.validation_batches(limit):
            predicted = self.network.logits(images).argmax(1)
            confusion.update(predicted, self.labels(rows))
        return self.parsing_scores(confusion)

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Draw held-out faces, their label maps, and what the parser makes of them."""
        rows, images = next(iter(self.validation_batches(8)))
        predicted = self.network.logits(images).argmax(1)
        label_maps = [self.labels(rows), predicted]
        colored = [mask_image(one_hot(labels), "celebamask") * 2 - 1 for labels in label_maps]
        return {"parsed": image_grid([images, *colored])}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/parser.safetensors."""
        return self.export_network(folder, "parser")
