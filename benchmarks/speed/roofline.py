"""What a computation asks for (arithmetic, bytes, memory), and what the machine can give."""

from __future__ import annotations

import ctypes
import gc
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from timing import significant
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from gantoolkit.bench.draw_row import resident

DTYPES = dict(fp32=torch.float32, bf16=torch.bfloat16)
REPEATS = 8


class Traffic(TorchDispatchMode):
    """Count the bytes that operations read and write; views and allocations move nothing."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if not function.is_view and "empty" not in function.name():
            for leaf in tree_leaves((args, kwargs, out)):
                if isinstance(leaf, Tensor):
                    self.bytes += leaf.numel() * leaf.element_size()
        return out


def cpu_flops() -> dict:
    """Return functions that count what torch itself does not count.

    These are convolutions with weights packed by oneDNN, and attention on CPUs.
    """

    def convolution(x, weight, *_, out_shape, **__) -> int:
        return 2 * math.prod(weight) * math.prod(out_shape) // out_shape[1]

    def transposed(x, weight, *_, out_shape, **__) -> int:
        return 2 * math.prod(weight) * math.prod(x) // x[1]

    def attention(query, key, value, *_, **__) -> int:
        return sdpa_flop_count(query, key, value)

    counters = {
        "_convolution_pointwise": convolution,
        "_convolution_transpose_pointwise": transposed,
    }
    operations = torch.ops.mkldnn
    known = {
        getattr(operations, name): count
        for name, count in counters.items()
        if hasattr(operations, name)
    }
    return {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention, **known}


def work(run: Callable[[], object]) -> dict[str, float]:
    """Count Gflop of products and convolutions, and GB that all operations move."""
    counter = FlopCounterMode(display=False, custom_mapping=cpu_flops())
    with counter, Traffic() as traffic:
        run()
    return dict(
        gflop=significant(counter.get_total_flops() / 1e9),
        gbyte=significant(traffic.bytes / 1e9),
    )


def rates(device: str = "cpu") -> dict[str, float]:
    """Measure Gflop/s in each precision, and GB/s of a copy.

    Gflop/s are those of the faster of a matrix product and a 3×3 convolution.
    """
    rates = {}
    for precision, dtype in DTYPES.items():
        product, convolution = _product_rate(device, dtype), _convolution_rate(device, dtype)
        rates[precision] = significant(max(product, convolution) / 1e9)
    source = torch.zeros(1 << 26, device=device)
    target = torch.empty_like(source)
    copy_seconds = least_seconds(lambda: target.copy_(source), device)
    rates["copy"] = significant(2 * source.nbytes / copy_seconds / 1e9)
    return rates


@torch.no_grad()
def _product_rate(device: str, dtype: torch.dtype) -> float:
    """Measure flop/s of a matrix product."""
    size = 2048
    a = torch.randn(size, size, device=device, dtype=dtype)
    b = torch.randn(size, size, device=device, dtype=dtype)
    return 2 * size**3 / least_seconds(lambda: a @ b, device)


@torch.no_grad()
def _convolution_rate(device: str, dtype: torch.dtype) -> float:
    """Measure flop/s of a 3×3 convolution."""
    channels, size = 256, 64

    def random(*shape: int) -> Tensor:
        values = torch.randn(*shape, device=device, dtype=dtype)
        return values.contiguous(memory_format=torch.channels_last)

    x = random(1, channels, size, size)
    weight = random(channels, channels, 3, 3)
    flop = 2 * 9 * channels**2 * size**2
    return flop / least_seconds(lambda: F.conv2d(x, weight, padding=1), device)


def least_seconds(job: Callable[[], object], device: str) -> float:
    """Return the seconds of the fastest of REPEATS runs."""
    seconds = []
    for _ in range(REPEATS):
        wait(device)
        started = time.perf_counter()
        job()
        wait(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def wait(device: str) -> None:
    """Wait until a GPU has done its work."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def roofs(work: dict[str, float], rates: dict[str, float], precision: str) -> dict[str, float]:
    """Return the seconds of arithmetic alone at full rate, and of bytes alone without a cache."""
    return dict(
        arithmetic=significant(work["gflop"] / rates[precision]),
        memory=significant(work["gbyte"] / rates["copy"]),
    )


def peak_megabytes(run: Callable[[], object], device: str = "cpu") -> float | None:
    """Measure the memory that `run` takes at its peak beyond what was taken before.

    On CPUs it is the resident size, which is known only on Linux; None elsewhere.
    """
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return round((torch.cuda.max_memory_allocated() - before) / 2**20, 1)

    clear_refs = Path("/proc/self/clear_refs")
    if not clear_refs.exists():
        return None
    ctypes.CDLL(None).malloc_trim(0)
    clear_refs.write_text("5")  # resets the peak
    before = resident("VmRSS")
    run()
    return round((resident("VmHWM") - before) / 1024, 1)
