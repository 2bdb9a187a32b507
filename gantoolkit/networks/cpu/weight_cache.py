"""What is made of a frozen weight, from one forward pass to the next.

At a batch of 1 a generator reads each weight once per image. Whatever is made of it anew (sums of
squares, casts to bf16, oneDNN's layout) then costs as much as the image itself.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")
SAMPLES = 64  # values of a weight to compare, since a change through `.data` leaves its version


class FrozenWeightCache:
    """Values made from one frozen weight, until it changes; the weight's module owns the cache.

    It is not part of the state dict; copies and pickles of the module begin with an empty one.
    Threads may share it: at worst, both make the same value.

    >>> weight = nn.Parameter(torch.tensor([3.0, 4.0]), requires_grad=False)
    >>> cache = FrozenWeightCache()
    >>> cache(weight, "norm", torch.linalg.vector_norm)
    tensor(5.)
    >>> cache.names()
    ['norm']
    """

    def __init__(self):
        self.clear()

    def __reduce__(self):
        return FrozenWeightCache, ()

    def __call__(self, weight: Tensor, name: object, make: Callable[[Tensor], T]) -> T:
        """Return make(weight): the last value of `name` if `weight` is frozen and unchanged."""
        if not is_cacheable(weight):
            return make(weight)
        fingerprint, values = self._entry
        if fingerprint is None or not fingerprint.matches(weight):
            # taken before anything is made from the weight
            fingerprint, values = WeightFingerprint(weight), {}
            self._entry = fingerprint, values
        if name not in values:
            # not an inference tensor: a later pass may ask for gradients
            with torch.inference_mode(False), torch.no_grad():
                values[name] = make(weight)
        return values[name]

    def names(self) -> list[object]:
        """List what is cached now."""
        return list(self._entry[1])

    def clear(self) -> None:
        """Free all values."""
        # one tuple, so that threads always see a fingerprint with its own values
        self._entry: tuple[WeightFingerprint | None, dict] = None, {}


def clear(network: nn.Module) -> None:
    """Clear the caches of all modules of a network."""
    for module in network.modules():
        for value in vars(module).values():
            if isinstance(value, FrozenWeightCache):
                value.clear()


def is_cacheable(weight: Tensor) -> bool:
    """Say whether `weight` is frozen and a change of it would be noticed."""
    return (
        not torch.compiler.is_compiling()  # which cannot trace what follows
        and type(weight) is nn.Parameter
        and not weight.requires_grad
        and not weight.is_inference()
        and weight.device.type != "meta"
    )


class WeightFingerprint:
    """What tells a changed weight from the one it was taken of."""

    def __init__(self, weight: Tensor):
        self.weight = weakref.ref(weight)
        self.storage = _storage(weight)
        self.samples = _samples(weight).clone()

    def matches(self, weight: Tensor) -> bool:
        """Say whether `weight` is the same and unchanged."""
        if self.weight() is not weight or self.storage != _storage(weight):
            return False
        # comparing values elsewhere would wait for the device
        return weight.device.type != "cpu" or torch.equal(self.samples, _samples(weight))


def _storage(weight: Tensor) -> tuple:
    return (
        weight._version,
        weight.data_ptr(),
        weight.dtype,
        weight.device,
        weight.shape,
        weight.stride(),
    )


def _samples(weight: Tensor) -> Tensor:
    """Return SAMPLES values, evenly through the memory of a dense weight."""
    count = min(SAMPLES, weight.numel())
    step = max(1, weight.numel() // SAMPLES)
    return weight.detach().as_strided((count,), (step,))
