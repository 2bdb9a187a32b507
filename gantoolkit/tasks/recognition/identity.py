"""Train the small ArcFace: an embedding that stays the same across views, hair, light and expression."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.types import Scores
from gantoolkit.networks.arcface import ArcFace
from gantoolkit.tasks.recognition import recognizer
from gantoolkit.tasks.sheet import joined
from gantoolkit.training.batch import SeededBatch


class Identity(recognizer.Recogniser):
    """Two pictures of each person of a batch find each other, with an additive angular margin.

    factors         weight of the regression of the renderer's K identity factors (standard normals) by the
                    first K numbers before they are scaled to unit length, where the data set has factors: a
                    few thousand rendered people with six pictures each are too few to learn from names alone
    pairs           weight of the angular loss, which grows from 0 over `warmup` iterations with its margin
    margin, scale   of the angular logits
    """

    def __init__(
        self,
        data: str,
        network: dict | None = None,
        holdout: float = 0.05,
        lr: float = 2e-3,
        weight_decay: float = 0.02,
        factors: float = 10.0,
        pairs: float = 0.5,
        margin: float = 0.1,
        scale: float = 10.0,
        warmup: int = 300,
        onnx: bool = True,
        augment: dict | None = None,
        device: torch.device | str = "cpu",
        seed: int = 0,
    ):
        super().__init__(data, holdout, lr, weight_decay, augment, device, seed)
        self.factor_weight, self.pair_weight = factors, pairs
        self.margin, self.scale, self.warmup, self.onnx = margin, scale, warmup, onnx
        self.partners = recognizer.Partners(self.zip, self.rows)
        arcface = ArcFace(**{"size": self.zip.resolution, **(network or {})})
        # The final batch norm would give all numbers variance 1, those that say nothing about the person too.
        nn.init.constant_(arcface.output_layer[-1].weight, 0.3)
        self.known_factors = min(self.zip.identity_factors, arcface.embedding) if factors else 0
        self.start(arcface)

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        rows, images, _ = self.training_batch(draw, partners=self.partners)
        raw = self.network.raw(self.network.prepare(images)).float()
        grown = min(1.0, iteration / max(1, self.warmup))
        people = self.zip.identities[rows[: len(draw)]].to(self.device)
        pairs = recognizer.pair_loss(
            *F.normalize(raw, dim=1).chunk(2), people, self.scale, grown * self.margin
        )
        out = {"pairs": grown * self.pair_weight * pairs}
        if self.known_factors:
            wanted = self.zip.factors[rows, : self.known_factors].to(self.device)
            out["factors"] = self.factor_weight * F.mse_loss(raw[:, : self.known_factors], wanted)
        return out

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        found = [
            (self.network.embed(images), rows)
            for rows, images in self.validation_batches(limit or 2000)
        ]
        return self.identity_scores(*(torch.cat(list(part)) for part in zip(*found)))

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Held-out faces, each beside the nearest of the others."""
        rows, images = next(iter(self.validation_batches(256, batch=256)))
        cosine = self.network.embed(images)
        cosine = (cosine @ cosine.T).fill_diagonal_(-1)
        return {"nearest": joined([images[:8], images[cosine.argmax(1)[:8]]])}

    def export(self, folder: Path) -> list[Path]:
        mean = self.mean_over_people(lambda images: self.network.raw(self.network.prepare(images)))
        paths = self.export_network(folder, "arcface", ("output_layer.4.bias", mean))
        if self.onnx:
            from gantoolkit.networks import load
            from gantoolkit.networks.onnx import export_onnx

            paths.append(export_onnx(load(str(paths[0])), Path(folder) / "arcface.onnx"))
        return paths
