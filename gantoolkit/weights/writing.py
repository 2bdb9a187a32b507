"""Writing of weights: one safetensors file with the architecture in its metadata.

Equal content is equal bytes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantoolkit.core import files

if TYPE_CHECKING:
    from torch import Tensor


def save(
    path: str | os.PathLike,
    state: dict[str, Tensor],
    arch: dict[str, Any],
    half: bool = False,
    **metadata: str,
) -> Path:
    """Write tensors and their architecture as one safetensors file, atomically.

    arch  {"type": name in registry.yaml, …constructor arguments}, JSON-able
    half  store floating-point tensors of more than one element as float16
    """
    import torch
    from safetensors import torch as safetensors_torch

    tensors = {}
    for key, value in state.items():
        value = value.detach().cpu()
        if half and value.is_floating_point() and value.numel() > 1:
            value = value.to(torch.float16)
        tensors[key] = value.clone().contiguous()

    header = {"arch": json.dumps(arch)}
    for key, text in metadata.items():
        header[key] = str(text)
    return files.write_bytes(path, _ordered(safetensors_torch.save(tensors, header)))


def _ordered(content: bytes) -> bytes:
    """Sort the metadata of a safetensors file, so that equal content is equal bytes."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at multiples of 8 bytes
    length = len(text).to_bytes(8, "little")
    return b"".join([length, text, memoryview(content)[8 + size :]])
