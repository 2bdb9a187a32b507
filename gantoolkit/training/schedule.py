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
    """The config's `schedule`."""

    iterations: int = 1000
    batch: int = 8  # of one iteration, over all processes and accumulation parts
    accumulate: int = 1  # parts that a process splits its share into
    precision: Literal["fp32", "bf16"] = "fp32"  # bf16: autocast, parameters stay in fp32
    warmup: int = 0  # iterations over which the learning rate rises linearly
    decay: Literal["none", "cosine"] = "none"  # cosine: to zero at the last iteration
    clip: float | None = None  # largest norm of a turn's gradient
    log_every: int = 20
    save_every: int = 500
    save_minutes: float = 10.0
    validate_every: int = 0  # 0 = at the end only
    validate_limit: int | None = None  # samples of a validation on the way
    final_validate: bool = True
    pictures_every: int = 0  # 0 = with each validation
    time_limit: float | None = None  # seconds, then a checkpoint and a stop

    def __post_init__(self):
        for name in ("iterations", "batch", "accumulate", "log_every", "save_every"):
            if getattr(self, name) < (0 if name == "iterations" else 1):
                raise UsageError(f"schedule.{name}={getattr(self, name)} must be positive.")
        check_choice("schedule.precision", self.precision, ("fp32", "bf16"))
        check_choice("schedule.decay", self.decay, ("none", "cosine"))

    @classmethod
    def of(cls, values: dict[str, Any]) -> Schedule:
        """From the config, refusing unknown keys."""
        return validate.build(cls, "schedule", values)

    def rate(self, iteration: int, phase_range: tuple[int, int] | None = None) -> float:
        """Factor of the learning rate, 0..1, of a turn that is played in the iterations of `span`."""
        first, last = phase_range or (0, self.iterations)
        done = iteration - first
        factor = min(1.0, (done + 1) / self.warmup) if self.warmup else 1.0
        if self.decay == "cosine":
            factor *= 0.5 * (1 + math.cos(math.pi * done / max(1, last - first)))
        return factor
