"""How much memory a computation holds at its peak, counted tensor by tensor; works on the meta device.

Every storage that an operation makes is added when it appears and taken off when Python lets go of it, in the
forward and in the backward pass. What this cannot see: workspace inside kernels and gaps in an allocator.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import contextmanager, nullcontext

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


class PeakMemoryTracker(TorchDispatchMode):
    """Context manager; `peak` and `live` in bytes of the storages that were made inside."""

    def __init__(self):
        super().__init__()
        self.live = self.peak = 0
        self._known: dict[int, weakref.finalize] = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        mine = {
            t.untyped_storage()._cdata
            for t in tree_leaves((args, kwargs))
            if isinstance(t, torch.Tensor)
        }
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage(), mine)
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


class _Fused(torch.autograd.Function):
    """Attention that keeps its inputs and output alone, as fused kernels do; shapes without numbers."""

    @staticmethod
    def forward(ctx, query, key, value):
        out = query.new_empty(*query.shape[:-1], value.shape[-1])
        ctx.save_for_backward(query, key, value, out)
        return out

    @staticmethod
    def backward(ctx, gradient):
        query, key, value, _ = ctx.saved_tensors
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


@contextmanager
def _meta_device(fused: bool):
    """What the meta device lacks: no autocast; `fused` attention in place of one that writes all scores."""
    kept = torch.autocast, F.scaled_dot_product_attention
    torch.autocast = lambda *_, **__: nullcontext()
    if fused:
        F.scaled_dot_product_attention = lambda query, key, value, *_, **__: _Fused.apply(
            query, key, value
        )
    try:
        yield
    finally:
        torch.autocast, F.scaled_dot_product_attention = kept


def peak(work: Callable[[], None]) -> int:
    """Bytes that are alive at the peak of `work`, run on the meta device; attention counts as fused."""
    with _meta_device(fused=True), PeakMemoryTracker() as ledger:
        work()
    return ledger.peak


def flops(work: Callable[[], None]) -> float:
    """Floating-point operations of convolutions, matrix products and attention."""
    with _meta_device(fused=False), FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())
