"""What follows from a frozen weight alone, kept from one forward pass to the next.

At a batch of 1 a generator reads each weight once per image, so that whatever is made of it anew (sums of squares,
casts to bf16, the order in which oneDNN reads) costs as much as the image itself.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")
SAMPLES = 64  # numbers of a weight that are compared, since changes through `.data` leave its version as it was


class FrozenWeightCache:
    """Values made from one frozen weight, until it changes; the module that owns the weight owns one of these.

    It is no part of the state dict; copies and pickles of the module begin with an empty one. Threads may share
    it: at worst, both make the same value.
    """

    def __init__(self):
        self._kept: tuple[_State | None, dict] = None, {}

    def __reduce__(self):
        return FrozenWeightCache, ()

    def __call__(self, weight: Tensor, name: object, make: Callable[[Tensor], T]) -> T:
        """make(weight), from the last time where `weight` is frozen and has not changed since."""
        if not is_cacheable(weight):
            return make(weight)
        state, values = self._kept
        if state is None or not state.holds(weight):
            state, values = _State(weight), {}  # taken before anything is made from the weight
            self._kept = state, values
        if name not in values:
            with (
                torch.inference_mode(False),
                torch.no_grad(),
            ):  # also for passes that ask for gradients later
                values[name] = make(weight)
        return values[name]

    def clear(self) -> None:
        self._kept = None, {}


def clear(network: nn.Module) -> None:
    """Let everything go that the parts of a network keep."""
    for module in network.modules():
        for value in vars(module).values():
            if isinstance(value, FrozenWeightCache):
                value.clear()


def is_cacheable(weight: Tensor) -> bool:
    """Whether a change of `weight` would be noticed, and none by training is to be expected."""
    return (
        type(weight) is nn.Parameter
        and not weight.requires_grad
        and not weight.is_inference()
        and weight.device.type != "meta"
        and not torch.compiler.is_compiling()
    )


class _State:
    """By what a changed weight is told."""

    def __init__(self, weight: Tensor):
        self.weight, self.place, self.sample = (
            weakref.ref(weight),
            _place(weight),
            _sample(weight).clone(),
        )

    def holds(self, weight: Tensor) -> bool:
        same = self.weight() is weight and self.place == _place(weight)
        return same and (weight.device.type != "cpu" or torch.equal(self.sample, _sample(weight)))


def _place(weight: Tensor) -> tuple:
    return (
        weight._version,
        weight.data_ptr(),
        weight.dtype,
        weight.device,
        weight.shape,
        weight.stride(),
    )


def _sample(weight: Tensor) -> Tensor:
    """SAMPLES numbers, evenly through the memory of a dense weight."""
    count = min(SAMPLES, weight.numel())
    return weight.detach().as_strided((count,), (max(1, weight.numel() // SAMPLES),))
