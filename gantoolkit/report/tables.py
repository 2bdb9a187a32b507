"""Scores, timings, settings and environment as HTML tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from html import escape
from typing import Any

from gantoolkit.core.types import Record, Score, Scores
from gantoolkit.metrics.titles import metric_title
from gantoolkit.report.markup import column_head, row_head, table, tag
from gantoolkit.report.record import CEILING, DIFFUSED, FLOOR, MAPPED, RUN, gap_closed

SYSTEM_TITLES = {  # of systems whose names are not plain text
    MAPPED: "G(w<sup>m</sup>)",
    DIFFUSED: "I<sup>d</sup><sub>0</sub>",
}
SYSTEM_ROLES = {
    FLOOR: "floor",
    DIFFUSED: "the diffusion model",
    MAPPED: "M only",
    RUN: "this run",
    CEILING: "ceiling",
}
GAP_TITLE = "gap closed"
DIGEST_LENGTH = 12  # digits of a sha256 that are shown


def title(metric: str) -> str:
    """Return a metric's title in HTML; "fid[judge]" was measured by the network "judge"."""
    name, _, network = metric.rstrip("]").partition("[")
    shown = escape(metric_title(name))
    return f"{shown} <small>{escape(network)}</small>" if network else shown


def decimals(values: Iterable[float]) -> int:
    """Return the decimals (1 to 4) that give the largest value three significant digits."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0:
        return 1
    return min(max(2 - math.floor(math.log10(largest)), 1), 4)


def number(value: float | None, places: int | None = None) -> str:
    """Return a number with `places` decimals, by default three significant digits.

    A missing value or one that is not finite is a dash.
    """
    if value is None or not math.isfinite(value):
        return "–"
    if places is None:
        places = decimals([value])
    return f"{value:.{places}f}".replace("-", "−")


def seconds(value: float) -> str:
    """Return a duration in the unit that a person reads at once."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{int(value // 60)} min {int(value % 60):02d} s"


def percent(share: float) -> str:
    """Return a share as whole percent in HTML."""
    return f"{100 * share:.0f}&thinsp;%".replace("-", "−")


def in_order(systems: dict[str, Scores]) -> list[str]:
    """Return the systems' names: the floor, others as they come, M only, the run, the ceiling."""
    placed = (FLOOR, MAPPED, RUN, CEILING)
    others = [name for name in systems if name not in placed]
    return [name for name in (FLOOR, *others, MAPPED, RUN, CEILING) if name in systems]


def metrics_of(systems: dict[str, Scores]) -> dict[str, Score]:
    """Return one score of every metric, the run's own where it has one.

    Tables read a metric's direction and conditions off it.
    """
    examples: dict[str, Score] = {}
    for scores_of_system in systems.values():
        for metric, score in scores_of_system.items():
            examples[metric] = systems.get(RUN, {}).get(metric, score)
    return examples


def gap(record: Record, metric: str, system: str = RUN) -> float | None:
    """Return the share of the gap between floor and ceiling that a system closes in one metric."""
    return gap_closed(
        *(record.scores.get(name, {}).get(metric) for name in (FLOOR, system, CEILING))
    )


def scores(record: Record) -> str:
    """Return metrics as rows and systems as columns, with the gap closed as a bar.

    Cells carry their column's name, under which style.css stacks them on narrow screens.
    """
    systems = in_order(record.scores)
    has_gap = FLOOR in systems and CEILING in systems

    heads = [column_head("metric")]
    for name in systems:
        system_title = SYSTEM_TITLES.get(name, escape(name))
        role = tag("small", SYSTEM_ROLES.get(name, ""))
        heads.append(column_head(system_title + role, _number_class(name)))
    if has_gap:
        heads.append(column_head(f"{GAP_TITLE}<small>0 = floor, 100&thinsp;% = ceiling</small>"))

    rows = []
    for metric, example in metrics_of(record.scores).items():
        row = _score_row(record, metric, systems, example)
        if has_gap:
            row += tag("td", _gap_bar(gap(record, metric)), data_label=GAP_TITLE)
        rows.append(row)
    return table(rows, heads, class_="scores" if len(systems) > 1 else "")


