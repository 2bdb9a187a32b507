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
from timing import rounded
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from gantoolkit.bench.draw_row import resident

DTYPES = dict(fp32=torch.float32, bf16=torch.bfloat16)


class Traffic(TorchDispatchMode):
    """`bytes` that operations read and write; views and allocations move nothing."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if not function.is_view and "empty" not in function.name():
            tensors = [t for t in tree_leaves((args, kwargs, out)) if isinstance(t, Tensor)]
            self.bytes += sum(t.numel() * t.element_size() for t in tensors)
        return out


def onednn() -> dict:
    """Floating-point operations of convolutions with packed weights, which torch does not count."""

    def forward(x, weight, *_, out_shape, **__) -> int:
        return 2 * math.prod(weight) * math.prod(out_shape) // out_shape[1]

    def transposed(x, weight, *_, out_shape, **__) -> int:
        return 2 * math.prod(weight) * math.prod(x) // x[1]

    found = {"_convolution_pointwise": forward, "_convolution_transpose_pointwise": transposed}
    return {
        getattr(torch.ops.mkldnn, name): count
        for name, count in found.items()
        if hasattr(torch.ops.mkldnn, name)
    }


def work(run: Callable[[], object]) -> dict[str, float]:
    """Floating-point operations of products and convolutions, and bytes that all operations move."""
    with FlopCounterMode(display=False, custom_mapping=onednn()) as counter, Traffic() as traffic:
        run()
    return dict(gflop=rounded(counter.get_total_flops() / 1e9), gbyte=rounded(traffic.bytes / 1e9))


def rates(device: str = "cpu") -> dict[str, float]:
    """Gflop/s of the faster of a matrix product and a 3×3 convolution in each precision, GB/s of a copy."""
    found = {}
    for name, dtype in DTYPES.items():
        a, b = (torch.randn(2048, 2048, device=device, dtype=dtype) for _ in range(2))
        x, w = (
            torch.randn(*shape, device=device, dtype=dtype).contiguous(
                memory_format=torch.channels_last
            )
            for shape in ((1, 256, 64, 64), (256, 256, 3, 3))
        )
        jobs = {
            lambda: a @ b: 2 * 2048**3,
            lambda: F.conv2d(x, w, padding=1): 2 * 9 * 256**2 * 64**2,
        }
        with torch.no_grad():
            found[name] = rounded(
                max(flop / least(job, device) for job, flop in jobs.items()) / 1e9
            )
    source = torch.zeros(1 << 26, device=device)
    target = torch.empty_like(source)
    found["copy"] = rounded(2 * source.nbytes / least(lambda: target.copy_(source), device) / 1e9)
    return found


def least(job: Callable[[], object], device: str, repeats: int = 8) -> float:
    """Seconds of the fastest of some runs."""
    found = []
    for _ in range(repeats):
        wait(device)
        started = time.perf_counter()
        job()
        wait(device)
        found.append(time.perf_counter() - started)
    return min(found)


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def roofs(work: dict[str, float], rates: dict[str, float], precision: str) -> dict[str, float]:
    """Seconds that arithmetic alone would take at full rate, and bytes alone if none lay in a cache."""
    arithmetic, memory = work["gflop"] / rates[precision], work["gbyte"] / rates["copy"]
    return dict(arithmetic=rounded(arithmetic), memory=rounded(memory))


def peak_megabytes(run: Callable[[], object], device: str = "cpu") -> float | None:
    """Memory that `run` takes at its peak beyond what was taken before; on CPUs resident, on Linux alone."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return round((torch.cuda.max_memory_allocated() - before) / 2**20, 1)
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        return None
    ctypes.CDLL(None).malloc_trim(0)
    reset.write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    run()
    return round((resident("VmHWM") - before) / 1024, 1)
