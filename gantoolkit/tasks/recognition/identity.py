"""Task `identity`: train a small ArcFace; its embedding should survive views, hair and light."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.types import Scores
from gantoolkit.networks.arcface import ArcFace
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.tasks.recognition.config import IdentityConfig
from gantoolkit.tasks.recognition.recognizer import Recognizer
from gantoolkit.tasks.recognition.verification import PartnerSampler, pair_loss
from gantoolkit.training.batch import SeededBatch

# Scale of the final batch norm at the start. At 1 all numbers would have variance 1, those that say
# nothing about the person too.
INITIAL_NORM_SCALE = 0.3


class Identity(Recognizer):
    """Train two pictures of each person of a batch to find each other, with an angular margin."""

    config: IdentityConfig
    config_class = IdentityConfig

    def __init__(self, config: IdentityConfig, device: torch.device | str = "cpu", seed: int = 0):
        super().__init__(config, device, seed)
        self.partners = PartnerSampler(self.faces, self.train_rows)
        arch = {"size": self.faces.resolution, **(config.network or {})}
        arcface = ArcFace(**arch)
        nn.init.constant_(arcface.output_layer[-1].weight, INITIAL_NORM_SCALE)
        self.factor_count = 0
        if config.factors:
            self.factor_count = min(self.faces.identity_factors, arcface.embedding)
        self.set_network(arcface)

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        rows, images, _ = self.training_batch(batch, partners=self.partners)
        raw = self.network.raw_embedding(self.network.prepare(images)).float()
        first, second = F.normalize(raw, dim=1).chunk(2)
        first_rows = rows[: len(batch)]
        people = self.faces.identities[first_rows].to(self.device)
        growth = min(1.0, iteration / max(1, self.config.warmup))
        margin = growth * self.config.margin
        loss = pair_loss(first, second, people, self.config.scale, margin)
        losses = {"pairs": growth * self.config.pairs * loss}
        if self.factor_count:
            factors = self.faces.factors[rows, : self.factor_count].to(self.device)
            error = F.mse_loss(raw[:, : self.factor_count], factors)
            losses["factors"] = self.config.factors * error
        return losses

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score how well held-out people are told apart."""
        embeddings = []
        all_rows = []
        for rows, images in self.validation_batches(limit or 2000):
            embeddings.append(self.network.embed(images))
            all_rows.append(rows)
        return self.identity_scores(torch.cat(embeddings), torch.cat(all_rows))

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Draw held-out faces, each above the nearest of the others."""
        _, images = next(iter(self.validation_batches(256, batch=256)))
        embeddings = self.network.embed(images)
        cosine = (embeddings @ embeddings.T).fill_diagonal_(-1)
        nearest = cosine.argmax(1)[:8]
        return {"nearest": image_grid([images[:8], images[nearest]])}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/arcface.safetensors and, with `onnx`, FOLDER/arcface.onnx."""

        def embed(images: Tensor) -> Tensor:
            return self.network.raw_embedding(self.network.prepare(images))

        mean = self.mean_over_people(embed)
        paths = self.export_network(folder, "arcface", ("output_layer.4.bias", mean))
        if self.config.onnx:
            from gantoolkit.networks import load
            from gantoolkit.networks.onnx import export_onnx

            arcface = load(str(paths[0]))
            paths.append(export_onnx(arcface, Path(folder) / "arcface.onnx"))
        return paths
