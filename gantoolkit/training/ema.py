"""Exponential moving average (EMA) of a network's weights: samples are cleaner."""

from __future__ import annotations

import copy

import torch
from torch import nn


def frozen_copy(module: nn.Module) -> nn.Module:
    """Copy a module, in eval mode and without gradients: the average at the start."""
    return copy.deepcopy(module).eval().requires_grad_(False)


@torch.no_grad()
def update_ema(
    ema_module: nn.Module, module: nn.Module, iteration: int, decay: float = 0.999
) -> None:
    """Move `ema_module` towards `module`; buffers are copied.

    The decay rises to `decay` over the first iterations: min(decay, (1 + i) / (10 + i)).
    """
    weight = 1 - min(decay, (1 + iteration) / (10 + iteration))
    torch._foreach_lerp_(list(ema_module.parameters()), list(module.parameters()), weight)
    for ema_buffer, buffer in zip(ema_module.buffers(), module.buffers()):
        ema_buffer.copy_(buffer)
