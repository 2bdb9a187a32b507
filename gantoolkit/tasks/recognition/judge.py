"""Task `judge`: train the network that metrics measure with, on people that no loss knows.

Parsing, identity, attributes and text share one trunk.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.labels import CLASSES
from gantoolkit.core.types import Scores
from gantoolkit.metrics.parsing import Confusion
from gantoolkit.networks.judge import Judge as JudgeNetwork
from gantoolkit.networks.tokenizer import list_words
from gantoolkit.tasks.recognition.attributes import (
    attribute_classes,
    attribute_loss,
    attribute_values,
)
from gantoolkit.tasks.recognition.config import JudgeConfig
from gantoolkit.tasks.recognition.parser import class_weights, parsing_loss
from gantoolkit.tasks.recognition.recognizer import Recognizer
from gantoolkit.tasks.recognition.retrieval import contrastive_loss, top1_rate
from gantoolkit.tasks.recognition.verification import PartnerSampler, pair_loss
from gantoolkit.training.batch import SeededBatch

WEIGHTS = {
    "parsing": 1.0,
    "pairs": 0.5,
    "factors": 5.0,
    "attributes": 1.0,
    "contrast": 0.3,
}
MAX_SCALE = 100.0
CAPTION_CHOICES = 10


class Judge(Recognizer):
    """Train all heads of the judge in one step.

    Every person of a batch is shown twice, so that identity is learned from pairs (see `Identity`).
    """

    config: JudgeConfig
    config_class = JudgeConfig

    def __init__(self, config: JudgeConfig, device: torch.device | str = "cpu", seed: int = 101):
        super().__init__(config, device, seed)
        self.loss_weights = {**WEIGHTS, **(config.weights or {})}
        self.partners = PartnerSampler(self.faces, self.train_rows)
        self.attribute_values = attribute_values(self.faces)
        self.attribute_classes = attribute_classes(self.faces, self.attribute_values)
        words = list_words(text for captions in self.faces.captions for text in captions)
        arch = {
            "resolution": self.faces.resolution,
            "attributes": self.attribute_values,
            "words": [".", *words],
            **(config.network or {}),
        }
        judge = JudgeNetwork(**arch)
        self.factor_count = self.faces.identity_factors
        heads = {}
        if self.factor_count:
            heads["factors"] = nn.Linear(judge.embedding, self.factor_count)
        self.set_network(judge, config.train_only, **heads)
        train_labels = self.faces.labels[self.train_rows]
        self.class_weights = class_weights(train_labels, config.balance).to(self.device)

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        rows, images, labels = self.training_batch(batch, with_labels=True, partners=self.partners)
        observed = self.network.observe(images)
        first_rows = rows[: len(batch)]
        people = self.faces.identities[first_rows].to(self.device)
        captions = self.captions_of(rows, batch.integers(CAPTION_CHOICES).repeat(2))
        first, second = observed.identity.chunk(2)
        scale = self.config.scale
        margin = self.config.margin
        losses = {
            "parsing": parsing_loss(observed.logits, labels, self.class_weights),
            "pairs": pair_loss(first, second, people, scale, margin),
            "contrast": self._contrastive_loss(observed.text, captions),
        }
        if self.attribute_values:
            classes = self.attribute_classes[rows].to(self.device)
            losses["attributes"] = attribute_loss(observed.attributes, classes)
        if self.factor_count:
            factors = self.faces.factors[rows, : self.factor_count].to(self.device)
            predicted = self.heads["factors"](observed.identity * self.network.embedding**0.5)
            losses["factors"] = F.mse_loss(predicted.float(), factors)
        return {name: self.loss_weights[name] * value for name, value in losses.items()}

    def _contrastive_loss(self, images: Tensor, captions: list[str]) -> Tensor:
        """Return the loss between embedded images [B,D] and their captions."""
        texts = self.network.embed_text(captions)
        scale = self.network.log_scale.exp().clamp(max=MAX_SCALE)
        return contrastive_loss(images, texts, scale, captions)

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score every head on the held-out people."""
        confusion = Confusion(len(CLASSES))
        identity = []
        images_as_text = []
        texts = []
        captions = []
        predicted_classes = []
        all_rows = []
        for rows, images in self.validation_batches(limit or 2048):
            observed = self.network.observe(images)
            confusion.update(observed.logits.argmax(1), self.labels(rows))
            identity.append(observed.identity)
            images_as_text.append(observed.text)
            row_captions = self.captions_of(rows)
            captions += row_captions
            texts.append(self.network.embed_text(row_captions))
            if self.attribute_values:
                predicted = [logits.argmax(1) for logits in observed.attributes.values()]
                predicted_classes.append(torch.stack(predicted, 1))
            all_rows.append(rows)

        rows = torch.cat(all_rows)
        rate, count = top1_rate(torch.cat(images_as_text), torch.cat(texts), captions)
        scores = {
            **self.parsing_scores(confusion),
            **self.identity_scores(torch.cat(identity), rows),
            "top1of64": self.score(rate, count),
        }
        if self.attribute_values:
            scores |= self._attribute_scores(torch.cat(predicted_classes), rows)
        return scores

    def _attribute_scores(self, predicted: Tensor, rows: Tensor) -> Scores:
        """Score the share of right attribute classes [N,A], on average and for each attribute."""
        classes = self.attribute_classes[rows].to(self.device)
        known = classes >= 0
        correct = ((predicted == classes) & known).sum(0)
        rates = correct.double() / known.sum(0).clamp(min=1)
        scores = {"attributes": self.score(rates.mean(), len(rows))}
        for name, rate in zip(self.attribute_values, rates.tolist()):
            scores[f"attribute[{name}]"] = self.score(rate, len(rows))
        return scores

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/judge.safetensors."""
        mean = self.mean_over_people(
            lambda images: self.network.identify(self.network.features(images)[2])
        )
        return self.export_network(folder, "judge", ("identify.3.bias", mean))
