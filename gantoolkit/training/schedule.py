"""How long and in what portions a run trains: the config's `schedule`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from gantoolkit.config import validate
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice


@dataclass(frozen=True)
class Schedule:
    """The config's `schedule`.

    >>> schedule = Schedule(iterations=100, warmup=10, decay="cosine")
    >>> schedule.lr_factor(0)  # warmup starts at a tenth
    0.1
    >>> round(schedule.lr_factor(50), 3)  # half of the cosine
    0.5
    """

    iterations: int = 1000  # of the run
    batch: int = 8  # samples of one iteration, over all processes and accumulation shards
    accumulate: int = 1  # shards that a process splits its share of the batch into
    precision: Literal["fp32", "bf16"] = "fp32"  # bf16: autocast, parameters stay in fp32
    warmup: int = 0  # iterations over which the learning rate rises linearly
    decay: Literal["none", "cosine"] = "none"  # cosine: to zero at the last iteration
    clip: float | None = None  # largest norm of a phase's gradient
    log_every: int = 20  # iterations between lines of the log
    save_every: int = 500  # iterations between checkpoints
    save_minutes: float = 10.0  # minutes between checkpoints, if that comes first
    validate_every: int = 0  # iterations between validations; 0 = at the end only
    validate_limit: int | None = None  # samples of a validation on the way
    final_validate: bool = True  # score at the end
    pictures_every: int = 0  # iterations between sheets; 0 = with each validation
    time_limit: float | None = None  # seconds, then a checkpoint and a stop

    def __post_init__(self):
        for name in ("iterations", "batch", "accumulate", "log_every", "save_every"):
            least = 0 if name == "iterations" else 1
            if getattr(self, name) < least:
                raise UsageError(f"schedule.{name}={getattr(self, name)} must be positive.")
        check_choice("schedule.precision", self.precision, ("fp32", "bf16"))
        check_choice("schedule.decay", self.decay, ("none", "cosine"))

    @classmethod
    def of(cls, values: dict[str, Any]) -> Schedule:
        """Build from the config; unknown keys are refused."""
        return validate.build(cls, "schedule", values)

    def lr_factor(self, iteration: int, phase_range: tuple[int, int] | None = None) -> float:
        """Compute the factor of the learning rate, 0..1, at an iteration.

        phase_range  first and last iteration of the phase; None: the whole run
        """
        first, last = phase_range or (0, self.iterations)
        done = iteration - first
        factor = min(1.0, (done + 1) / self.warmup) if self.warmup else 1.0
        if self.decay == "cosine":
            factor *= 0.5 * (1 + math.cos(math.pi * done / max(1, last - first)))
        return factor
