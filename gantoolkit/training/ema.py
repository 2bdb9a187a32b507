"""A moving average of a network's weights: samples of it are cleaner than those of the last step."""

from __future__ import annotations

import copy

import torch
from torch import nn


def frozen_copy(module: nn.Module) -> nn.Module:
    """The average at the start: a copy in eval mode that takes no gradient."""
    return copy.deepcopy(module).eval().requires_grad_(False)


@torch.no_grad()
def update_ema(average: nn.Module, module: nn.Module, iteration: int, decay: float = 0.999) -> None:
    """Move `average` towards `module` with the decay min(decay, (1+i)/(10+i)); buffers are copied."""
    weight = 1 - min(decay, (1 + iteration) / (10 + iteration))
    torch._foreach_lerp_(list(average.parameters()), list(module.parameters()), weight)
    for mine, theirs in zip(average.buffers(), module.buffers()):
        mine.copy_(theirs)
