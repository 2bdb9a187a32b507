"""One process or several: `torchrun` sets the environment, this module joins, sums and broadcasts.

Each process weights its loss by its share of the batch, and gradients are summed, so that any
number of processes gives the losses of one. Only rank 0 writes files.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import unknown_device

# The first process scores while the others wait; torchrun itself notices dead ones.
TIMEOUT = timedelta(hours=12)


def rank() -> int:
    """Return the number of this process."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """Whether this is the process that writes files and prints."""
    return rank() == 0


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of a name; one that this machine lacks is refused.

    `auto` is the CUDA device of this process where there is one, else the CPU.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    if problem := unknown_device(name, also=("auto",)):
        raise UsageError(f"The device cannot be used: {problem}.")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"

    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count()
    else:
        count = int(torch.backends.mps.is_available())
    if device.type != "cpu" and (device.index or 0) >= count:
        kind = f"{device.type.upper()} device{'s' if count > 1 else ''}"
        raise UsageError(
            f"The device '{name}' was asked for, but this torch sees {count or 'no'} {kind}; "
            "use another, or cpu."
        )
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join the process group that `torchrun` announced, and leave it at the end.

    The backend is nccl on CUDA and gloo on CPU."""
    several = int(os.environ.get("WORLD_SIZE", 1)) > 1
    must_join = several and not dist.is_initialized()
    if must_join:
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=TIMEOUT, **_rendezvous())
    try:
        yield
    finally:
        if must_join:
            # This only drops references (pytorch#96017), and a gloo group that lives until the
            # process ends aborts it now and then (pytorch#190489).
            dist.destroy_process_group()
            gc.collect()


def _rendezvous() -> dict:
    """Where processes meet, if not at the usual place.

    torchrun keeps its store over restarts, with the addresses of processes that are gone
    (pytorch#135712). So each attempt on one machine uses a prefix of its own. Machines count
    restarts differently: runs over several need TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 instead
    (docs/full-scale.md).
    """
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    one_machine = os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]
    if attempt == "0" or not one_machine:
        return {}
    store, rank, world_size = next(dist.rendezvous("env://"))
    prefixed = dist.PrefixStore(f"attempt-{attempt}", store)
    return dict(store=prefixed, rank=rank, world_size=world_size)


def all_reduce_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace every gradient by its sum over the processes, in one message per dtype."""
    if world_size() == 1:
        return
    by_dtype: dict[torch.dtype, list[Tensor]] = {}
    for parameter in parameters:
        if not parameter.requires_grad:
            continue
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        by_dtype.setdefault(parameter.grad.dtype, []).append(parameter.grad)

    for gradients in by_dtype.values():
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        sums = flat.split([gradient.numel() for gradient in gradients])
        for gradient, total in zip(gradients, sums):
            gradient.copy_(total.view_as(gradient))


def all_reduce_sum(numbers: list[float], device: torch.device) -> list[float]:
    """Sum lists of numbers, one of every process, element by element."""
    if world_size() == 1:
        return numbers
    vector = torch.tensor(numbers, dtype=torch.float64, device=device)
    dist.all_reduce(vector)
    return vector.tolist()


def broadcast_buffers(modules: Iterable[torch.nn.Module]) -> None:
    """Give every process the buffers of rank 0 (running averages)."""
    if world_size() == 1:
        return
    for module in modules:
        for buffer in module.buffers():
            dist.broadcast(buffer, 0)


def barrier() -> None:
    """Wait for all processes."""
    if world_size() > 1:
        dist.barrier()
