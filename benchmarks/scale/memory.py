"""Memory of one process as `--dry-run` counts it: the table of docs/scaling.md.

python benchmarks/scale/memory.py [INDEX OF A ROW …]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gantoolkit.config import loader
from gantoolkit.planning import dry_run

LEAST = "encoder.offload=True recompute=1{chunk} schedule.accumulate=8 sampling.batch=4"
ROWS = (  # config of configs/full, overrides, what the table says of them
    ("absm_eg3d", "recompute=2", "`{}` as configured"),
    ("absm_eg3d", "recompute=0", "`{}`"),
    ("absm_eg3d", "encoder.offload=True", "`{}`"),
    ("absm_eg3d", LEAST.format(chunk=" chunk=4096"), "`{}`"),
    ("absm_stylegan2", "recompute=2", "`{}` as configured"),
    ("absm_stylegan2", LEAST.format(chunk=""), "`{}`"),
    ("controlnet_mask", "recompute=True", "8 at a time, `{}`"),
)
PEAKS = ("training", "caching", "scoring")


def count_gigabytes(config: str, overrides: str) -> list[float]:
    """Count GB of the networks, then the peaks of PEAKS with them (0 where there is none)."""
    values = loader.load_config(f"configs/full/{config}.py", overrides.split()).to_dict()
    plan = dry_run.plan(values)
    sizes = [plan.network_bytes / 1e9]
    for name in PEAKS:
        sizes.append((plan.network_bytes + plan.peaks[name]) / 1e9 if name in plan.peaks else 0)
    return sizes


def table_rows(indices: list[int]) -> Iterator[str]:
    """Format rows of the table as Markdown."""
    for index in indices:
        config, overrides, description = ROWS[index]
        sizes = count_gigabytes(config, overrides)
        cells = [f" {size:.1f} GB |" if size else " |" for size in sizes]
        yield f"| {config}, {description.format(overrides)} |{''.join(cells)}"


if __name__ == "__main__":
    for row in table_rows([int(word) for word in sys.argv[1:]] or list(range(len(ROWS)))):
        print(row, flush=True)
