"""Fill the tables of a GPU: encoder, bridge training and generation, in under five minutes.

    python benchmarks/speed/gpu.py [--device cuda] [--minutes 4.5] [--quick] [--out FILE.json]

Nothing is downloaded: networks of the published sizes get random weights. Each part is timed in
turns with what it is compared with, then once more compiled by torch.compile, as far as the minutes
reach: no compilation starts when they would not suffice for the parts to come.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

OUT = Path(__file__).parents[1] / "results" / "gpu.json"
RESERVE = 20.0  # seconds kept for every part to come
SECONDS = 4.0  # of rounds per part


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda (default) or cpu")
    parser.add_argument(
        "--minutes", type=float, default=4.5, help="after which nothing more is compiled (4.5)"
    )
    parser.add_argument(
        "--backend", default="inductor", help="of torch.compile (default: inductor)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="embedded sizes, one picture, few rounds"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="record to write")
    return parser.parse_args(argv)


class Clock:
    """What is left of the minutes, beside what the parts to come need."""

    def __init__(self, minutes: float, parts: int):
        self.end = time.perf_counter() + 60 * minutes
        self.parts = parts

    def allows_more(self) -> bool:
        """Whether there is time for something beside the parts to come."""
        return time.perf_counter() + RESERVE * self.parts < self.end


def measure_case(case, device: str, quick: bool, backend: str, clock: Clock) -> dict:
    """Time a case, then what of it can be compiled; returns its record."""
    clock.parts -= 1
    jobs = case.build(device, quick)
    rows = time_variants(jobs.runs, device, quick)
    compiled, skipped = {}, []
    for variant, modules in jobs.compilable.items():
        if not clock.allows_more():
            skipped.append(variant)
            continue
        for module in modules:
            module.compile(backend=backend)
        compiled[variant] = jobs.runs[variant]
        compiled[variant]()  # compiles
    rows += time_variants(compiled, device, quick, compiled=True)
    return dict(
        part=case.part,
        size=case.size,
        networks=case.networks,
        batch=jobs.batch,
        precision=jobs.precision,
        rival=next(iter(jobs.runs)),
        difference=jobs.difference,
        rows=rows,
        skipped=skipped,
    )


def time_variants(
    runs: dict[str, Callable[[], object]], device: str, quick: bool, compiled: bool = False
) -> list[dict]:
    """Time variants in turns; returns a row of each: seconds, their quartiles, peak MB."""
    import roofline
    import timing

    if not runs:
        return []
    waiting = {variant: finished(run, device) for variant, run in runs.items()}
    kept = timing.interleave(waiting, 0.0 if quick else SECONDS, least=4)
    rows = []
    for variant, run in waiting.items():
        seconds = timing.seconds_of(kept, variant)
        low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
        spread = dict(low=timing.significant(low), high=timing.significant(high))
        peak = roofline.peak_megabytes(run, device)
        rows.append(
            dict(variant=variant, compiled=compiled, peak=peak, **timing.summary(seconds), **spread)
        )
    return rows


def finished(run: Callable[[], object], device: str) -> Callable[[], None]:
    """Return what runs a job to its end on the device, and drops its result."""
    import roofline

    def run_and_wait() -> None:
        run()
        roofline.wait(device)

    return run_and_wait


def make_record(options: argparse.Namespace, cases: list) -> dict:
    """Measure the cases in order."""
    import torch
    from run import machine, say

    clock = Clock(options.minutes, len(cases))
    record = dict(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        device=device_name(options.device),
        cuda=torch.version.cuda,
        machine=machine(),
        quick=options.quick,
        backend=options.backend,
        cases=[],
    )
    started = time.perf_counter()
    for case in cases:
        found = measure_case(case, options.device, options.quick, options.backend, clock)
        record["cases"].append(found)
        say(f"{case.part}, {case.size}, {case.networks}: {len(found['rows'])} rows")
        torch.compiler.reset()  # else it holds the networks
        if options.device.startswith("cuda"):
            torch.cuda.empty_cache()
    record["minutes"] = round((time.perf_counter() - started) / 60, 1)
    return record


def device_name(device: str) -> str:
    """Return the name of the GPU, or "CPU"."""
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"


def main(argv: list[str] | None = None) -> int:
    """Measure, print and write the record."""
    options = arguments(argv)
    import table
    import torch
    from gpu_cases import cases

    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("error: this torch sees no GPU; --device cpu --quick tries it.", file=sys.stderr)
        return 1
    record = make_record(options, cases(options.quick))
    table.write(record, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
