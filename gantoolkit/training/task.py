"""Task: one thing that can be trained. The runner owns the loop, a task owns the losses.

A config is the runner's own keys (`task`, `seed`, `schedule`, …) plus keyword arguments of the task's
constructor. Every task follows the same few methods, so that bridges, generators, diffusion models and
recognisers train, checkpoint, resume and export through one loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit.core.types import Scores
from gantoolkit.training.batch import SeededBatch


class Task:
    """Base of all tasks; the constructor takes `device` and `seed` beside its config keys.

    modules     name → module; parameters that an optimiser holds and persistent buffers are checkpointed
    ema_modules  name → moving average (EMA) of a module; no optimizer holds it, checkpointed whole
    optimizers  turn → optimiser; one optimiser step per turn and iteration
    separable   whether the loss of a batch is the mean of its samples' losses, so that a batch may be split
    """

    modules: dict[str, nn.Module]
    ema_modules: dict[str, nn.Module] = {}
    separable = True
    system = "run"  # what a record calls the system that `validate` scores
    optimizers: dict[str, torch.optim.Optimizer]

    @classmethod
    def from_config(cls, keys: dict, device: torch.device, seed: int) -> Task:
        """Build the task from its keys of a config."""
        return cls(**keys, device=device, seed=seed)

    def size(self) -> int:
        """Number of training samples; `Draw.indices` lie in 0..size−1."""
        raise NotImplementedError

    def plan(self, iterations: int) -> None:
        """Told once how many iterations the run will have."""

    def prepare(self, folder: Path, progress) -> None:
        """Work done once before the first iteration (caches). `progress(name, done, total)` reports it.

        Every process calls it at once; share the work by core/distributed.py's rank and world.
        """

    def phases(self, iteration: int) -> Iterable[str]:
        """Names of the optimiser steps of this iteration, in order."""
        return self.optimizers.keys()

    def phase_range(self, phase: str) -> tuple[int, int] | None:
        """First and last iteration of a turn's learning-rate schedule; None = the whole run."""

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        """name → weighted scalar loss, mean over the draw; the runner sums and differentiates them.

        A name that starts with "_" is logged only. Runs under autocast when the run uses bf16.
        """
        raise NotImplementedError

    def prefetch(self, draw: SeededBatch) -> None:
        """Told after `losses` which draw comes next; a task may begin to read it from disk."""

    def after_step(self, iteration: int) -> None:
        """Called once after all turns (averages of weights, schedules)."""

    def validate(self, limit: int | None = None) -> Scores:
        """Scores on held-out data; empty where nothing is measured."""
        return {}

    def pictures(self) -> dict[str, Tensor]:
        """name → image [3,H,W] in −1..1: sheets that show the present state."""
        return {}

    def export(self, folder: Path) -> list[Path]:
        """Write what others load (weights, diffusers folders) into `folder`; returns the paths."""
        return []

    def other_scores(self) -> dict[str, Scores]:
        """Scores of reference systems under the same conditions (floor, ceiling): system → Scores."""
        return {}

    def samples(self, folder: Path) -> list[dict]:
        """Pictures of single samples with their conditions, written under `folder`, for the report."""
        return []

    def notes(self) -> list[str]:
        """Sentences for the record: anything a reader of the scores must know."""
        return []

    def networks(self) -> dict[str, str]:
        """role → name of every pre-trained network that a loss uses; a metric may use none of them."""
        return {}

    def weights(self) -> dict[str, str]:
        """name → sha256 of every frozen weights file this task reads."""
        return {}
