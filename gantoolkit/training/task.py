"""Task: one thing that can be trained. The runner owns the loop, a task owns the losses.

A config is the runner's own keys (`task`, `seed`, `schedule`, …) plus the task's. Every task has
the same few methods, so that bridges, generators, diffusion models and recognizers train,
checkpoint, resume and export through one loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit.core.types import Scores
from gantoolkit.training.batch import SeededBatch


class Task:
    """Base of all tasks; the constructor takes `config`, `device` and `seed`.

    config_class  dataclass of the task's config keys, a comment beside each; None: the constructor
                  takes them as keywords
    modules      name → module; checkpoints hold its persistent buffers, and its parameters that an
                 optimizer holds
    ema_modules  name → moving average (EMA) of a module; no optimizer holds it, checkpointed whole
    optimizers   phase → optimizer; it takes one step per iteration that has this phase
    separable    whether the loss of a batch is the mean of its samples' losses, so that it may be
                 split
    system       what a record calls the system that `validate` scores

    >>> import torch
    >>> from torch import nn
    >>> class Doubling(Task):
    ...     def __init__(self, device="cpu", seed=0):
    ...         self.line = nn.Linear(1, 1, bias=False)
    ...         self.modules = dict(line=self.line)
    ...         self.optimizers = dict(fit=torch.optim.SGD(self.line.parameters(), lr=0.1))
    ...
    ...     def size(self):
    ...         return 100
    ...
    ...     def losses(self, phase, batch, iteration):
    ...         x = batch.normal(1)
    ...         return dict(l2=(self.line(x) - 2 * x).square().mean())
    >>> task = Doubling()
    >>> batch = SeededBatch.of_iteration(seed=0, iteration=0, phase=0, batch=8, size=task.size())
    >>> list(task.losses("fit", batch, iteration=0))
    ['l2']
    """

    config_class: type | None = None
    modules: dict[str, nn.Module]
    ema_modules: dict[str, nn.Module] = {}
    optimizers: dict[str, torch.optim.Optimizer]
    separable = True
    system = "run"

    @classmethod
    def from_config(cls, keys: dict, device: torch.device, seed: int) -> Task:
        """Build the task from its keys of a config."""
        if cls.config_class is None:
            return cls(**keys, device=device, seed=seed)
        return cls(cls.config_class(**keys), device, seed)

    # -- training ----------------------------------------------------------------------------------

    def size(self) -> int:
        """Return the number of training samples; `batch.indices` lie in 0..size−1."""
        raise NotImplementedError

    def plan(self, iterations: int) -> None:
        """Take note of the run's length; called once before training."""

    def prepare(self, folder: Path, progress) -> None:
        """Fill caches before the first iteration; report by `progress(name, done, total)`.

        Every process calls it at once; share the work by rank and world of core/distributed.py.
        """

    def phases(self, iteration: int) -> Iterable[str]:
        """Name the optimizer steps of this iteration, in order."""
        return self.optimizers.keys()

    def phase_range(self, phase: str) -> tuple[int, int] | None:
        """Return first and last iteration of a phase's learning rates; None: the whole run."""

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        """Compute name → weighted scalar loss, mean over the batch.

        The loop sums and differentiates them; a name that starts with "_" is only logged. Runs
        under autocast when the run uses bf16.
        """
        raise NotImplementedError

    def prefetch(self, batch: SeededBatch) -> None:
        """Begin to read the next batch from disk; called right after `losses`."""

    def after_step(self, iteration: int) -> None:
        """Update moving averages; called once after all phases of an iteration."""

    # -- results -----------------------------------------------------------------------------------

    def validate(self, limit: int | None = None) -> Scores:
        """Score on held-out data; empty where nothing is measured."""
        return {}

    def pictures(self) -> dict[str, Tensor]:
        """Draw sheets of the present state: name → image [3,H,W] in −1..1."""
        return {}

    def export(self, folder: Path) -> list[Path]:
        """Write what others load (weights, diffusers folders) into `folder`; return the paths."""
        return []

    def other_scores(self) -> dict[str, Scores]:
        """Score reference systems under the same conditions (floor, ceiling): system → Scores."""
        return {}

    def samples(self, folder: Path) -> list[dict]:
        """Write pictures of single samples with their conditions under `folder`, for the report."""
        return []

    def notes(self) -> list[str]:
        """Say what a reader of the scores must know, in sentences for the record."""
        return []

    def networks(self) -> dict[str, str]:
        """Name the networks of the losses: role → weights name; no metric may use them."""
        return {}

    def weights(self) -> dict[str, str]:
        """Return name → sha256 of every frozen weights file that this task reads."""
        return {}
