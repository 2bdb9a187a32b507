"""The plots of a record of scaling.py: seconds, with what the work would take, and memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scaling_tables import COUNTED, picture

from gantoolkit.report.score_panels import COLORS, GRID_COLOR

SIZE = (9.0, 3.4)  # inches


def draw_all(record: dict, folder: Path) -> list[Path]:
    """Draw the plot of every question of a record beside the page in `folder`."""
    paths = []
    for question in COUNTED:
        sweeps = [sweep for sweep in record["sweeps"] if sweep["question"] == question]
        if sweeps:
            paths.append(folder / picture(question))
            draw(sweeps, paths[-1])
    return paths


def draw(sweeps: Sequence[dict], path: Path) -> None:
    """Draw one question's sweeps, both axes logarithmic, into an image file.

    Dashed is the work, scaled to the last seconds: a line below it grows faster than its work.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heading, unit = COUNTED[sweeps[0]["question"]]
    figure = Figure(figsize=SIZE, dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    seconds, memory = figure.subplots(1, 2)
    for sweep, color in zip(sweeps, COLORS):
        rows = sweep["rows"]
        values = [row["value"] for row in rows]
        times = [row["seconds"]["least"] for row in rows]
        per_work = times[-1] / rows[-1]["work"]
        seconds.plot(values, times, color=color, marker="o", label=sweep["title"])
        seconds.plot(values, [per_work * row["work"] for row in rows], "--", color=color)
        if all(row["peak"] is not None for row in rows):
            peaks = [max(row["peak"], 1.0) for row in rows]  # the axis has no zero
            memory.plot(values, peaks, color=color, marker="o")
    for axes, title in ((seconds, "seconds (dashed: as the work)"), (memory, "peak MB")):
        _finish(axes, f"{heading}: {title}", unit, [row["value"] for row in sweeps[0]["rows"]])
    seconds.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, pil_kwargs=dict(quality=90))


def _finish(axes, title: str, unit: str, values: Sequence[int]) -> None:
    """Label logarithmic axes, with a tick at every value."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(values, [f"{value:,}" for value in values])
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(unit)
    axes.grid(color=GRID_COLOR)
    axes.spines[["top", "right"]].set_visible(False)
