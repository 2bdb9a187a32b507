"""Out of memory, answered with the setting to lower."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import torch

from gantoolkit.errors import GantoolkitError

WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device's, or the machine's, memory did not suffice."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS)


def advice(config: dict[str, Any], phase: str, world: int = 1) -> str:
    """What to type next, for a run that ran out of memory in 'prepare', 'train' or 'validate'."""
    schedule, generator = config.get("schedule", {}), config.get("task") == "bridge"
    if phase == "prepare":
        size = config.get("sampling", {}).get("batch", 48)
        return f"sampling.batch={max(1, size // 2)}" if size > 1 else "encoder.precision=bf16"
    parts = schedule.get("accumulate", 1)
    here = -(-schedule.get("batch", 8) // (world * parts))
    found = []
    if phase == "train" and here > 1:
        found.append(f"schedule.accumulate={2 * parts} (the same result from {-(-here // 2)} samples at a "
                     f"time)")
    if generator and not config.get("recompute"):
        found.append("recompute=1 (the generator's activations of one sample at a time, a third more time)")
    if generator and not config.get("chunk"):
        found.append("chunk=4096 (rays of a 3D generator at a time)")
    if schedule.get("precision") != "bf16":
        found.append("schedule.precision=bf16")
    return " or ".join(found[:2]) or "a smaller model or a larger device"


@contextmanager
def answered(config: dict[str, Any], phase: str, world: int = 1):
    """Turn an out-of-memory error inside into a sentence."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        what = {"prepare": "while caches were filled", "train": "while training"}.get(phase, f"in '{phase}'")
        raise GantoolkitError(f"The memory ran out {what}; repeat the command with --resume and "
                              f"{advice(config, phase, world)}.") from error
