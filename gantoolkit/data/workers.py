"""Tasks done by spawned processes of one thread each: how data sets are prepared and rendered."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def parallel_map(work: Callable[[Any], Any], tasks: Sequence, workers: int) -> Iterator:
    """work(task) of all tasks: in order, made here; or as they are ready, made by `workers` processes."""
    if workers <= 1 or len(tasks) <= 1:
        yield from map(work, tasks)
        return
    saved = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        with multiprocessing.get_context("spawn").Pool(min(workers, len(tasks))) as pool:
            yield from pool.imap_unordered(work, tasks)
    finally:
        for name, value in saved.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
