"""Task `code_encoder`: masks, or masks and photos, into the W+ space of a frozen generator."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.types import Render, Sample, Score, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.registry import registry
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.task import Task
from gantoolkit_baselines.codes import CodeEncoder, classes_of


class CodeEncoding(Task):
    """L = Σ losses between G(ws) and the photo (pSp's terms) + semantics · cross-entropy of rendered classes.

    generator  weights name or file; losses: components by `type`, as of the task `bridge`
    geometry   codes that the mask gives, the photo gives the others (IDE-3D); None: the mask gives all (TediGAN)
    semantics  weight of the classes that a 3D generator's planes are read for; needs `geometry`
    """

    system = "encoder"

    def __init__(
        self,
        data: str,
        generator: str,
        losses: dict,
        val: str | None = None,
        held_out: int = 64,
        geometry: int | None = None,
        semantics: float = 0.0,
        widths: tuple[int, ...] = (32, 64, 128, 192),
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        device: str | torch.device = "cpu",
        seed: int = 0,
    ):
        from gantoolkit.generators import load_generator

        self.device, self.name = torch.device(device), generator
        self.zip, self.val = FaceZip(data), FaceZip(val) if val else None
        self.held_out = 0 if val else min(held_out, len(self.zip) // 4)
        self.generator = load_generator(generator).to(self.device)
        self.terms = {
            name: registry.build("loss", spec).to(self.device) for name, spec in losses.items()
        }
        self.semantics = semantics if self.generator.is_3d else 0.0
        torch.manual_seed(seed)
        planes = self.generator.decoder.net[0].weight.shape[1] if self.semantics else 0
        self.encoder = CodeEncoder(
            self.zip.resolution,
            self.generator.num_ws,
            self.generator.w_dim,
            geometry=geometry,
            planes=planes,
            widths=tuple(widths),
        ).to(self.device)
        self.encoder.mean_w.copy_(self.generator.mean_w)
        self.modules = dict(encoder=self.encoder)
        self.optimizers = dict(encoder=torch.optim.Adam(self.encoder.parameters(), lr, betas))

    def size(self) -> int:
        return len(self.zip) - self.held_out

    def codes(self, sample: Sample) -> Tensor:
        """ws [B,num_ws,w_dim]"""
        return self.encoder(sample.condition.mask, sample.target.image_gt)

    def render(self, ws: Tensor, sample: Sample) -> Render:
        """G(ws) from where the photo was taken."""
        return self.generator.render(ws, sample.condition.camera, noise="const", deterministic=True)

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        sample = self.zip.sample(draw.indices).to(self.device)
        ws = self.codes(sample)
        image, found = self.render(ws, sample).image, {}
        for name, term in self.terms.items():
            target = (
                term.prepare(sample.target.image_gt)
                if term.compares != "code"
                else self.generator.mean_w
            )
            found[name] = term.weight * term(ws if term.compares == "code" else image, target)
        if self.semantics:
            found["semantics"] = self.semantics * F.cross_entropy(*self._classes(ws, sample))
        return found

    def _classes(self, ws: Tensor, sample: Sample) -> tuple[Tensor, Tensor]:
        """(rendered logits [B,19,r,r], the mask's labels at their size)."""
        logits = classes_of(self.generator, self.encoder.semantics, ws, sample.condition.camera)
        labels = F.interpolate(
            sample.target.labels[:, None].float(), logits.shape[-2:], mode="nearest"
        )[:, 0]
        return logits, labels.long()

    def _held(self, limit: int) -> Sample:
        source, first = (
            (self.val, 0) if self.val else (self.zip, self.size() if self.held_out else 0)
        )
        return source.sample(torch.arange(first, min(first + limit, len(source)))).to(self.device)

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """L1 in −1..1 on held-out people and, with semantics, the pixel accuracy of the rendered classes."""
        self.encoder.eval()
        sample = self._held(min(limit or 64, 64))
        ws = self.codes(sample)
        error = (self.render(ws, sample).image.clamp(-1, 1) - sample.target.image_gt).abs().mean()
        found = {
            "L1": Score(float(error), len(sample), False, {"range": "-1..1", "data": "held out"})
        }
        if self.semantics:
            logits, labels = self._classes(ws, sample)
            right = (logits.argmax(1) == labels).float().mean()
            found["rendered acc"] = Score(float(right), len(sample), True, {"data": "held out"})
        self.encoder.train()
        return found

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Held-out people, and what the generator draws of their codes."""
        sample = self._held(8)
        return {
            "held_out": image_grid(
                [sample.target.image_gt, self.render(self.codes(sample), sample).image]
            )
        }

    def export(self, folder: Path) -> list[Path]:
        return [
            weights.save(
                folder / "encoder.safetensors",
                self.encoder.state_dict(),
                self.encoder.arch,
                generator=self.name,
                networks=json.dumps(self.networks()),
            )
        ]

    def networks(self) -> dict[str, str]:
        return {name: term.network for name, term in self.terms.items() if term.network}

    def weights(self) -> dict[str, str]:
        return weights.checksums({self.name, *self.networks().values()})
