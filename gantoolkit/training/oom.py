"""Out of memory, answered with the setting to lower."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import torch

from gantoolkit.core.errors import GantoolkitError
from gantoolkit.registry import registry

WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
WHEN = dict(
    prepare="while caches were filled", train="while training", validate="while scoring and drawing"
)
OFFLOADED = ("ControlNetEncoder", "DiffusionEncoder")  # encoders that know `offload`


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device's, or the machine's, memory did not suffice."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS)


def settings(config: dict[str, Any], phase: str, world: int = 1) -> list[str]:
    """What takes less memory in 'prepare', 'train' or 'validate', the cheapest first; the result stays the same."""
    schedule, encoder = config.get("schedule") or {}, config.get("encoder") or {}
    found, parts = [], schedule.get("accumulate", 1)
    size = (config.get("sampling") or {}).get("batch", 48)
    here = -(-schedule.get("batch", 8) // (world * parts))
    if phase == "prepare" and size > 1:
        found.append(f"sampling.batch={size // 2}")
    if phase == "train" and here > 1 and _separable(config):
        found.append(
            f"schedule.accumulate={2 * parts} (the same result from {-(-here // 2)} samples at a time)"
        )
    if config.get("task") != "bridge":
        return found
    if phase != "prepare":
        if config.get("recompute") != 1:
            found.append(
                "recompute=1 (the generator draws one sample at a time, a third more time)"
            )
        if not config.get("chunk"):
            found.append("chunk=4096 (rays of a 3D generator at a time)")
    if encoder.get("type") in OFFLOADED and not encoder.get("offload"):
        found.append(
            "encoder.offload=True (the encoder waits in the CPU's memory while others work)"
        )
    return found


def advice(config: dict[str, Any], phase: str, world: int = 1) -> str:
    """What to type next, for a run that ran out of memory."""
    if found := settings(config, phase, world):
        return f"repeat the command with --resume and {' or '.join(found[:2])}"
    encoder, schedule = config.get("encoder") or {}, config.get("schedule") or {}
    if phase == "train" and not _separable(config) and (batch := schedule.get("batch", 8)) > 1:
        return f"start a new run (--out OTHER) with schedule.batch={batch // 2}"
    name, value = (
        ("encoder.precision", encoder.get("precision", "fp32"))
        if phase == "prepare" and encoder
        else ("schedule.precision", schedule.get("precision", "fp32"))
    )
    if value != "bf16":
        return f"start a new run (--out OTHER) with {name}=bf16"
    return "take a smaller model or a larger device"


def _separable(config: dict[str, Any]) -> bool:
    """Whether the batch of a config's task may be split."""
    return "task" not in config or registry.get("task", config["task"]).separable


@contextmanager
def answered(config: dict[str, Any], phase: str, world: int = 1):
    """Turn an out-of-memory error inside into a sentence."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise GantoolkitError(
            f"The memory ran out {WHEN[phase]}; {advice(config, phase, world)}."
        ) from error
