"""Seconds per iteration of a training run in several processes, and the memory of each.

`python scaling_processes.py ARGUMENTS` is each of the processes: `gantoolkit ARGUMENTS`, which
leaves the peak memory of its process in the run's folder.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

CONFIG = "configs/absm_eg3d.py"
BATCH = 8  # of all processes together
LOG_EVERY = 5  # iterations
SETTINGS = (
    "data.train=val",
    "data.train_limit=48",
    "data.val_limit=1",
    "metrics={'_delete_': True}",
    "score_after_steps=[]",
    "training='M only'",
    "code_fraction=0.0",  # every iteration renders
    f"schedule.batch={BATCH}",
    f"schedule.log_every={LOG_EVERY}",
    "schedule.pictures_every=0",
    "schedule.save_every=1000000",
)


def measure(counts: Sequence[int], logs: int, folder: Path) -> dict:
    """Train the same job with so many processes of one thread; returns a sweep's record.

    logs  lines of the log that are measured, of LOG_EVERY iterations each
    """
    import growth
    import timing

    from gantoolkit.core.threads import usable_cores

    rows, others = [], []
    for count in counts:
        out = folder / f"run-{count}"
        job = partial(train, count, out, LOG_EVERY * (logs + 1), folder / "cache")
        others.append(round(timing.run_round({"run": job}).others, 3))
        peaks = [float(file.read_text()) for file in out.glob("peak-*")]
        samples = BATCH / min(count, usable_cores())  # that a core works on
        rows.append(growth.make_row(count, iteration_seconds(out), max(peaks), samples))
    return growth.make_record("processes", "training", "samples per core", rows, max(others))


def train(count: int, out: Path, iterations: int, cache: Path) -> None:
    """Run the main job of the embedded universe in `count` processes."""
    from gantoolkit.training import processes

    settings = [*SETTINGS, f"schedule.iterations={iterations}", f"cache.folder={str(cache)!r}"]
    code = processes.launch([__file__, "run", CONFIG, *settings, "--out", str(out)], count, 1)
    if code:
        raise RuntimeError(f"The run in {count} processes ended with exit code {code}.")


def iteration_seconds(out: Path) -> list[float]:
    """Return the seconds per iteration between lines of the log; the first line is a warm-up."""
    lines = (out / "losses.jsonl").read_text(encoding="utf-8").splitlines()
    times = [json.loads(line)["seconds"] for line in lines]
    return [(after - before) / LOG_EVERY for before, after in pairwise(times)]


def work() -> int:
    """Run the command line in one of the processes, then write its peak memory in MB."""
    from gantoolkit.bench.draw_row import peak_mb
    from gantoolkit.cli import main

    code = main.main(sys.argv[1:])
    if code == 0:
        out = Path(sys.argv[-1])
        (out / f"peak-{os.environ['RANK']}").write_text(str(peak_mb("cpu")))
    return code


if __name__ == "__main__":
    sys.exit(work())
