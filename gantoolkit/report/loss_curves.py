"""Loss curves as inline SVG: small multiples, one a loss, with a line for every phase.

Colors come from the CSS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import accumulate

WIDTH = 320
HEIGHT = 150
LEFT = 46
RIGHT = 8
TOP = 8
BOTTOM = 22
NOT_LOSSES = ("iteration", "time", "seconds", "lr")  # keys of losses.jsonl
MOST_POINTS = 240  # of a drawn line
Points = list[tuple[float, float]]


def curves(log: Sequence[dict]) -> dict[str, dict[str, Points]]:
    """Return loss name → phase → [(iteration, value)] of the lines of losses.jsonl.

    The phase of a value is what stands before "/" in its name ("M/l2"); a bare "M" beside it is the
    phase's total. Iterations that were logged twice keep the last value.
    """
    by_loss: dict[str, dict[str, dict[float, float]]] = {}
    for line in log:
        iteration = line.get("iteration")
        if not _is_number(iteration):
            continue
        phases = {name.partition("/")[0] for name in line if "/" in name}
        for name, value in line.items():
            if name in NOT_LOSSES or not _is_number(value):
                continue
            full_name = f"{name}/total" if name in phases else name
            phase, _, loss = full_name.rpartition("/")
            by_loss.setdefault(loss, {}).setdefault(phase, {})[float(iteration)] = float(value)

    sorted_curves = {}
    for loss, phases_of_loss in by_loss.items():
        sorted_curves[loss] = {phase: sorted(p.items()) for phase, p in phases_of_loss.items()}
    return sorted_curves


def _is_number(value) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def smooth(points: Points, window: float = 0.04) -> Points:
    """Return a centered running mean over the share `window` of the points."""
    half = max(int(len(points) * window / 2), 0)
    sums = [0.0, *accumulate(value for _, value in points)]
    smoothed = []
    for index, (x, _) in enumerate(points):
        first = max(index - half, 0)
        end = min(index + half + 1, len(points))
        smoothed.append((x, (sums[end] - sums[first]) / (end - first)))
    return smoothed


def thin(points: Points, most: int = MOST_POINTS) -> Points:
    """Return at most `most` points, the first and the last among them."""
    if len(points) <= most:
        return points
    step = (len(points) - 1) / (most - 1)
    return [points[round(index * step)] for index in range(most)]


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return about `about` round numbers (1, 2 or 5 × 10ⁿ apart) between low and high."""
    extent = high - low
    if not extent > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(extent / about))
    steps = [factor * power for factor in (1, 2, 5, 10)]
    step = min(steps, key=lambda step: abs(extent / step - about))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


class _Axes:
    """Map iterations and losses to places of the SVG."""

    def __init__(self, phases: dict[str, Points]):
        iterations = [x for points in phases.values() for x, _ in points]
        values = [y for points in phases.values() for _, y in points]
        self.first = min(iterations)
        self.last = max(max(iterations), self.first + 1)

        self.low = min(values)
        if self.low < 0.5 * max(values):
            self.low = min(self.low, 0.0)
        self.high = max(values)
        if self.high <= self.low:
            self.high = self.low + (abs(self.low) or 1.0)

    def x(self, iteration: float) -> float:
        return LEFT + (iteration - self.first) / (self.last - self.first) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)

    def path(self, points: Points) -> str:
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in thin(points))


def chart(name: str, phases: dict[str, Points], colors: dict[str, int]) -> str:
    """Return one loss as an SVG; `colors` gives the class number of each phase's line."""
    axes = _Axes(phases)
    label = f"{escape(name)} over iterations"
    content = _grid(axes)
    for phase, points in phases.items():
        color = f"c{colors.get(phase, 0)}"
        content += f'<polyline class="raw {color}" points="{axes.path(points)}"/>'
        content += f'<polyline class="line {color}" points="{axes.path(smooth(points))}"/>'
        if len(points) == 1:
            x, y = points[0]
            place = f'cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}"'
            content += f'<circle class="dot {color}" {place} r="2.5"/>'
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{content}</svg>'


def _grid(axes: _Axes) -> str:
    content = ""
    for tick in ticks(axes.low, axes.high, 3):
        y = axes.y(tick)
        ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
        content += f'<line class="rule" {ends}/>' + _text(f"{tick:.3g}", LEFT - 6, y + 3.5, "end")
    for tick in ticks(axes.first, axes.last):
        content += _text(f"{tick:g}", axes.x(tick), HEIGHT - 6, "middle")
    return content


def _text(text: str, x: float, y: float, anchor: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
