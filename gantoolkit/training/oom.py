"""Out of memory, answered with the setting to lower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from gantoolkit.config import signature
from gantoolkit.core.errors import GantoolkitError
from gantoolkit.registry import manifest, registry

WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
WHEN = dict(
    build="while the networks were built",
    prepare="while caches were filled",
    train="while training",
    validate="while scoring and drawing",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device's, or the machine's, memory did not suffice."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS)


def settings(config: dict[str, Any], stage: str, world: int = 1) -> list[str]:
    """List settings that take less memory, the cheapest first; the result stays the same.

    stage  a key of WHEN
    """
    schedule = config.get("schedule") or {}
    encoder = _encoder(config)
    suggestions: list[str] = []
    if stage == "build":
        return suggestions

    sampling_batch = (config.get("sampling") or {}).get("batch", 48)
    if stage == "prepare" and sampling_batch > 1:
        suggestions.append(f"sampling.batch={sampling_batch // 2}")

    accumulate = schedule.get("accumulate", 1)
    samples_at_a_time = -(-schedule.get("batch", 8) // (world * accumulate))
    if stage == "train" and samples_at_a_time > 1 and _is_separable(config):
        suggestions.append(
            f"schedule.accumulate={2 * accumulate} (the same result from "
            f"{-(-samples_at_a_time // 2)} samples at a time)"
        )
    if config.get("task") != "bridge":
        return suggestions

    if stage != "prepare" and config.get("recompute") != 1:
        suggestions.append(
            "recompute=1 (the generator renders one sample at a time, a third more time)"
        )
    if stage != "prepare" and not config.get("chunk"):
        suggestions.append("chunk=4096 (rays of a 3D generator at a time)")
    if _knows_offload(encoder) and not encoder.get("offload"):
        suggestions.append(
            "encoder.offload=True (the encoder waits in the CPU's memory while others work)"
        )
    return suggestions


def advice(config: dict[str, Any], stage: str, world: int = 1) -> str:
    """Say what to type next, for a run that ran out of memory."""
    if stage == "build":  # a bridge's generator has rendered one sample, too
        is_bridge = config.get("task") == "bridge" and not config.get("chunk")
        rays = "; of a 3D generator, chunk=4096 renders some rays at a time" if is_bridge else ""
        return f"take smaller networks, or a larger device{rays}"
    if suggestions := settings(config, stage, world):
        return f"repeat the command with --resume and {' or '.join(suggestions[:2])}"

    encoder = _encoder(config)
    schedule = config.get("schedule") or {}
    batch = schedule.get("batch", 8)
    if stage == "train" and not _is_separable(config) and batch > 1:
        return f"start a new run (--out OTHER) with schedule.batch={batch // 2}"

    if stage == "prepare" and encoder:
        key, precision = "encoder.precision", encoder.get("precision", "fp32")
    else:
        key, precision = "schedule.precision", schedule.get("precision", "fp32")
    if precision != "bf16":
        return f"start a new run (--out OTHER) with {key}=bf16"
    return "take a smaller model or a larger device"


def _encoder(config: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the config's encoder, if it lists any."""
    encoder = config.get("encoder")
    return encoder if isinstance(encoder, dict) else {}


def _knows_offload(encoder: dict[str, Any]) -> bool:
    """Whether an encoder takes `offload`, as far as its type is known."""
    entry = manifest.load().components["encoder"].get(encoder.get("type", ""))
    arguments = signature.of(entry) if entry else None
    return arguments is not None and "offload" in arguments.names


def _is_separable(config: dict[str, Any]) -> bool:
    """Whether the batch of a config's task may be split."""
    return "task" not in config or registry.get("task", config["task"]).separable


@contextmanager
def answered(config: dict[str, Any], stage: str, world: int = 1) -> Iterator[None]:
    """Turn an out-of-memory error inside into a sentence that names the setting to lower."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise GantoolkitError(
            f"The memory ran out {WHEN[stage]}; {advice(config, stage, world)}."
        ) from error
