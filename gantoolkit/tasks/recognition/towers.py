"""Task `towers`: train text and image towers to match captions and faces, as CLIP does.

A contrast among few faces is won by the most telling words. What else a caption says would be lost
to the diffusion model that reads the text tower. So the end of a text also predicts the face's
attributes, by heads that are not exported.
"""

from __future__ import annotations

from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  before transformers

import torch
from torch import Tensor, nn

from gantoolkit.core.types import Scores
from gantoolkit.networks.tokenizer import list_words, train_tokenizer
from gantoolkit.networks.towers import ImageTower, Towers, text_model
from gantoolkit.tasks.recognition.attributes import (
    UNKNOWN,
    attribute_classes,
    attribute_loss,
    attribute_values,
)
from gantoolkit.tasks.recognition.config import TowersConfig
from gantoolkit.tasks.recognition.recognizer import Recognizer
from gantoolkit.tasks.recognition.retrieval import contrastive_loss, top1_rate
from gantoolkit.training.batch import SeededBatch

MAX_VALUES = 40  # attributes that take more values are left out
CAPTION_CHOICES = 10
TEXT_BATCH = 128


class TextImage(Recognizer):
    """Train CLIP at a small size, with a tokenizer learned from the data set's captions."""

    config: TowersConfig
    config_class = TowersConfig

    def __init__(self, config: TowersConfig, device: torch.device | str = "cpu", seed: int = 0):
        super().__init__(config, device, seed)
        captions = [text for row_captions in self.faces.captions for text in row_captions]
        tokenizer = train_tokenizer(captions, config.vocab_size, config.max_length)
        image_arch = {"resolution": self.faces.resolution, **(config.image or {})}
        image_tower = ImageTower(**image_arch)
        self.attribute_values = attribute_values(self.faces, MAX_VALUES)
        self.attribute_classes = attribute_classes(self.faces, self.attribute_values)
        text_tower = text_model(tokenizer, config.width, config.layers, config.heads)
        towers = Towers(text_tower, tokenizer, image_tower, list_words(captions))
        attribute_heads = {}
        for name, values in self.attribute_values.items():
            attribute_heads[name] = nn.Linear(config.width, len(values))
        self.set_network(towers, **attribute_heads)

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        rows = self.train_rows[batch.indices]
        captions = self.captions_of(rows, batch.integers(CAPTION_CHOICES))
        pooled = self.network.pool_text(captions)
        losses = {}
        if self.config.contrast:
            _, images, _ = self.training_batch(batch)
            embeddings = self.network.embed_image(images)
            scale = self.network.logit_scale()
            loss = contrastive_loss(
                embeddings, self.network.project_pooled(pooled), scale, captions
            )
            losses["contrast"] = self.config.contrast * loss
            losses["_scale"] = scale
        if self.attribute_values:
            logits = {name: head(pooled) for name, head in self.heads.items()}
            classes = self.named_classes(rows, captions).to(self.device)
            loss = attribute_loss(logits, classes)
            losses["attributes"] = self.config.attributes * len(logits) * loss
        return losses

    def named_classes(self, rows: Tensor, captions: list[str]) -> Tensor:
        """Return attribute classes [B,A]; UNKNOWN where the caption does not name the value."""
        classes = self.attribute_classes[rows].clone()
        for column, values in enumerate(self.attribute_values.values()):
            chosen = classes[:, column]
            named = [values[index] in text for index, text in zip(chosen.tolist(), captions)]
            chosen.masked_fill_(~torch.tensor(named), UNKNOWN)
        return classes

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score matching on held-out people, attributes told, and captions that are not cut."""
        rows = self.held_out_rows[: limit or 2048]
        captions = self.captions_of(rows)
        embeddings = []
        for _, images in self.validation_batches(len(rows)):
            embeddings.append(self.network.embed_image(images))
        pooled_chunks = []
        for first in range(0, len(rows), TEXT_BATCH):
            chunk = captions[first : first + TEXT_BATCH]
            pooled_chunks.append(self.network.pool_text(chunk))
        pooled = torch.cat(pooled_chunks)
        rate, count = top1_rate(
            torch.cat(embeddings), self.network.project_pooled(pooled), captions
        )

        tokenizer = self.network.tokenizer
        lengths = torch.tensor([len(tokenizer(text).input_ids) for text in captions])
        fitting = (lengths <= tokenizer.model_max_length).double().mean()
        return {
            "top1of64": self.score(rate, count),
            **self._attribute_scores(pooled, self.named_classes(rows, captions)),
            "captions_that_fit": self.score(fitting, len(lengths)),
        }

    def _attribute_scores(self, pooled: Tensor, classes: Tensor) -> Scores:
        """Score per attribute the share of the named values that its head predicts."""
        scores = {}
        for column, (name, head) in enumerate(self.heads.items()):
            correct = head(pooled).argmax(1).cpu() == classes[:, column]
            named = classes[:, column] >= 0
            if named.any():
                rate = correct[named].double().mean()
                scores[f"told[{name}]"] = self.score(rate, named.sum())
        return scores

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/towers: both towers and the tokenizer."""
        return self.network.save(Path(folder) / "towers")
