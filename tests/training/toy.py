"""A toy task, and a command line for subprocesses: `python toy.py OUT [key=value …]`."""

from __future__ import annotations

import copy
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a checkout need not be installed

import torch
from torch import nn

from gantoolkit.core.types import Score
from gantoolkit.registry.registry import REGISTRIES
from gantoolkit.training.runner import run
from gantoolkit.training.task import Task

CONFIG = dict(task="toy", name="toy", seed=3, device="cpu", report=False)


class Toy(Task):
    """Two networks with a phase each, a frozen one, a buffer and a moving average."""

    def __init__(
        self, width: int = 8, kill_at: int = -1, lr: float = 1e-2, device=None, seed: int = 0
    ):
        self.frozen = nn.Linear(4, width).requires_grad_(False)
        self.a = nn.Sequential(self.frozen, nn.Linear(width, width), nn.Dropout(0.1))
        self.b = nn.Linear(width, 1)
        self.a.register_buffer("steps", torch.zeros(()))
        self.modules = dict(a=self.a, b=self.b)
        self.ema_modules = dict(b=copy.deepcopy(self.b).requires_grad_(False))
        self.optimizers = dict(
            A=torch.optim.Adam(self.a[1].parameters(), lr, betas=(0.5, 0.9)),
            B=torch.optim.AdamW(self.b.parameters(), 1e-2),
        )
        self.data = torch.randn(37, 4, generator=torch.Generator().manual_seed(0))
        self.kill_at, self.broken = kill_at, lr > 1  # and so a loss is not a number

    def size(self):
        return len(self.data)

    def losses(self, phase, batch, iteration):
        self.a.train(phase == "A" and int(os.environ.get("WORLD_SIZE", 1)) == 1)
        self.b.requires_grad_(phase == "B")
        if iteration == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        noisy = self.data[batch.indices] + 0.1 * batch.normal(4)
        error = self.b(self.a(noisy)) - noisy.prod(1, keepdim=True)
        error = error * float("nan") if self.broken and iteration == 27 else error
        return dict(fit=error.square().mean(), _size=torch.tensor(float(len(batch))))

    def after_step(self, iteration):
        self.a.steps += 1
        with torch.no_grad():
            self.ema_modules["b"].weight.lerp_(self.b.weight, 0.1)

    def validate(self, limit=None):
        return dict(norm=Score(self.b.weight.norm().item(), 1, False))

    def pictures(self):
        return dict(sheet=torch.zeros(3, 8, 8))

    def export(self, folder):
        (folder / "b.txt").write_text("b")
        return [folder / "b.txt"]


REGISTRIES["task"].register_module("toy", module=Toy)


def config(**keys) -> dict:
    """A toy config; `schedule` keys are merged."""
    schedule = dict(iterations=40, batch=8, log_every=5, save_every=10) | keys.pop("schedule", {})
    return CONFIG | keys | dict(schedule=schedule)


if __name__ == "__main__":
    import ast

    keys = {
        k: ast.literal_eval(v) for k, _, v in (a.partition("=") for a in sys.argv[2:] if "=" in a)
    }
    run(config(**keys), sys.argv[1], resume="--resume" in sys.argv)
