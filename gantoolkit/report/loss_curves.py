"""Loss curves as inline SVG: small multiples, one per loss, one line per turn. Colours come from the CSS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 320, 150
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 22
NOT_LOSSES = ("iteration", "time", "seconds", "lr")
Points = list[tuple[float, float]]


def curves(rows: Sequence[dict]) -> dict[str, dict[str, Points]]:
    """loss name → turn → [(iteration, value)] of losses.jsonl rows; iterations logged twice keep the last.

    The turn of a value is what stands before "/" in its name ("M/l2"; a bare "M" beside it is the turn's total).
    """
    found: dict[str, dict[str, dict[float, float]]] = {}
    for row in rows:
        iteration = row.get("iteration")
        totals = {name.partition("/")[0] for name in row if "/" in name}
        for name, value in row.items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if name in NOT_LOSSES or not number or not math.isfinite(value):
                continue
            if isinstance(iteration, (int, float)):
                phase, _, bare = (f"{name}/total" if name in totals else name).rpartition("/")
                found.setdefault(bare, {}).setdefault(phase, {})[float(iteration)] = float(value)
    return {
        name: {phase: sorted(points.items()) for phase, points in phases.items()}
        for name, phases in found.items()
    }


def smooth(points: Points, share: float = 0.04) -> Points:
    """A centred running mean over `share` of the points; it shows the trend under the noise."""
    half = max(int(len(points) * share / 2), 0)
    sums = [0.0]
    for _, value in points:
        sums.append(sums[-1] + value)
    spans = [(max(i - half, 0), min(i + half + 1, len(points))) for i in range(len(points))]
    return [(points[i][0], (sums[b] - sums[a]) / (b - a)) for i, (a, b) in enumerate(spans)]


def thin(points: Points, most: int = 240) -> Points:
    """At most `most` points, the first and the last kept."""
    if len(points) <= most:
        return points
    step = (len(points) - 1) / (most - 1)
    return [points[round(i * step)] for i in range(most)]


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers (1, 2 or 5 × 10ⁿ apart) between low and high."""
    span = high - low
    if not span > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / about))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(span / s - about))
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def chart(name: str, phases: dict[str, Points], colours: dict[str, int]) -> str:
    """One loss as an SVG; `colours` gives the class number of each turn's line."""
    values = [v for points in phases.values() for _, v in points]
    places = [x for points in phases.values() for x, _ in points]
    low, high = min(values + [0.0]) if min(values) < 0.5 * max(values) else min(values), max(values)
    high = high if high > low else low + (abs(low) or 1.0)
    first, last = min(places), max(max(places), min(places) + 1)

    def x(place: float) -> float:
        return LEFT + (place - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)} over iterations">'
    ]
    for tick in ticks(low, high, 3):
        place = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"'
        parts.append(
            f'<line class="rule" {place}/>{_text(f"{tick:.3g}", LEFT - 6, y(tick) + 3.5, "end")}'
        )
    parts += [_text(f"{tick:g}", x(tick), HEIGHT - 6, "middle") for tick in ticks(first, last)]
    for phase, points in phases.items():
        for kind, line in (("raw", points), ("line", smooth(points))):
            path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in thin(line))
            parts.append(f'<polyline class="{kind} c{colours.get(phase, 0)}" points="{path}"/>')
        if len(points) == 1:
            place = f'cx="{x(points[0][0]):.1f}" cy="{y(points[0][1]):.1f}"'
            parts.append(f'<circle class="dot c{colours.get(phase, 0)}" {place} r="2.5"/>')
    return "".join(parts) + "</svg>"


def _text(text: str, x: float, y: float, anchor: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
