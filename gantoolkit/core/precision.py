"""Precision `bf16`: bfloat16 where the device computes it, else float32.

A processor without such instructions emulates them: its convolutions are ten times slower in
bfloat16 than in float32, its matrix products sixty times.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

import torch

PRECISIONS = ("fp32", "bf16")


@cache
def computes_bf16(device_type: str) -> bool:
    """Say whether a kind of device ('cpu', 'cuda', …) has instructions that compute bfloat16."""
    if device_type == "cpu":
        is_supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
        return is_supported is not None and is_supported()
    if device_type == "cuda" and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return True


def is_bf16(precision: str, device_type: str) -> bool:
    """Say whether networks of this precision work in bfloat16 on a kind of device."""
    return precision == "bf16" and computes_bf16(device_type)


def autocast(precision: str, device_type: str) -> AbstractContextManager:
    """Return the context in which training or rendering of this precision computes."""
    return torch.autocast(device_type, torch.bfloat16, enabled=is_bf16(precision, device_type))
