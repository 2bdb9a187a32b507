"""How seconds, memory and work of a job grow with one number."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import roofline
import timing

TOLERANCE = 0.1  # exponents of seconds and of work that differ by less count as equal


@dataclass(frozen=True)
class Sweep:
    """A job that grows with one number."""

    question: str  # what grows: "batch"
    title: str  # of the job
    values: Sequence[int]
    make: Callable[[int], Callable[[], object]]  # value → the job at this value
    work: Callable[[int], float] | None = None  # value → its work; None: Gflop, counted
    unit: str = "Gflop"  # of the work


def measure(sweep: Sweep, rounds: int) -> dict:
    """Run the jobs of a sweep in turns; returns its record: a row per value.

    Seconds are those of the quieter half of `rounds`. Peak memory is the median of further runs.
    """
    jobs = {value: sweep.make(value) for value in sweep.values}
    kept = timing.interleave({str(value): job for value, job in jobs.items()}, 0, least=rounds)
    rows = []
    for value, job in jobs.items():
        seconds = timing.seconds_of(kept, str(value))
        peak = median_peak(job)
        work = sweep.work(value) if sweep.work else roofline.work(job)["gflop"]
        rows.append(make_row(value, seconds, peak, work))
    others = timing.median_others(kept)
    return make_record(sweep.question, sweep.title, sweep.unit, rows, others)


def median_peak(job: Callable[[], object], runs: int = 3) -> float | None:
    """Return the median over runs of a job's peak memory in MB; None where it is not known."""
    peaks = [roofline.peak_megabytes(job) for _ in range(runs)]
    return None if None in peaks else statistics.median(peaks)


def make_row(value: int, seconds: list[float], peak: float | None, work: float) -> dict:
    """Return what was measured at one value: least and median seconds, peak MB, work."""
    return dict(value=value, seconds=timing.summary(seconds), peak=peak, work=work)


def make_record(
    question: str, title: str, unit: str, rows: list[dict], others: float | None = None
) -> dict:
    """Return the record of a sweep; others: the share of the machine that others took."""
    return dict(question=question, title=title, unit=unit, rows=rows, others=others)


def exponent(values: Sequence[float], amounts: Sequence[float]) -> float:
    """Return p of amount ∝ valueᵖ, by least squares of the logarithms.

    >>> round(exponent([1, 2, 4], [3.0, 12.0, 48.0]), 6)
    2.0
    """
    logs = [math.log(value) for value in values]
    slope, _ = statistics.linear_regression(logs, [math.log(amount) for amount in amounts])
    return slope


def exponents(record: dict) -> dict[str, float | None]:
    """Return the exponents of a sweep's least seconds, work and peak MB over all of its rows.

    That of the memory is None where it was not measured, or was nothing.
    """
    rows = record["rows"]
    values = [row["value"] for row in rows]
    peaks = [row["peak"] for row in rows]
    return dict(
        seconds=exponent(values, [row["seconds"]["least"] for row in rows]),
        work=exponent(values, [row["work"] for row in rows]),
        peak=exponent(values, peaks) if all(peak and peak > 0 for peak in peaks) else None,
    )


def grows_faster(record: dict) -> bool:
    """Whether seconds grow faster than the work."""
    found = exponents(record)
    return found["seconds"] > found["work"] + TOLERANCE
