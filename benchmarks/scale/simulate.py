"""Hours of a paper-scale run on 1 to 64 GPUs, from seconds per sample of one: the arithmetic of
docs/scaling.md.

    python benchmarks/scale/simulate.py [RECORD of chain.py] [--link GB/s] [--disk GB/s]

Without a record the pieces are those of ASSUMED, which come from counted work and a stated rate, not from a
clock.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

# FLOP per sample, counted by --dry-run (absm_eg3d); an iteration trains T, or M alone without the up blocks
WORK = {"trajectory": 43.5e12, "iteration": 2.64e12, "iteration of M": 1.49e12}
RATE = {
    "trajectory": 300e12,
    "iteration": 100e12,
    "iteration of M": 100e12,
}  # FLOP/s that one H100 is assumed to sustain
ASSUMED = {name: WORK[name] / RATE[name] for name in WORK}  # seconds per sample
GRADIENTS = {
    "iteration": 65.8e6 * 4,
    "iteration of M": 14.3e6 * 4,
}  # bytes that are summed over processes
SHARE = 0.5  # of the iterations that train M
READ = 32768 + 786432 + 120_000 + 6_000  # bytes per sample and iteration: z_t, I^d_0, photo, mask
FIXED = (
    0.015  # seconds of an iteration that no GPU takes off: kernel launches, logging, the optimiser
)
PER_GPU = 8  # GPUs of one machine; more go through its network card


@dataclass(frozen=True)
class Cost:
    """Seconds of one iteration by what they go to."""

    compute: float
    gradients: float
    disk: float

    @property
    def total(self) -> float:
        """Gradients follow the backward pass; the disk is read while the GPU works."""
        return max(self.compute, self.disk) + self.gradients + FIXED


def iteration(
    gpus: int,
    batch: int,
    seconds: float,
    gradients: float,
    link: float,
    disk: float,
    inside: float = 300e9,
) -> Cost:
    """One iteration of a global batch; gradients in bytes, link and disk in bytes per second."""
    share = -(-batch // gpus)
    speed = inside if gpus <= PER_GPU else link
    moved = 2 * (gpus - 1) / gpus * gradients
    return Cost(share * seconds, moved / speed if gpus > 1 else 0.0, batch * READ / disk)


def table(
    pieces: dict[str, float],
    link: float,
    disk: float,
    samples: int = 24000,
    iterations: int = 100_000,
):
    """Rows (GPUs, batch, cache hours, training hours, the same number of samples seen, what is slowest)."""
    for gpus in (1, 2, 4, 8, 16, 32, 64):
        batch = max(8, gpus)
        total, parts = 0.0, dict.fromkeys(("compute", "gradients", "disk", "fixed"), 0.0)
        for turn, share in (("iteration of M", SHARE), ("iteration", 1 - SHARE)):
            seconds = pieces.get(
                turn, pieces["iteration"]
            )  # records before the turn of M was measured
            cost = iteration(gpus, batch, seconds, GRADIENTS[turn], link, disk)
            total += share * cost.total
            for part, size in {**vars(cost), "fixed": FIXED}.items():
                parts[part] += share * size
        count = iterations * 8 / batch  # the same number of samples
        yield (
            gpus,
            batch,
            samples * pieces["trajectory"] / gpus / 3600,
            count * total / 3600,
            max(parts, key=parts.get),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("record", nargs="?", help="of benchmarks/scale/chain.py")
    parser.add_argument(
        "--link", type=float, default=25.0, help="GB/s between machines (200 Gb/s: 25)"
    )
    parser.add_argument(
        "--disk", type=float, default=2.0, help="GB/s of the file system that holds the cache"
    )
    args = parser.parse_args()
    pieces = (
        ASSUMED
        if args.record is None
        else json.loads(Path(args.record).read_text())["seconds_per_sample"]
    )
    print("| GPUs | batch | cache, hours | training, hours | slowest part |\n|---|---|---|---|---|")
    for gpus, batch, cache, train, slowest in table(pieces, args.link * 1e9, args.disk * 1e9):
        print(f"| {gpus} | {batch} | {cache:.2f} | {train:.2f} | {slowest} |")


if __name__ == "__main__":
    main()
