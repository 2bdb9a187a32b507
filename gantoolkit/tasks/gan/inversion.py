"""Task `inversion`: find W+ codes of photographs by optimization.

The result is the most that a bridge could reach. Every photograph has codes of its own, which start
at w̄ and are moved by the losses of Eq. 6 at the sample's camera. The run's record is the ceiling
that `bridge` runs quote (registry.yaml, weights.<generator>.ceiling).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.types import Camera, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.losses import build_losses, networks_of
from gantoolkit.report.record import CEILING
from gantoolkit.tasks.gan.config import InversionConfig
from gantoolkit.tasks.gan.losses import weighted_losses
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.task import Task

EVALUATION_BATCH = 25


class Inversion(Task):
    """Optimize the codes ws [N,L,w_dim] of N photographs; one process, sparse Adam.

    An iteration moves the codes of `schedule.batch` photographs; an epoch visits each once.
    """

    config: InversionConfig
    config_class = InversionConfig
    system = CEILING

    def __init__(self, config: InversionConfig, device: torch.device, seed: int):
        from gantoolkit.generators import load_generator
        from gantoolkit.metrics import Evaluator

        self.config = config
        self.device = device
        self.faces = FaceZip(config.data)
        self.count = min(config.limit, len(self.faces))
        self.generator = load_generator(config.generator).to(device)
        self.terms = build_losses(config.losses, device)

        num_ws = self.generator.num_ws
        w_dim = self.generator.w_dim
        self.code_shape = (num_ws, w_dim)
        self.codes = nn.Embedding(self.count, num_ws * w_dim, sparse=True).to(device)
        with torch.no_grad():
            start = self.generator.mean_w.expand(self.count, *self.code_shape)
            self.codes.weight.copy_(start.flatten(1))
        self.modules = {"codes": self.codes}
        optimizer = torch.optim.SparseAdam(self.codes.parameters(), config.lr, config.betas)
        self.optimizers = {"w": optimizer}
        self.evaluator = None
        if config.metrics != {}:
            self.evaluator = Evaluator(
                config.metrics,
                config.judge,
                device,
                self.networks(),
                conditions={"split": "val"},
            )

    def size(self) -> int:
        return self.count

    def render(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return (codes [B,L,w_dim], images [B,3,R,R]) of the photographs `rows`."""
        ws = self.codes(rows.to(self.device)).unflatten(1, self.code_shape)
        camera = Camera.from_label(self.faces.cameras[rows]).to(self.device)
        render = self.generator.render(ws, camera, noise="const", deterministic=True)
        return ws, render.image

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        ws, image = self.render(batch.indices)
        target = self.faces.target(batch.indices).image_gt.to(self.device)
        return weighted_losses(self.terms, image, ws, target, self.generator.mean_w)

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        if self.evaluator is None:
            return {}
        self.evaluator.reset()
        count = min(limit or self.count, self.count)
        for rows in torch.arange(count).split(EVALUATION_BATCH):
            sample = self.faces.sample(rows)
            _, image = self.render(rows)
            self.evaluator.update(image, sample.target, sample.condition)
        return self.evaluator.compute()

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Draw photographs above what their codes render."""
        rows = torch.arange(min(8, self.count))
        photographs = self.faces.target(rows).image_gt
        _, renders = self.render(rows)
        return {"inversion": image_grid([photographs, renders])}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/codes.safetensors: ws [N,L,w_dim]."""
        ws = self.codes.weight.detach().unflatten(1, self.code_shape)
        arch = {"type": "Codes", "generator": self.config.generator}
        return [weights.save(folder / "codes.safetensors", {"ws": ws}, arch)]

    def networks(self) -> dict[str, str]:
        return networks_of(self.terms)

    def weights(self) -> dict[str, str]:
        return weights.checksums({self.config.generator, *self.networks().values()})
