"""Measure how seconds and memory grow: with pictures, steps, rays, pixels, samples, processes.

    python benchmarks/speed/scaling.py [--quick] [--only QUESTION …] [--out FILE.json]

`python benchmarks/speed/table.py` then puts tables and plots into docs/scaling.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

OUT = Path(__file__).parents[1] / "results" / "scaling.json"
QUESTIONS = ("batch", "steps", "rays", "resolution", "samples", "processes")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two small values of each, few rounds")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=QUESTIONS,
        metavar="QUESTION",
        help=f"measure these again and keep the record's others: {', '.join(QUESTIONS)}",
    )
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1)")
    parser.add_argument("--out", type=Path, default=OUT, help="record to write or renew")
    return parser.parse_args(argv)


def measure(question: str, quick: bool, folder: Path) -> list[dict]:
    """Measure the sweeps of a question; `folder` is for temporary files."""
    import growth
    import scaling_jobs
    import scaling_processes

    if question == "processes":
        counts = (1, 2) if quick else (1, 2, 3, 4)
        return [scaling_processes.measure(counts, 1 if quick else 6, folder)]
    records = []
    if question == "samples":
        records.append(scaling_jobs.fill_cache(folder, scaling_jobs.counts(quick)))
    for sweep in scaling_jobs.sweeps(question, quick, folder):
        records.append(growth.measure(sweep, rounds=2 if quick else 5))
    return records


def make_record(options: argparse.Namespace, folder: Path) -> dict:
    """Measure the questions that are asked for; others are those of the record before."""
    from run import machine, say
    from scaling_tables import verdict

    asked = options.only or QUESTIONS
    sweeps = []
    if options.only and options.out.exists():
        before = json.loads(options.out.read_text(encoding="utf-8"))["sweeps"]
        sweeps = [sweep for sweep in before if sweep["question"] not in asked]
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    for question in asked:
        for sweep in measure(question, options.quick, folder):
            sweeps.append(sweep | dict(date=date))
            say(f"{question}: {verdict(sweep)}")
    sweeps.sort(key=lambda sweep: QUESTIONS.index(sweep["question"]))
    return dict(machine=machine(), quick=options.quick, sweeps=sweeps)


def main(argv: list[str] | None = None) -> int:
    """Measure, print and write the record."""
    options = arguments(argv)
    import table
    import torch

    torch.set_num_threads(options.threads)
    os.environ.pop("GANTOOLKIT_CACHE", None)  # caches of this run are temporary
    with tempfile.TemporaryDirectory() as folder:
        record = make_record(options, Path(folder))
    table.write(record, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
