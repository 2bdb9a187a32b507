"""How many CPU threads torch computes on: as many as there are idle cores, unless somebody says.

A thread that shares its core with other work keeps all others waiting at the end of every
operation: beside two busy processes, two threads were up to twelve times slower than one.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

LOAD = Path("/proc/loadavg")  # "0.20 0.18 0.12 RUNNABLE/ALL NEWEST" of Linux
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "QUOTA PERIOD", or "max PERIOD", of a container
LOOKS, PAUSE = 9, 0.01  # looks at what runs, seconds between them


def usable_cores() -> int:
    """Return the cores that this process may use: its affinity, and its container's share."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):
        return cores


def idle_cores() -> int:
    """Return the usable cores that nothing else computes on now; at least 1."""
    return max(1, usable_cores() - _busy_elsewhere())


def _busy_elsewhere() -> int:
    """Count the threads of others that compute: the median of some looks, else the load average."""
    looks = []
    try:
        for _ in range(LOOKS):
            time.sleep(PAUSE)
            runnable = LOAD.read_text().split()[3].partition("/")[0]
            looks.append(int(runnable) - 1)  # this one looks
        return int(statistics.median(looks))
    except (OSError, ValueError, IndexError):
        return round(os.getloadavg()[0]) if hasattr(os, "getloadavg") else 0


def use_threads(count: int | None) -> None:
    """Let torch compute on `count` CPU threads; None: on idle cores, or as OMP_NUM_THREADS says."""
    import torch

    if count is None:
        if "OMP_NUM_THREADS" in os.environ:
            return
        count = min(torch.get_num_threads(), idle_cores())
    torch.set_num_threads(count)
