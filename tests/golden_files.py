"""Reading golden files, and how near to them is near enough."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open
from torch import Tensor


def golden(folder: Path, name: str) -> tuple[dict, dict[str, Tensor]]:
    """(meta, tensors) of a golden file."""
    with safe_open(folder / f"{name}.safetensors", "pt") as file:
        return json.loads(file.metadata()["json"]), {k: file.get_tensor(k) for k in file.keys()}


def close(value: Tensor, wanted: Tensor, tolerance: float = 1e-4) -> None:
    """max |difference| ≤ tolerance · max(1, max |wanted|)."""
    assert value.shape == wanted.shape
    assert (value - wanted).abs().max() <= tolerance * max(1, wanted.abs().max())
