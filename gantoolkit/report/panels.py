"""Small plots whose points stand below the columns of a sheet: one panel per score, a line per system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from gantoolkit.report import lettering
from gantoolkit.report.lettering import INK, QUIET
from gantoolkit.report.plots import ticks
from gantoolkit.report.tables import decimals, number

HEIGHT, TOP, BOTTOM = 170, 14, 14  # of a panel, in pixels
TEXT = 25
FINER = 3  # lines are drawn so many times larger and reduced, which smooths them
COLOURS = ((31, 90, 166), (214, 110, 20), (96, 100, 108))  # lines, in order; readable without colour vision
RULE = (226, 228, 232)


@dataclass(frozen=True)
class Line:
    """A score at every place; `low` and `high` bound its interval; a level is one dashed value for all places."""

    name: str
    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    level: bool = False


def panel(title: str, lines: Sequence[Line], places: Sequence[float], width: int, left: int) -> np.ndarray:
    """One plot [HEIGHT,width,3]: its title from the left edge, its axis at `left`, points at `places` in pixels."""
    low, high = bounds(lines)
    right = places[-1] + (places[-1] - places[0]) / max(2 * len(places) - 2, 2)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    large = Image.new("RGB", (width * FINER, HEIGHT * FINER), (255, 255, 255))
    pen = ImageDraw.Draw(large, "RGBA")
    shown = ticks(low, high, 3)
    for tick in shown:
        _stroke(pen, [(left, y(tick)), (right, y(tick))], RULE, 1)
    for line, colour in zip(lines, COLOURS):
        _line(pen, line, colour, places, right, y)
    canvas = large.resize((width, HEIGHT), Image.Resampling.BOX)
    pen = ImageDraw.Draw(canvas)
    exact = decimals([shown[-1] - shown[0]]) if len(shown) > 1 else decimals(shown)
    for tick in shown:
        lettering.put(pen, left - 10, y(tick) - TEXT * 0.64, number(tick, min(exact, 3)), TEXT - 4, QUIET, "right")
    for i, text in enumerate(title.split("\n")):
        lettering.put(pen, lettering.font(TEXT).size * 0.8, HEIGHT / 2 + (i - 1) * lettering.height(TEXT), text, TEXT,
                      QUIET if i else INK)
    _names(pen, lines, right + 10, y)
    return np.asarray(canvas)


def bounds(lines: Sequence[Line]) -> tuple[float, float]:
    """The range of an axis: all values and intervals, with a little room."""
    values = [v for line in lines for part in (line.values, line.low, line.high) for v in part if math.isfinite(v)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def _line(pen: ImageDraw.ImageDraw, line: Line, colour, places: Sequence[float], right: float, y) -> None:
    if line.level:
        return _dashes(pen, places[0], right, y(line.values[0]), colour)
    if line.low:
        upper = [(x, y(v)) for x, v in zip(places, line.high)]
        lower = [(x, y(v)) for x, v in zip(places, line.low)]
        pen.polygon([(a * FINER, b * FINER) for a, b in upper + lower[::-1]], fill=(*colour, 40))
    points = [(x, y(v)) for x, v in zip(places, line.values)]
    _stroke(pen, points, colour, 3)
    for x, v in points:
        pen.ellipse([(x - 5) * FINER, (v - 5) * FINER, (x + 5) * FINER, (v + 5) * FINER], fill=colour)


def _stroke(pen: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour, width: int) -> None:
    pen.line([(x * FINER, v * FINER) for x, v in points], fill=colour, width=width * FINER, joint="curve")


def _dashes(pen: ImageDraw.ImageDraw, left: float, right: float, at: float, colour, long: float = 14) -> None:
    start = left
    while start < right:
        _stroke(pen, [(start, at), (min(start + long * 0.6, right), at)], colour, 3)
        start += long


def _names(pen: ImageDraw.ImageDraw, lines: Sequence[Line], x: float, y) -> None:
    """Every line's name at its right end, moved apart where two would overlap."""
    step, taken = lettering.height(TEXT), []
    for line, colour in sorted(zip(lines, COLOURS), key=lambda pair: y(pair[0].values[-1])):
        top = y(line.values[-1]) - TEXT * 0.64
        top = max(top, taken[-1] + step) if taken else top
        taken.append(top)
        lettering.put(pen, x, min(top, HEIGHT - step), line.name, TEXT, colour)
