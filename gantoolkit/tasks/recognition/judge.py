"""Train the judge: parsing, identity, attributes and text on one trunk, on people nobody else sees."""

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
from gantoolkit.tasks.recognition import recognizer
from gantoolkit.tasks.recognition.parser import class_weights, parsing_loss
from gantoolkit.tasks.recognition.towers import contrastive_loss
from gantoolkit.training.batch import SeededBatch


class Judge(recognizer.Recogniser):
    """All heads in one step; `weights` scales the losses parsing, pairs, factors, attributes and contrast.

    Every person of a batch is shown twice, so that identity is learned from pairs (see `Identity`).
    only    parts of the network that learn, such as ["parse"]; what the others see stays exactly as it was
    """

    def __init__(
        self,
        data: str,
        network: dict | None = None,
        holdout: float = 0.05,
        lr: float = 2e-3,
        weight_decay: float = 0.05,
        weights: dict | None = None,
        only: list[str] | None = None,
        margin: float = 0.1,
        scale: float = 16.0,
        balance: float = 0.3,
        augment: dict | None = None,
        device: torch.device | str = "cpu",
        seed: int = 101,
    ):
        super().__init__(data, holdout, lr, weight_decay, augment, device, seed)
        self.margin, self.scale = margin, scale
        self.parts = {
            "parsing": 1.0,
            "pairs": 0.5,
            "factors": 5.0,
            "attributes": 1.0,
            "contrast": 0.3,
        }
        self.parts.update(weights or {})
        self.partners = recognizer.Partners(self.zip, self.rows)
        self.values = recognizer.attribute_values(self.zip)
        self.table = recognizer.attribute_table(self.zip, self.values)
        words = list_words(text for row in self.zip.captions for text in row)
        judge = JudgeNetwork(
            **{
                "resolution": self.zip.resolution,
                "attributes": self.values,
                "words": [".", *words],
                **(network or {}),
            }
        )
        factors = self.zip.identity_factors
        self.start(
            judge, only, **({"factors": nn.Linear(judge.embedding, factors)} if factors else {})
        )
        self.class_weights = class_weights(self.zip.labels[self.rows], balance).to(self.device)

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        rows, images, labels = self.training_batch(draw, with_labels=True, partners=self.partners)
        seen = self.network.observe(images)
        people = self.zip.identities[rows[: len(draw)]].to(self.device)
        captions = self.captions_of(rows, draw.integers(10).repeat(2))
        out = {
            "parsing": parsing_loss(seen.logits, labels, self.class_weights),
            "pairs": recognizer.pair_loss(*seen.identity.chunk(2), people, self.scale, self.margin),
            "contrast": contrastive_loss(
                seen.text,
                self.network.read(captions),
                self.network.log_scale.exp().clamp(max=100.0),
                captions,
            ),
        }
        if self.values:
            out["attributes"] = recognizer.attribute_loss(
                seen.attributes, self.table[rows].to(self.device)
            )
        if "factors" in self.heads:
            wanted = self.zip.factors[rows, : self.zip.identity_factors].to(self.device)
            guess = self.heads["factors"](seen.identity * self.network.embedding**0.5)
            out["factors"] = F.mse_loss(guess.float(), wanted)
        return {name: self.parts[name] * value for name, value in out.items()}

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        confusion, right, known = Confusion(len(CLASSES)), 0, 0
        identity, pictures, texts, seen_rows, captions = [], [], [], [], []
        for rows, images in self.validation_batches(limit or 2048):
            seen = self.network.observe(images)
            confusion.update(seen.logits.argmax(1), self.labels(rows))
            identity.append(seen.identity)
            pictures.append(seen.text)
            captions += self.captions_of(rows)
            texts.append(self.network.read(captions[-len(rows) :]))
            seen_rows.append(rows)
            if self.values:
                wanted = self.table[rows].to(self.device)
                guess = torch.stack([v.argmax(1) for v in seen.attributes.values()], 1)
                right += ((guess == wanted) & (wanted >= 0)).sum(0)
                known += (wanted >= 0).sum(0)
        match, n = recognizer.top1(torch.cat(pictures), torch.cat(texts), captions)
        out = {
            **self.parsing_scores(confusion),
            **self.identity_scores(torch.cat(identity), torch.cat(seen_rows)),
            "top1of64": self.score(match, n),
        }
        if self.values:
            shares = right.double() / known.clamp(min=1)
            out["attributes"] = self.score(shares.mean(), confusion.n)
            out |= {
                f"attribute[{k}]": self.score(s, confusion.n)
                for k, s in zip(self.values, shares.tolist())
            }
        return out

    def export(self, folder: Path) -> list[Path]:
        mean = self.mean_over_people(
            lambda images: self.network.identify(self.network.features(images)[2])
        )
        return self.export_network(folder, "judge", ("identify.3.bias", mean))
