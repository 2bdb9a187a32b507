"""Small plots whose points stand below the columns of a sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gantoolkit.report.figure_sheets import MARGIN
from gantoolkit.report.pixel_canvas import INK, MUTED_INK, PixelCanvas, line_height

PANEL_HEIGHT = 184  # pixels
PADDING = 22  # above and below the axis, in pixels
TEXT_SIZE = 25  # pixels
TICK_SIZE = 14  # points
COLORS = ("#1f5aa6", "#d66e14", "#60646c")  # of lines, in order; readable without color vision
GRID_COLOR = "#e2e4e8"


@dataclass(frozen=True)
class ScoreLine:
    """A score at every place of a panel."""

    name: str
    values: Sequence[float]  # missing ones are not finite
    low: Sequence[float] = ()  # ends of each value's interval
    high: Sequence[float] = ()
    is_level: bool = False  # one value for all places, drawn dashed

    @property
    def finite_values(self) -> list[float]:
        """The values that are numbers."""
        return [value for value in self.values if math.isfinite(value)]


def score_panel(
    title: str, lines: Sequence[ScoreLine], places: Sequence[float], width: int, left: int
) -> np.ndarray:
    """Draw one plot [PANEL_HEIGHT,width,3] of uint8.

    The title begins at the left edge, the axis at `left`, and points stand at `places`, all in
    pixels. Lines without a finite value are left out.
    """
    step = (places[-1] - places[0]) / max(len(places) - 1, 1)
    right = places[-1] + step / 2
    canvas = PixelCanvas(width, PANEL_HEIGHT)
    axes = _add_axes(canvas, left, right)

    drawn = [(line, color) for line, color in zip(lines, COLORS) if line.finite_values]
    for line, color in drawn:
        _draw_line(axes, line, color, places)

    for index, text in enumerate(title.split("\n")):
        top = PANEL_HEIGHT / 2 + (index - 1) * line_height(TEXT_SIZE)
        canvas.text(text, MARGIN, top, TEXT_SIZE, MUTED_INK if index else INK)
    _name_lines(canvas, axes, drawn, right + 10)
    return canvas.render()


def _add_axes(canvas: PixelCanvas, left: float, right: float):
    """Add axes whose x is pixels of the panel."""
    from matplotlib.ticker import MaxNLocator

    box = (
        left / canvas.width,
        PADDING / PANEL_HEIGHT,
        (right - left) / canvas.width,
        1 - 2 * PADDING / PANEL_HEIGHT,
    )
    axes = canvas.figure.add_axes(box)
    axes.set_xlim(left, right)
    axes.margins(y=0.06)
    axes.set_xticks([])
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="y", length=0, labelsize=TICK_SIZE, labelcolor=MUTED_INK)
    axes.grid(axis="y", color=GRID_COLOR)
    axes.set_axisbelow(True)
    axes.set_frame_on(False)
    return axes


def _draw_line(axes, line: ScoreLine, color: str, places: Sequence[float]) -> None:
    """Draw dots joined by a line over the band of their intervals, or one dashed level."""
    if line.is_level:
        axes.axhline(line.values[0], color=color, linewidth=2, linestyle="--")
        return
    axes.plot(places, line.values, color=color, linewidth=2, marker="o", markersize=7)
    if line.low:
        axes.fill_between(places, line.low, line.high, color=color, alpha=0.16, linewidth=0)


def _name_lines(
    canvas: PixelCanvas, axes, drawn: Sequence[tuple[ScoreLine, str]], x: float
) -> None:
    """Write every line's name at its right end; names that would overlap are moved apart."""
    step = line_height(TEXT_SIZE)
    names = []
    for line, color in drawn:
        _, from_bottom = axes.transData.transform((0, line.finite_values[-1]))
        names.append((PANEL_HEIGHT - from_bottom - step / 2, line.name, color))
    names.sort()

    lowest_top = -math.inf
    for index, (top, name, color) in enumerate(names):
        room_below = (len(names) - index) * step
        top = max(min(top, PANEL_HEIGHT - room_below), lowest_top)
        canvas.text(name, x, top, TEXT_SIZE, color)
        lowest_top = top + step
