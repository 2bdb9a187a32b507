"""Clocks: variants of one job run in turns, so that whatever else the machine does meets all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager


def interleave(variants: dict[str, Callable[[], object]], seconds: float, least: int = 5, most: int = 60,
               warmup: int = 1) -> dict[str, list[float]]:
    """name → wall seconds of each round. Every round runs each variant once (A B A B …).

    Rounds go on for about `seconds`, at least `least` and at most `most` of them; `warmup` more come first.
    """
    for _ in range(warmup):
        for run in variants.values():
            run()
    taken: dict[str, list[float]] = {name: [] for name in variants}
    started = time.perf_counter()
    for number in range(most):
        if number >= least and time.perf_counter() - started > seconds:
            break
        for name, run in variants.items():
            before = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - before)
    return taken


def summary(seconds: list[float]) -> dict[str, float]:
    """Median, least and number of rounds."""
    return dict(median=rounded(statistics.median(seconds)), least=rounded(min(seconds)), rounds=len(seconds))


def ratio(slow: list[float], fast: list[float]) -> dict[str, float]:
    """How many times as long `slow` takes: median and quartiles of the quotients within a round."""
    quotients = sorted(a / b for a, b in zip(slow, fast, strict=True))
    low, median, high = statistics.quantiles(quotients, n=4, method="inclusive")
    return dict(median=round(median, 3), low=round(low, 3), high=round(high, 3))


def rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


class Parts:
    """Wall seconds of named parts within a round; `times[part]` has one entry per round."""

    def __init__(self):
        self.times: dict[str, list[float]] = {}
        self.now: dict[str, float] = {}

    @contextmanager
    def part(self, name: str):
        """Adds to `name` what the block takes, less what parts inside of it take."""
        inside, started = sum(self.now.values()), time.perf_counter()
        yield
        taken = time.perf_counter() - started - (sum(self.now.values()) - inside)
        self.now[name] = self.now.get(name, 0.0) + taken

    def close(self) -> None:
        """End of a round."""
        for name, seconds in self.now.items():
            self.times.setdefault(name, []).append(seconds)
        self.now = {}

    def clear(self) -> None:
        self.times, self.now = {}, {}
