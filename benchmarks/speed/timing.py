"""Time variants of one job in turns; rounds that other processes disturbed most are left out."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(eq=False)
class Round:
    """Every variant once."""

    seconds: dict[str, float] = field(default_factory=dict)  # wall, of each variant
    results: dict[str, object] = field(default_factory=dict)  # what the variants returned
    others: float = 0.0  # share 0..1 of the machine's CPU time that other processes took


def interleave(
    variants: dict[str, Callable[[], object]], seconds: float, least: int = 6, most: int = 60
) -> list[Round]:
    """Run each variant once per round (A B A B …); returns the quieter half of the rounds.

    One run of each comes before, to warm up. Rounds continue for about `seconds`, but at least
    `least` and at most `most` of them.
    """
    for run in variants.values():
        run()
    rounds: list[Round] = []
    started = time.perf_counter()
    while len(rounds) < least or (len(rounds) < most and time.perf_counter() - started < seconds):
        rounds.append(run_round(variants))
    by_others = sorted(rounds, key=lambda one: one.others)
    quiet = by_others[: (len(rounds) + 1) // 2]
    return [one for one in rounds if one in quiet]


def run_round(variants: dict[str, Callable[[], object]]) -> Round:
    """Run each variant once."""
    one = Round()
    round_started, others_before = time.perf_counter(), others()
    for name, run in variants.items():
        started = time.perf_counter()
        one.results[name] = run()
        one.seconds[name] = time.perf_counter() - started
    taken = max(0.0, others() - others_before)
    one.others = taken / (time.perf_counter() - round_started) / (os.cpu_count() or 1)
    return one


def others() -> float:
    """Return CPU seconds that other processes (and a virtual machine's host) took; 0 if unknown."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().split(maxsplit=9)[1:9]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields)
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    own = os.times()
    return busy - own.user - own.system - own.children_user - own.children_system


def seconds_of(rounds: list[Round], variant: str) -> list[float]:
    """Return the seconds of one variant, round by round."""
    return [one.seconds[variant] for one in rounds]


def median_others(rounds: list[Round]) -> float:
    """Return the median share of the machine's CPU time that others took in these rounds."""
    return round(statistics.median(one.others for one in rounds), 3)


def summary(values: list[float]) -> dict[str, float]:
    """Return median, least value and number."""
    return dict(
        median=significant(statistics.median(values)),
        least=significant(min(values)),
        rounds=len(values),
    )


def ratio(slow: list[float], fast: list[float]) -> dict[str, float]:
    """Return how many times as long `slow` takes: median and quartiles over rounds."""
    quotients = [a / b for a, b in zip(slow, fast, strict=True)]
    low, median, high = statistics.quantiles(quotients, n=4, method="inclusive")
    return dict(median=round(median, 3), low=round(low, 3), high=round(high, 3))


def significant(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.4g}")


class PartTimer:
    """Wall seconds of named parts of a job; a part that contains another counts without it."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str):
        """Add the block's seconds to `name`, less those of parts inside of it."""
        timed_before = sum(self.seconds.values())
        started = time.perf_counter()
        yield
        inside = sum(self.seconds.values()) - timed_before
        own = time.perf_counter() - started - inside
        self.seconds[name] = self.seconds.get(name, 0.0) + own
