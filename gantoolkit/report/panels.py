"""Small plots whose points stand below the columns of a sheet: one panel per score, a line per system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from gantoolkit.report import lettering
from gantoolkit.report.labelled import MARGIN
from gantoolkit.report.lettering import INK, QUIET
from gantoolkit.report.plots import ticks
from gantoolkit.report.tables import decimals, number

HEIGHT, TOP, BOTTOM = 184, 22, 22  # of a panel, in pixels
TEXT = 25
FINER = 3  # lines are drawn so many times larger and reduced, which smooths them
COLOURS = (
    (31, 90, 166),
    (214, 110, 20),
    (96, 100, 108),
)  # lines, in order; readable without colour vision
RULE = (226, 228, 232)


@dataclass(frozen=True)
class Line:
    """A score at every place; `low` and `high` bound its interval; a level is one value for all, dashed."""

    name: str
    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    level: bool = False


def panel(
    title: str, lines: Sequence[Line], places: Sequence[float], width: int, left: int
) -> np.ndarray:
    """One plot [HEIGHT,width,3]: title from the left edge, axis at `left`, points at `places` in pixels."""
    low, high = bounds(lines)
    right = places[-1] + (places[-1] - places[0]) / max(2 * len(places) - 2, 2)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    large = Image.new("RGB", (width * FINER, HEIGHT * FINER), (255, 255, 255))
    pen, shown = ImageDraw.Draw(large, "RGBA"), ticks(low, high, 3)
    for tick in shown:
        _stroke(pen, [(left, y(tick)), (right, y(tick))], RULE, 1)
    coloured = [
        (line, c) for line, c in zip(lines, COLOURS) if any(map(math.isfinite, line.values))
    ]
    for line, colour in coloured:
        _line(pen, line, colour, places, right, y)
    canvas = large.resize((width, HEIGHT), Image.Resampling.BOX)
    pen = ImageDraw.Draw(canvas)
    _said(pen, title, [(y(tick), number(tick, places_of(shown))) for tick in shown], left)
    _names(pen, coloured, right + 10, y)
    return np.asarray(canvas)


def _said(
    pen: ImageDraw.ImageDraw, title: str, ticks: Sequence[tuple[float, str]], left: int
) -> None:
    """The title from the left edge, and the numbers of the axis that ends at `left`."""
    for at, text in ticks:
        lettering.put(pen, left - 10, at - TEXT * 0.64, text, TEXT - 4, QUIET, "right")
    for i, text in enumerate(title.split("\n")):
        top = HEIGHT / 2 + (i - 1) * lettering.height(TEXT)
        lettering.put(pen, MARGIN, top, text, TEXT, QUIET if i else INK)


def bounds(lines: Sequence[Line]) -> tuple[float, float]:
    """The range of an axis: all values and intervals, with a little room."""
    parts = [part for line in lines for part in (line.values, line.low, line.high)]
    values = [value for part in parts for value in part if math.isfinite(value)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def places_of(shown: Sequence[float]) -> int:
    """Decimals that tell neighbouring ticks apart."""
    if len(shown) < 2:
        return decimals(shown)
    return max(-math.floor(math.log10(shown[1] - shown[0]) + 1e-9), 0)


def _line(
    pen: ImageDraw.ImageDraw, line: Line, colour, places: Sequence[float], right: float, y
) -> None:
    """Dots joined by a line over the band of the interval; values that are missing are left out."""
    if line.level:
        return _dashes(pen, places[0], right, y(line.values[0]), colour)
    band = [(x, a, b) for x, a, b in zip(places, line.low, line.high) if math.isfinite(a + b)]
    if len(band) > 1:
        edge = [(x, y(b)) for x, _, b in band] + [(x, y(a)) for x, a, _ in reversed(band)]
        pen.polygon([(a * FINER, b * FINER) for a, b in edge], fill=(*colour, 40))
    points = [(x, y(v)) for x, v in zip(places, line.values) if math.isfinite(v)]
    _stroke(pen, points, colour, 3)
    for x, v in points:
        pen.ellipse(
            [(x - 5) * FINER, (v - 5) * FINER, (x + 5) * FINER, (v + 5) * FINER], fill=colour
        )


def _stroke(
    pen: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour, width: int
) -> None:
    pen.line(
        [(x * FINER, v * FINER) for x, v in points], fill=colour, width=width * FINER, joint="curve"
    )


def _dashes(
    pen: ImageDraw.ImageDraw, left: float, right: float, at: float, colour, long: float = 14
) -> None:
    start = left
    while start < right:
        _stroke(pen, [(start, at), (min(start + long * 0.6, right), at)], colour, 3)
        start += long


def _names(pen: ImageDraw.ImageDraw, coloured: Sequence[tuple[Line, tuple]], x: float, y) -> None:
    """Every line's name at its right end; names that would overlap are moved apart, within the panel."""
    step = lettering.height(TEXT)
    ends = sorted(
        (y([v for v in line.values if math.isfinite(v)][-1]) - TEXT * 0.64, line.name, colour)
        for line, colour in coloured
    )
    tops = [min(top, HEIGHT - (len(ends) - i) * step) for i, (top, _, _) in enumerate(ends)]
    for i in range(1, len(tops)):
        tops[i] = max(tops[i], tops[i - 1] + step)
    for top, (_, name, colour) in zip(tops, ends):
        lettering.put(pen, x, top, name, TEXT, colour)
