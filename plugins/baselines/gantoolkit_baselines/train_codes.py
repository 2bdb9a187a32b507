"""Task `code_encoder`: encode masks, or masks and photos, into W+ of a frozen generator."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.types import Render, Sample, Score, Scores
from gantoolkit.data.split import HeldOutSplit
from gantoolkit.losses import build_losses, networks_of
from gantoolkit.tasks.gan.losses import weighted_losses
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.task import Task
from gantoolkit_baselines.codes import CodeEncoder, render_classes
from gantoolkit_baselines.config import CodeEncodingConfig


class CodeEncoding(Task):
    """Train an encoder of masks, or of masks and photos, against the photos themselves.

    L = Σ losses between G(ws) and the photo + semantics · cross-entropy of rendered classes
    """

    config: CodeEncodingConfig
    config_class = CodeEncodingConfig
    system = "encoder"

    def __init__(
        self, config: CodeEncodingConfig, device: str | torch.device = "cpu", seed: int = 0
    ):
        from gantoolkit.generators import load_generator

        self.config = config
        self.device = torch.device(device)
        self.split = HeldOutSplit(config.data, config.val, config.held_out)
        self.faces = self.split.train
        self.generator = load_generator(config.generator).to(self.device)
        self.terms = build_losses(config.losses, self.device)
        self.semantics = config.semantics if self.generator.is_3d else 0.0

        torch.manual_seed(seed)
        planes = self.generator.decoder.net[0].weight.shape[1] if self.semantics else 0
        self.encoder = CodeEncoder(
            self.faces.resolution,
            self.generator.num_ws,
            self.generator.w_dim,
            geometry=config.geometry,
            planes=planes,
            widths=tuple(config.widths),
        ).to(self.device)
        self.encoder.mean_w.copy_(self.generator.mean_w)
        self.modules = {"encoder": self.encoder}
        optimizer = torch.optim.Adam(self.encoder.parameters(), config.lr, config.betas)
        self.optimizers = {"encoder": optimizer}

    def size(self) -> int:
        return self.split.train_size

    def encode(self, sample: Sample) -> Tensor:
        """Encode a sample to ws [B,num_ws,w_dim]."""
        return self.encoder(sample.condition.mask, sample.target.image_gt)

    def render(self, ws: Tensor, sample: Sample) -> Render:
        """Render G(ws) from where the photo was taken."""
        return self.generator.render(ws, sample.condition.camera, noise="const", deterministic=True)

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        sample = self.faces.sample(batch.indices).to(self.device)
        ws = self.encode(sample)
        image = self.render(ws, sample).image
        target = sample.target.image_gt
        losses = weighted_losses(self.terms, image, ws, target, self.generator.mean_w)
        if self.semantics:
            logits, labels = self._rendered_classes(ws, sample)
            losses["semantics"] = self.semantics * F.cross_entropy(logits, labels)
        return losses

    def _rendered_classes(self, ws: Tensor, sample: Sample) -> tuple[Tensor, Tensor]:
        """Return (rendered logits [B,19,r,r], the mask's labels at their size)."""
        camera = sample.condition.camera
        logits = render_classes(self.generator, self.encoder.semantics, ws, camera)
        labels = sample.target.labels[:, None].float()
        labels = F.interpolate(labels, logits.shape[-2:], mode="nearest")
        return logits, labels[:, 0].long()

    def _held_out_sample(self, limit: int) -> Sample:
        faces, rows = self.split.held_out_rows(limit)
        return faces.sample(rows).to(self.device)

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score L1 in −1..1 on held-out people and, with semantics, rendered pixel accuracy."""
        self.encoder.eval()
        sample = self._held_out_sample(min(limit or 64, 64))
        ws = self.encode(sample)
        image = self.render(ws, sample).image.clamp(-1, 1)
        error = (image - sample.target.image_gt).abs().mean()
        count = len(sample)
        conditions = {"range": "-1..1", "data": "held out"}
        scores = {"L1": Score(float(error), count, False, conditions)}
        if self.semantics:
            logits, labels = self._rendered_classes(ws, sample)
            accuracy = (logits.argmax(1) == labels).float().mean()
            scores["rendered acc"] = Score(float(accuracy), count, True, {"data": "held out"})
        self.encoder.train()
        return scores

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Draw held-out people above what the generator renders of their codes."""
        sample = self._held_out_sample(8)
        renders = self.render(self.encode(sample), sample).image
        return {"held_out": image_grid([sample.target.image_gt, renders])}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/encoder.safetensors, which names its generator and the losses' networks."""
        path = folder / "encoder.safetensors"
        state = self.encoder.state_dict()
        facts = {"generator": self.config.generator, "networks": json.dumps(self.networks())}
        return [weights.save(path, state, self.encoder.arch, **facts)]

    def networks(self) -> dict[str, str]:
        return networks_of(self.terms)

    def weights(self) -> dict[str, str]:
        return weights.checksums({self.config.generator, *self.networks().values()})
