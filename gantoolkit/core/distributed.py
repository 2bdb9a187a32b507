"""One process or several: `torchrun` sets the environment, this module joins, sums and broadcasts.

Gradients are sums over parts weighted by their share of the batch, so that any number of processes gives
the losses of one. Rank 0 alone writes files.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import unknown_device

PATIENCE = timedelta(
    hours=12
)  # for others: the first process scores alone; torchrun itself notices the dead


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    return rank() == 0


def pick_device(name: str = "auto") -> torch.device:
    """`auto` = the local process's CUDA device where there is one, else the CPU; a device that is not here is refused."""
    if wrong := unknown_device(name, also=("auto",)):
        raise UsageError(f"The device cannot be used: {wrong}.")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    device = torch.device(name)
    count = (
        torch.cuda.device_count()
        if device.type == "cuda"
        else int(torch.backends.mps.is_available())
    )
    if device.type != "cpu" and (device.index or 0) >= count:
        kind = device.type.upper()
        raise UsageError(
            f"The device '{name}' was asked for, but this torch sees {count or 'no'} {kind} device"
            f"{'s' if count > 1 else ''}; use another, or cpu."
        )
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


@contextmanager
def joined(device: torch.device):
    """Join the process group that `torchrun` announced (gloo on CPU, nccl on CUDA), and leave it at the end."""
    started = int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized()
    if started:
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE, **_meeting_point()
        )
    try:
        yield
    finally:
        if started:
            dist.destroy_process_group()  # drops references alone (pytorch#96017),
            gc.collect()  # and a gloo group that lives until the process ends aborts it now and then (pytorch#190489)


def _meeting_point() -> dict:
    """Where processes find each other; after a restart by torchrun on one machine not where the dead met.

    torchrun keeps its store over restarts, with the addresses of processes that are gone (pytorch#135712). The
    number of restarts tells attempts apart; machines count them differently, so that runs over several need
    TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 (docs/full-scale.md).
    """
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    if attempt == "0" or os.environ.get("LOCAL_WORLD_SIZE") != os.environ["WORLD_SIZE"]:
        return {}
    store, rank, world = next(dist.rendezvous("env://"))
    return dict(store=dist.PrefixStore(f"attempt-{attempt}", store), rank=rank, world_size=world)


def all_reduce_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace every gradient by its sum over the processes, in one message per dtype."""
    if world() == 1:
        return
    by_dtype: dict[torch.dtype, list[Tensor]] = {}
    for parameter in parameters:
        if parameter.requires_grad:
            grad = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
            parameter.grad = grad
            by_dtype.setdefault(grad.dtype, []).append(grad)
    for grads in by_dtype.values():
        flat = torch.cat([g.reshape(-1) for g in grads])
        dist.all_reduce(flat)
        for grad, part in zip(grads, flat.split([g.numel() for g in grads])):
            grad.copy_(part.view_as(grad))


def all_reduce_sum(numbers: list[float], device: torch.device) -> list[float]:
    """Element-wise sums of one list of numbers per process."""
    if world() == 1:
        return numbers
    vector = torch.tensor(numbers, dtype=torch.float64, device=device)
    dist.all_reduce(vector)
    return vector.tolist()


def broadcast_buffers(modules: Iterable[torch.nn.Module]) -> None:
    """Give every process the buffers of rank 0 (running averages)."""
    if world() == 1:
        return
    for module in modules:
        for buffer in module.buffers():
            dist.broadcast(buffer, 0)


def barrier() -> None:
    """Wait for all processes."""
    if world() > 1:
        dist.barrier()
