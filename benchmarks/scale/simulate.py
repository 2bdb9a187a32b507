"""Hours of a paper-scale run on 1 to 64 GPUs: the arithmetic of docs/scaling.md.

    python benchmarks/scale/simulate.py [RECORD of chain.py] [--link GB/s] [--disk GB/s]

A record gives the seconds per sample of one GPU. Without one they are those of ASSUMED, which come
from counted work and a stated rate, not from a clock.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

# FLOP per sample, counted by --dry-run (absm_eg3d); an iteration of M needs no up blocks
WORK = {"trajectory": 43.5e12, "iteration": 2.64e12, "iteration of M": 1.49e12}
# FLOP/s that one H100 is assumed to sustain
RATE = {"trajectory": 300e12, "iteration": 100e12, "iteration of M": 100e12}
ASSUMED = {part: WORK[part] / RATE[part] for part in WORK}  # seconds per sample
# bytes that are summed over processes
GRADIENTS = {"iteration": 65.8e6 * 4, "iteration of M": 14.3e6 * 4}
MAPPING_FRACTION = 0.5  # of the iterations that train M
READ = 32768 + 786432 + 120_000 + 6_000  # bytes per sample: z_t, I^d_0, photo, mask
FIXED = 0.015  # seconds of an iteration that no GPU shortens: launches, logging, the optimizer
MACHINE = 8  # GPUs of one machine; more communicate through its network card
INSIDE = 300e9  # bytes per second between GPUs of one machine


@dataclass(frozen=True)
class Cost:
    """Seconds of one iteration by what they are spent on."""

    compute: float
    gradients: float
    disk: float
    fixed: float = FIXED

    @property
    def total(self) -> float:
        """Seconds: the disk is read while the GPU works, gradients are summed afterwards."""
        return max(self.compute, self.disk) + self.gradients + self.fixed


class Row(NamedTuple):
    """A row of the table."""

    gpus: int
    batch: int
    cache_hours: float
    training_hours: float
    slowest: str


def iteration(
    gpus: int, batch: int, seconds: float, gradients: float, link: float, disk: float
) -> Cost:
    """Compute the cost of one iteration of a global batch.

    seconds    per sample on one GPU
    gradients  bytes
    link       bytes per second between machines
    disk       bytes per second of the file system
    """
    samples_per_gpu = -(-batch // gpus)
    bandwidth = INSIDE if gpus <= MACHINE else link
    moved = 2 * (gpus - 1) / gpus * gradients
    summing = moved / bandwidth if gpus > 1 else 0.0
    return Cost(samples_per_gpu * seconds, summing, batch * READ / disk)


def table(
    seconds: dict[str, float],
    link: float,
    disk: float,
    samples: int = 24000,
    iterations: int = 100_000,
) -> Iterator[Row]:
    """Compute a row per number of GPUs; all train on as many samples.

    seconds     part → seconds per sample on one GPU
    iterations  at batch 8
    """
    phases = {"iteration of M": MAPPING_FRACTION, "iteration": 1 - MAPPING_FRACTION}
    for gpus in (1, 2, 4, 8, 16, 32, 64):
        batch = max(8, gpus)
        total, parts = 0.0, dict.fromkeys(("compute", "gradients", "disk", "fixed"), 0.0)
        for phase, fraction in phases.items():
            per_sample = seconds.get(phase, seconds["iteration"])  # old records lack that of M
            cost = iteration(gpus, batch, per_sample, GRADIENTS[phase], link, disk)
            total += fraction * cost.total
            for part in parts:
                parts[part] += fraction * getattr(cost, part)
        count = iterations * 8 / batch
        yield Row(
            gpus,
            batch,
            samples * seconds["trajectory"] / gpus / 3600,
            count * total / 3600,
            max(parts, key=parts.get),
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("record", nargs="?", help="of benchmarks/scale/chain.py")
    parser.add_argument(
        "--link", type=float, default=25.0, help="GB/s between machines (200 Gb/s: 25)"
    )
    parser.add_argument(
        "--disk", type=float, default=2.0, help="GB/s of the file system that holds the cache"
    )
    args = parser.parse_args()
    seconds = ASSUMED
    if args.record:
        seconds = json.loads(Path(args.record).read_text())["seconds_per_sample"]
    print("| GPUs | batch | cache, hours | training, hours | slowest part |\n|---|---|---|---|---|")
    for row in table(seconds, args.link * 1e9, args.disk * 1e9):
        hours = f"{row.cache_hours:.2f} | {row.training_hours:.2f}"
        print(f"| {row.gpus} | {row.batch} | {hours} | {row.slowest} |")


if __name__ == "__main__":
    main()
