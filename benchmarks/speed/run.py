"""Speed of the bridge's training, of synthesis and of the command line, as ratios that one run measures.

python benchmarks/speed/run.py [--quick] [--only PART] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

OUT = Path(__file__).parents[1] / "results" / "speed.json"
PARTS = ("training", "synthesis", "startup")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, no generator of 256 px")
    parser.add_argument("--only", choices=PARTS, help="measure one part")
    parser.add_argument("--threads", type=int, help="of torch (default: as torch chooses)")
    parser.add_argument(
        "--out",
        type=Path,
        default=OUT,
        help="record to write (default: benchmarks/results/speed.json)",
    )
    return parser.parse_args(argv)


def machine() -> dict:
    """What the numbers depend on."""
    import torch

    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    values = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    flags = values.get("flags", "").split()
    name = values.get("model name", platform.processor() or platform.machine())
    return dict(
        cpu=name,
        cores=cores(),
        bf16=[f for f in flags if "bf16" in f],
        system=platform.system(),
        python=platform.python_version(),
        torch=torch.__version__,
        threads=torch.get_num_threads(),
    )


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def worst(record: dict) -> float | None:
    """The largest share of the machine that others took while a row was measured."""
    rows = [*record.get("training", {}).get("turns", []), *record.get("synthesis", [])]
    return max((row["others"] for row in rows), default=None)


def measure(options: argparse.Namespace, folder: Path) -> dict:
    """The record."""
    import startup
    import synthesis
    import training
    from universe import Universe

    def say(text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)

    wanted = [options.only] if options.only else PARTS
    universe = Universe(folder)
    seconds, rounds = (4.0, 4) if options.quick else (20.0, 16)
    record = dict(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=machine(),
        parameters=dict(quick=options.quick, rounds=rounds, seconds=seconds),
    )
    if "startup" in wanted:  # first: nothing of ours is running yet
        record["startup"] = startup.measure(3 if options.quick else 10)
    if "training" in wanted:
        record["training"] = training.measure(universe, folder, rounds, say)
    if "synthesis" in wanted:
        record["synthesis"] = synthesis.measure(universe, options.quick, seconds, say)
    return record | dict(
        weights=universe.origins, tolerance=synthesis.TOLERANCE, others=worst(record)
    )


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    os.environ.pop("GANTOOLKIT_CACHE", None)  # the cache of this run is temporary
    import torch
    from table import tables

    from gantoolkit.core import files

    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        record = measure(options, Path(folder))
    print(tables(record))
    files.write_json(options.out, record)
    print(
        f"\nwritten to {os.path.relpath(options.out)}; "
        "`python benchmarks/speed/table.py` puts the table into benchmarks/README.md"
    )
    wrong = synthesis_differs(record)
    if wrong:
        print(
            f"error: {wrong} differs from its port by more than {record['tolerance']:g} in fp32, so the "
            "ratios mean nothing.",
            file=sys.stderr,
        )
    return 1 if wrong else 0


def synthesis_differs(record: dict) -> str:
    """Generators whose pixels are not the port's."""
    rows = [row for row in record.get("synthesis", []) if row["precision"] == "fp32"]
    return ", ".join(
        sorted({row["generator"] for row in rows if row["ours: pixels"] > record["tolerance"]})
    )


if __name__ == "__main__":
    sys.exit(main())
