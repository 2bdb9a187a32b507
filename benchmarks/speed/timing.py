"""Clocks: variants of one job run in turns; rounds that other processes disturbed most are left out."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(eq=False)
class Round:
    """Every variant once."""

    seconds: dict[str, float]  # wall
    results: dict[str, object]  # what the variants returned
    others: float  # share 0..1 of the machine's CPU time that other processes took meanwhile


def interleave(
    variants: dict[str, Callable[[], object]], seconds: float, least: int = 6, most: int = 60
) -> list[Round]:
    """The quieter half of some rounds in which each variant runs once (A B A B …), after one to warm up.

    Rounds go on for about `seconds`, at least `least` and at most `most` of them.
    """
    for run in variants.values():
        run()
    rounds: list[Round] = []
    started = time.perf_counter()
    while len(rounds) < least or len(rounds) < most and time.perf_counter() - started < seconds:
        rounds.append(_round(variants))
    quiet = sorted(rounds, key=lambda r: r.others)[: (len(rounds) + 1) // 2]
    return [r for r in rounds if r in quiet]


def _round(variants: dict[str, Callable[[], object]]) -> Round:
    found = Round({}, {}, 0.0)
    began, before = time.perf_counter(), others()
    for name, run in variants.items():
        started = time.perf_counter()
        found.results[name] = run()
        found.seconds[name] = time.perf_counter() - started
    found.others = (
        max(0.0, others() - before) / (time.perf_counter() - began) / (os.cpu_count() or 1)
    )
    return found


def others() -> float:
    """CPU seconds that other processes (and the host of a virtual machine) took so far; 0 where unknown."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _, _, irq, soft, steal = map(int, stat.read_text().split(maxsplit=9)[1:9])
    own = os.times()
    busy = (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
    return busy - own.user - own.system - own.children_user - own.children_system


def seconds(rounds: list[Round], name: str) -> list[float]:
    """Of one variant, round by round."""
    return [r.seconds[name] for r in rounds]


def share(rounds: list[Round]) -> float:
    """Median share of the machine's CPU time that others took in these rounds."""
    return round(statistics.median(r.others for r in rounds), 3)


def summary(values: list[float]) -> dict[str, float]:
    """Median, least and number."""
    return dict(
        median=rounded(statistics.median(values)), least=rounded(min(values)), rounds=len(values)
    )


def ratio(slow: list[float], fast: list[float]) -> dict[str, float]:
    """How many times as long `slow` takes: median and quartiles of the quotients within a round."""
    quotients = [a / b for a, b in zip(slow, fast, strict=True)]
    low, median, high = statistics.quantiles(quotients, n=4, method="inclusive")
    return dict(median=round(median, 3), low=round(low, 3), high=round(high, 3))


def rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


class Parts:
    """Wall seconds of named parts of a job."""

    def __init__(self):
        self.now: dict[str, float] = {}

    @contextmanager
    def part(self, name: str):
        """Adds to `name` what the block takes, less what parts inside of it take."""
        inside, started = sum(self.now.values()), time.perf_counter()
        yield
        taken = time.perf_counter() - started - (sum(self.now.values()) - inside)
        self.now[name] = self.now.get(name, 0.0) + taken
