"""Task `inversion`: W+ codes of photographs by optimisation, the most that a bridge could reach.

Every photograph has codes of its own, started at w̄ and moved by the losses of Eq. 6 at the sample's
camera. The run's record is the ceiling that `bridge` runs quote (registry.yaml, weights.<generator>.ceiling).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.types import Camera, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.registry import registry
from gantoolkit.report.record import CEILING
from gantoolkit.tasks.sheet import joined
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.task import Task


class Inversion(Task):
    """Codes ws [N,L,w_dim] of the first `limit` photographs; one process, sparse Adam.

    An iteration moves the codes of `schedule.batch` photographs; each epoch visits every one once.
    """

    system = CEILING

    def __init__(
        self,
        data: str,
        generator: str,
        losses: dict,
        device: torch.device,
        seed: int,
        limit: int = 200,
        lr: float = 0.05,
        betas: tuple[float, float] = (0.9, 0.99),
        metrics: dict | None = None,
        judge: str = "judge",
    ):
        from gantoolkit.generators import load_generator
        from gantoolkit.metrics import Evaluator

        self.device, self.data, self.name = device, FaceZip(data), generator
        self.count = min(limit, len(self.data))
        self.generator = load_generator(generator).to(device)
        self.terms = {
            name: registry.build("loss", spec).to(device) for name, spec in losses.items()
        }
        shape = (self.generator.num_ws, self.generator.w_dim)
        self.codes = nn.Embedding(self.count, shape[0] * shape[1], sparse=True).to(device)
        with torch.no_grad():
            self.codes.weight.copy_(self.generator.mean_w.expand(self.count, *shape).flatten(1))
        self.modules = dict(codes=self.codes)
        self.optimizers = dict(w=torch.optim.SparseAdam(self.codes.parameters(), lr, betas))
        self.evaluator = None
        if metrics != {}:
            self.evaluator = Evaluator(
                metrics, judge, device, self.networks(), conditions=dict(split="val")
            )

    def size(self) -> int:
        return self.count

    def render(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(codes [B,L,w_dim], images [B,3,R,R]) of some photographs."""
        ws = self.codes(rows.to(self.device)).unflatten(
            1, (self.generator.num_ws, self.generator.w_dim)
        )
        camera = Camera.from_label(self.data.cameras[rows]).to(self.device)
        return ws, self.generator.render(ws, camera, noise="const", deterministic=True).image

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        ws, image = self.render(draw.indices)
        target = self.data.target(draw.indices).image_gt.to(self.device)
        found = {}
        for name, term in self.terms.items():
            value = (
                term(ws, self.generator.mean_w)
                if term.compares == "code"
                else term(image, term.prepare(target))
            )
            found[name] = term.weight * value
        return found

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        if self.evaluator is None:
            return {}
        self.evaluator.reset()
        for rows in torch.arange(min(limit or self.count, self.count)).split(25):
            sample = self.data.sample(rows)
            self.evaluator.update(self.render(rows)[1], sample.target, sample.condition)
        return self.evaluator.compute()

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        rows = torch.arange(min(8, self.count))
        truth = self.data.target(rows).image_gt
        return dict(inversion=joined([truth, self.render(rows)[1]]))

    def export(self, folder: Path) -> list[Path]:
        ws = self.codes.weight.detach().unflatten(1, (self.generator.num_ws, self.generator.w_dim))
        return [
            weights.save(
                folder / "codes.safetensors", dict(ws=ws), dict(type="Codes", generator=self.name)
            )
        ]

    def networks(self) -> dict[str, str]:
        return {name: term.network for name, term in self.terms.items() if term.network}

    def weights(self) -> dict[str, str]:
        return weights.checksums({self.name, *self.networks().values()})