def _score_row(record: Record, metric: str, systems: Iterable[str], example: Score) -> str:
    arrow = tag("abbr", example.arrow, title=f"{example.better} is better")
    head = row_head(f"{title(metric)} {arrow}")

    by_system = {name: record.scores[name].get(metric) for name in systems}
    places = decimals(score.value for score in by_system.values() if score)
    cells = []
    for name, score in by_system.items():
        value = score.value if score else None
        text = number(value, places)
        cells.append(tag("td", text, class_=_number_class(name), data_label=_plain_title(name)))
    return head + "".join(cells)


def _plain_title(system: str) -> str:
    role = SYSTEM_ROLES.get(system)
    return f"{system} ({role})" if role else system


def _number_class(system: str) -> str:
    return "num run" if system == RUN else "num"


def conditions(record: Record) -> str:
    """Return under which conditions each metric was measured: first what is the same for all."""
    metrics = metrics_of(record.scores)
    conditions_of = {name: {"n": score.n} | score.conditions for name, score in metrics.items()}
    keys = list(dict.fromkeys(key for found in conditions_of.values() for key in found))

    shared = []
    differing = []
    for key in keys:
        texts = {_condition_text(key, found.get(key)) for found in conditions_of.values()}
        if len(texts) == 1:
            shared.append(f"{key.replace('_', ' ')} {texts.pop()}")
        else:
            differing.append(key)
    same = tag("p", f"The same for all: {escape(', '.join(shared))}.") if shared else ""

    heads = [column_head("metric")]
    heads += [column_head(escape(key.replace("_", " "))) for key in differing]
    rows = []
    for metric, found in conditions_of.items():
        cells = [tag("td", escape(_condition_text(key, found.get(key)))) for key in differing]
        rows.append(row_head(title(metric)) + "".join(cells))
    return same + (table(rows, heads) if differing else "")


def timings(stages: dict[str, float]) -> str:
    """Return the seconds of every stage, with bars to scale."""
    longest = max(stages.values(), default=0.0) or 1.0
    rows = []
    for name, duration in stages.items():
        bar = tag("td", _bar(duration / longest), class_="wide")
        rows.append(row_head(escape(name)) + tag("td", seconds(duration), class_="num") + bar)
    return table(rows, class_="timings")


def key_values(values: dict[str, Any]) -> str:
    """Return names and values, one pair a row."""
    rows = []
    for key, value in values.items():
        rows.append(row_head(escape(str(key))) + tag("td", tag("code", escape(_text(value)))))
    return table(rows, class_="pairs")


def settings(config: dict[str, Any]) -> str:
    """Return a resolved config as indented lines of key = value."""
    return tag("pre", "\n".join(_setting_lines(config, 0)), class_="config")


def _setting_lines(config: dict[str, Any], depth: int) -> list[str]:
    lines = []
    for key, value in config.items():
        name = f"{'  ' * depth}{tag('b', escape(str(key)))}"
        if isinstance(value, dict) and value:
            lines.append(name)
            lines += _setting_lines(value, depth + 1)
        else:
            lines.append(f"{name} = {escape(_text(value))}")
    return lines


def _gap_bar(share: float | None) -> str:
    if share is None:
        return tag("span", "–", class_="none")
    return tag("span", _bar(min(max(share, 0.0), 1.0)) + percent(share), class_="share")


def _bar(share: float) -> str:
    """Return a bar whose length is `share` (0 to 1) of its cell."""
    return tag("span", tag("i", style=f"width:{100 * share:.1f}%"), class_="bar")


def _condition_text(key: str, value: Any) -> str:
    text = _text(value)
    return text[:DIGEST_LENGTH] if key.endswith("sha256") else text


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
