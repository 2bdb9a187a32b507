"""Measure the speed of training, synthesis and the command line, as ratios within one run.

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
    """Parse the command line."""
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
    """Describe the machine and the software that the numbers depend on."""
    import torch

    from gantoolkit.core.threads import usable_cores

    cpu_info: dict[str, str] = {}
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text().splitlines():
            key, _, value = line.partition(":")
            cpu_info[key.strip()] = value.strip()
    flags = cpu_info.get("flags", "").split()
    return dict(
        cpu=cpu_info.get("model name", platform.processor() or platform.machine()),
        cores=usable_cores(),
        bf16=[flag for flag in flags if "bf16" in flag],
        system=platform.system(),
        python=platform.python_version(),
        torch=torch.__version__,
        threads=torch.get_num_threads(),
    )


def worst_others(record: dict) -> float | None:
    """Return the largest share of the machine that others took while a row was measured."""
    rows = [*record.get("training", {}).get("phases", []), *record.get("synthesis", [])]
    return max((row["others"] for row in rows), default=None)


def say(text: str) -> None:
    """Print to stderr, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def measure(options: argparse.Namespace, folder: Path) -> dict:
    """Measure the parts that are asked for; returns the record. `folder` is for temporary files."""
    import startup
    import synthesis
    import training
    from universe import Universe

    parts = [options.only] if options.only else PARTS
    universe = Universe(folder)
    seconds, rounds = (4.0, 4) if options.quick else (20.0, 16)
    record = dict(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=machine(),
        parameters=dict(quick=options.quick, rounds=rounds, seconds=seconds),
    )
    if "startup" in parts:  # first, while nothing of ours is running
        record["startup"] = startup.measure(3 if options.quick else 10)
    if "training" in parts:
        record["training"] = training.measure(universe, folder, rounds, say)
    if "synthesis" in parts:
        record["synthesis"] = synthesis.measure(universe, options.quick, seconds, say)
    record["weights"] = universe.origins
    record["tolerance"] = synthesis.TOLERANCE
    record["others"] = worst_others(record)
    return record


def different_generators(record: dict) -> list[str]:
    """Return the generators whose pixels are not the port's."""
    different = set()
    for row in record.get("synthesis", []):
        if row["precision"] == "fp32" and row["ours: pixels"] > record["tolerance"]:
            different.add(row["generator"])
    return sorted(different)


def main(argv: list[str] | None = None) -> int:
    """Measure, print and write the record; fails where the port and ours differ."""
    options = arguments(argv)
    os.environ.pop("GANTOOLKIT_CACHE", None)  # the cache of this run is temporary
    import table
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        record = measure(options, Path(folder))
    table.write(record, options.out)
    different = different_generators(record)
    if different:
        print(
            f"error: {', '.join(different)} differs from its port by more than "
            f"{record['tolerance']:g} in fp32, so the ratios mean nothing.",
            file=sys.stderr,
        )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
