"""Train the text and image towers to agree on which caption belongs to which face (CLIP's loss).

A contrast among few faces is won by the most telling words; what else a caption says would be lost to the diffusion
model that reads the text tower. So the end of a text also tells the face's attributes, by a head that is not kept.
"""

from __future__ import annotations

from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  before transformers

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.types import Scores
from gantoolkit.networks.tokenizer import train_tokenizer, list_words
from gantoolkit.networks.towers import ImageTower, Towers, text_model
from gantoolkit.tasks.recognition import recognizer
from gantoolkit.training.batch import SeededBatch


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor, captions: list[str]) -> Tensor:
    """Symmetric cross-entropy over the batch; rows with the same caption are each other's answer too."""
    logits = scale * images.float() @ texts.float().T
    numbers = {text: n for n, text in enumerate(dict.fromkeys(captions))}
    index = torch.tensor([numbers[text] for text in captions], device=logits.device)
    same = (index[:, None] == index[None]).float()
    wanted = same / same.sum(1, keepdim=True)
    return 0.5 * (F.cross_entropy(logits, wanted) + F.cross_entropy(logits.T, wanted))


class TextImage(recognizer.Recogniser):
    """CLIP at a small size, with a tokeniser learned from the data set's captions.

    tokens, length      of the tokeniser: at most so many tokens, longest text
    width, layers, heads  of the text tower; `width` is the diffusion model's cross_attention_dim
    contrast, attributes  weights of matching, and of telling the attributes whose values a caption names (sum over
                        them); contrast=0 trains the text tower alone, fast, and looks at no image
    """

    def __init__(
        self,
        data: str,
        image: dict | None = None,
        tokens: int = 1000,
        length: int = 64,
        width: int = 96,
        layers: int = 4,
        heads: int = 4,
        contrast: float = 1.0,
        attributes: float = 0.5,
        holdout: float = 0.05,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        augment: dict | None = None,
        device: torch.device | str = "cpu",
        seed: int = 0,
    ):
        super().__init__(data, holdout, lr, weight_decay, augment, device, seed)
        captions = [text for row in self.zip.captions for text in row]
        tokenizer = train_tokenizer(captions, tokens, length)
        tower = ImageTower(**{"resolution": self.zip.resolution, **(image or {})})
        self.values, self.contrast, self.attributes = (
            recognizer.attribute_values(self.zip, 40),
            contrast,
            attributes,
        )
        self.table = recognizer.attribute_table(self.zip, self.values)
        towers = Towers(
            text_model(tokenizer, width, layers, heads), tokenizer, tower, list_words(captions)
        )
        self.start(
            towers, **{name: nn.Linear(width, len(known)) for name, known in self.values.items()}
        )

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        rows = self.rows[draw.indices]
        captions = self.captions_of(rows, draw.integers(10))
        pooled, losses = self.network.pool(captions), {}
        if self.contrast:
            seen, scale = (
                self.network.embed_image(self.training_batch(draw)[1]),
                self.network.scale(),
            )
            distance = contrastive_loss(seen, self.network.place(pooled), scale, captions)
            losses |= {"contrast": self.contrast * distance, "_scale": scale}
        if self.values:
            told = {name: head(pooled) for name, head in self.heads.items()}
            wanted = self.stated(rows, captions).to(self.device)
            losses["attributes"] = (
                self.attributes * len(told) * recognizer.attribute_loss(told, wanted)
            )
        return losses

    def stated(self, rows: Tensor, captions: list[str]) -> Tensor:
        """Value numbers [B,A] as in `table`; −100 where the caption does not name the value."""
        wanted = self.table[rows].clone()
        for n, known in enumerate(self.values.values()):
            named = [known[value] in text for value, text in zip(wanted[:, n].tolist(), captions)]
            wanted[:, n].masked_fill_(~torch.tensor(named), -100)
        return wanted

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Top-1 of 64 matching on the held-out people, and the share of captions that are not cut."""
        rows = self.held_out[: limit or 2048]
        captions = self.captions_of(rows)
        images = torch.cat(
            [self.network.embed_image(images) for _, images in self.validation_batches(len(rows))]
        )
        pooled = torch.cat(
            [self.network.pool(captions[n : n + 128]) for n in range(0, len(rows), 128)]
        )
        texts = self.network.place(pooled)
        rate, n = recognizer.top1(images, texts, captions)
        lengths = torch.tensor([len(self.network.tokenizer(text).input_ids) for text in captions])
        longest = self.network.tokenizer.model_max_length
        return {
            "top1of64": self.score(rate, n),
            **self._told(pooled, self.stated(rows, captions)),
            "captions_that_fit": self.score((lengths <= longest).double().mean(), len(lengths)),
        }

    def _told(self, pooled: Tensor, wanted: Tensor) -> Scores:
        """Share of the named values that the heads read rightly, per attribute."""
        right = {
            name: (head(pooled).argmax(1).cpu() == wanted[:, n], wanted[:, n] >= 0)
            for n, (name, head) in enumerate(self.heads.items())
        }
        return {
            f"told[{name}]": self.score(hit[named].double().mean(), named.sum())
            for name, (hit, named) in right.items()
            if named.any()
        }

    def export(self, folder: Path) -> list[Path]:
        return self.network.save(Path(folder) / "towers")
