"""Memory of one process as `gantoolkit run CONFIG --dry-run` counts it: the table of docs/scaling.md.

python benchmarks/scale/memory.py [NUMBER OF A ROW …]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gantoolkit.config import loader
from gantoolkit.planning import dry_run

LEAST = "encoder.offload=True recompute=1{chunk} schedule.accumulate=8 sampling.batch=4"
ROWS = (  # config of configs/full, overrides, what the table says beside them
    ("absm_eg3d", "recompute=2", "`{}` as configured"),
    ("absm_eg3d", "recompute=0", "`{}`"),
    ("absm_eg3d", "encoder.offload=True", "`{}`"),
    ("absm_eg3d", LEAST.format(chunk=" chunk=4096"), "`{}`"),
    ("absm_stylegan2", "recompute=2", "`{}` as configured"),
    ("absm_stylegan2", LEAST.format(chunk=""), "`{}`"),
    ("controlnet_mask", "recompute=True", "8 at a time, `{}`"),
)
COLUMNS = ("training", "caching", "scoring")


def counted(name: str, overrides: str) -> list[float]:
    """Gigabytes: the networks, then the peaks of training, caching and scoring (0 where there is none)."""
    found = dry_run.plan(loader.load_config(f"configs/full/{name}.py", overrides.split()).to_dict())
    return [
        found.fixed / 1e9,
        *((found.fixed + found.peaks[c]) / 1e9 if c in found.peaks else 0 for c in COLUMNS),
    ]


def lines(numbers: list[int]) -> Iterator[str]:
    """Rows of the table."""
    for number in numbers:
        name, overrides, beside = ROWS[number]
        cells = (f" {size:.1f} GB |" if size else " |" for size in counted(name, overrides))
        yield f"| {name}, {beside.format(overrides)} |{''.join(cells)}"


if __name__ == "__main__":
    for line in lines([int(n) for n in sys.argv[1:]] or list(range(len(ROWS)))):
        print(line, flush=True)
