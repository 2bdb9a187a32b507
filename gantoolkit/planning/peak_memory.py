"""How much memory a computation holds at its peak, counted tensor by tensor.

It works on the meta device.

Every storage that an operation makes is added when it appears and taken off when Python lets go
of it, in the forward and in the backward pass. It cannot count workspace inside kernels and gaps
in an allocator.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
import torch.nn.functional as F
from torch.overrides import wrap_torch_function
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


class PeakMemoryTracker(TorchDispatchMode):
    """Counts bytes of the storages that are made inside its context.

    >>> with PeakMemoryTracker() as tracker:
    ...     y = torch.zeros(256, device="meta") + 1
    >>> tracker.live, tracker.peak
    (1024, 2048)
    """

    def __init__(self):
        super().__init__()
        self.live = 0
        self.peak = 0
        self._known: dict[int, weakref.finalize] = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        inputs = {storage._cdata for storage in _storages((args, kwargs))}
        for storage in _storages(out):
            self._add(storage, inputs)
        return out

    def _add(self, storage, inputs: set[int]) -> None:
        key = storage._cdata
        if key in self._known or key in inputs:  # a view, or a tensor that was there before
            return
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        self._known[key] = weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._known.pop(key, None)
        self.live -= size


def _storages(tree) -> list[torch.UntypedStorage]:
    """The storages of all tensors in nested lists, tuples and dicts."""
    leaves = tree_leaves(tree)
    return [leaf.untyped_storage() for leaf in leaves if isinstance(leaf, torch.Tensor)]


class _FusedAttention(torch.autograd.Function):
    """Attention that keeps only its inputs and output, as fused kernels do."""

    @staticmethod
    def forward(ctx, query, key, value):
        out = query.new_empty(*query.shape[:-1], value.shape[-1])
        ctx.save_for_backward(query, key, value, out)
        return out

    @staticmethod
    def backward(ctx, gradient):
        query, key, value, _ = ctx.saved_tensors
        return tuple(torch.empty_like(tensor) for tensor in (query, key, value))


@contextmanager
def _meta_device(fused: bool) -> Iterator[None]:
    """Replace what the meta device lacks: autocast; with `fused`, attention without scores."""
    saved = torch.autocast, F.scaled_dot_product_attention
    torch.autocast = lambda *_, **__: nullcontext()
    if fused:
        F.scaled_dot_product_attention = _fused_attention
    try:
        yield
    finally:
        torch.autocast, F.scaled_dot_product_attention = saved


@wrap_torch_function(lambda query, key, value, *_, **__: (query, key, value))  # as F's own
def _fused_attention(query, key, value, *_, **__) -> torch.Tensor:
    return _FusedAttention.apply(query, key, value)


def peak(work: Callable[[], None]) -> int:
    """Count the bytes that are alive at the peak of `work` on the meta device.

    Attention counts as fused.
    """
    with _meta_device(fused=True), PeakMemoryTracker() as tracker:
        work()
    return tracker.peak


def flops(work: Callable[[], None]) -> float:
    """Count the floating-point operations of convolutions, products and attention in `work`."""
    with _meta_device(fused=False), FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())
