"""Train the small ArcFace: an embedding that stays the same across views, hair, light and expression."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.engine.draw import Draw
from gantoolkit.engine.tasks import recognise
from gantoolkit.networks.arcface import ArcFace
from gantoolkit.types import Scores


class Identity(recognise.Recogniser):
    """Two pictures of each person of a batch find each other, with an additive angular margin.

    margin, scale   of the angular logits; the margin grows from 0 over `margin_warmup` iterations
    factors         weight of the regression of the renderer's identity factors (standard normals) from the
                    embedding, where the data set has them: a few thousand rendered people with six
                    pictures each are too few to learn from names alone
    """

    def __init__(self, data: str, network: dict | None = None, holdout: float = 0.05, lr: float = 3e-3,
                 weight_decay: float = 0.05, margin: float = 0.15, scale: float = 16.0, margin_warmup: int = 300,
                 factors: float = 10.0, onnx: bool = True, augment: dict | None = None,
                 device: torch.device | str = "cpu", seed: int = 0):
        super().__init__(data, holdout, lr, weight_decay, augment, device, seed)
        self.margin, self.scale, self.margin_warmup = margin, scale, margin_warmup
        self.factor_weight, self.onnx = factors, onnx
        self.partners = recognise.Partners(self.zip, self.rows)
        arcface = ArcFace(**{"size": self.zip.resolution, **(network or {})})
        self.known_factors = self.zip.identity_factors if factors else 0
        heads = {"factors": nn.Linear(arcface.embedding, self.known_factors)} if self.known_factors else {}
        self.start(arcface, **heads)

    def losses(self, turn: str, draw: Draw, iteration: int) -> dict[str, Tensor]:
        rows, images, _ = self.training_batch(draw, partners=self.partners)
        embedding = self.network.embed(images)
        margin = self.margin * min(1.0, iteration / max(1, self.margin_warmup))
        people = self.zip.identities[rows[:len(draw)]].to(self.device)
        out = {"pairs": recognise.pair_loss(*embedding.chunk(2), people, self.scale, margin)}
        if self.known_factors:
            wanted = self.zip.factors[rows, :self.known_factors].to(self.device)
            # √D: entries of a unit embedding are about 1/√D, factors are about 1
            guess = self.heads["factors"](embedding * self.network.embedding**0.5)
            out["factors"] = self.factor_weight * F.mse_loss(guess.float(), wanted)
        return out

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        found = [(self.network.embed(images), self.zip.identities[rows])
                 for rows, images in self.validation_batches(limit or 2000)]
        embeddings, people = (torch.cat(list(part)) for part in zip(*found))
        rate, pairs = recognise.verification_rate(embeddings, people.to(self.device))
        return {"tar@far1e-3": self.score(rate, pairs)}

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Held-out faces, each beside the nearest of the others."""
        rows, images = next(iter(self.validation_batches(256, batch=256)))
        cosine = self.network.embed(images)
        cosine = (cosine @ cosine.T).fill_diagonal_(-1)
        pairs = torch.cat([images[:8], images[cosine.argmax(1)[:8]]], 2)
        return {"nearest": torch.cat(list(pairs), 2)}

    def export(self, folder: Path) -> list[Path]:
        paths = self.export_network(folder, "arcface")
        if self.onnx:
            from gantoolkit.networks import load
            from gantoolkit.networks.onnx import export_onnx
            paths.append(export_onnx(load(str(paths[0])), Path(folder) / "arcface.onnx"))
        return paths
