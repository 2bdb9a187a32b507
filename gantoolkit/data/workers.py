"""Run tasks in spawned processes of one thread each: how data sets are prepared and rendered."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def parallel_map(work: Callable[[Any], Any], tasks: Sequence, workers: int) -> Iterator:
    """Yield work(task) of all tasks.

    With one worker the results come in order and are computed in this process; with more they come
    as they are ready.
    """
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
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
