"""What tables print of records: columns, ranks among equal inputs, values with their intervals."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gantoolkit.bench.suite import Suite, SuiteRow
from gantoolkit.bench.systems import NEEDS
from gantoolkit.core.types import Record, Score, Scores
from gantoolkit.metrics.titles import metric_title
from gantoolkit.report.tables import decimals, number

PERCENT = (
    "edges",
    "acc",
    "miou_present",
    "miou_all19",
    "miou_confusion",
    "attributes",
    "attributes_prompt",
    "diversity_acc_seeds",
    "diversity_acc_conditions",
)


class MeasuredRow(NamedTuple):
    """A row of a suite with its record."""

    row: SuiteRow
    record: Record


def scores_of(record: Record) -> Scores:
    """Return the scores of a row's record."""
    return next(iter(record.scores.values()), {})


def find_score(record: Record, column: str) -> Score | None:
    """Find the score of a column, whatever network measured it."""
    for name, score in scores_of(record).items():
        if name.partition("[")[0] == column:
            return score
    return None


def column_scores(rows: Sequence[MeasuredRow], column: str) -> dict[str, Score]:
    """Return row name → score of a column, for the rows that have one."""
    scores = {}
    for row, record in rows:
        score = find_score(record, column)
        if score is not None:
            scores[row.name] = score
    return scores


def measured_columns(suite: Suite, rows: Sequence[MeasuredRow]) -> list[str]:
    """Return the suite's columns that at least one row has."""
    return [column for column in suite.columns if column_scores(rows, column)]


def column_title(column: str) -> str:
    """Return the head of a column, with its unit."""
    return metric_title(column) + (" %" if column in PERCENT else "")


def arrow(rows: Sequence[MeasuredRow], column: str) -> str:
    """Return ↑ where higher is better, ↓ where lower is, "→ 1" where 1 is best."""
    return next(iter(column_scores(rows, column).values())).arrow


def inputs_of(record: Record) -> str:
    """List what a row sees, in the order of NEEDS."""
    return ", ".join(need for need in NEEDS if need in record.config["needs"])


def ranking_group(record: Record) -> frozenset[str] | None:
    """Return a row's inputs without the camera: rows of equal ones are ranked together.

    None if it sees the photo.
    """
    needs = frozenset(record.config["needs"]) - {"camera"}
    return None if "image" in needs else needs


def ranks(rows: Sequence[MeasuredRow], column: str) -> dict[str, int]:
    """Return row name → 1 (best) or 2 (second best) within its group; ties as printed share a rank.

    A group of one is not ranked.
    """
    groups: dict[frozenset[str], dict[str, Score]] = {}
    for row, record in rows:
        group, score = ranking_group(record), find_score(record, column)
        if group is not None and score is not None and not math.isnan(score.value):
            groups.setdefault(group, {})[row.name] = score

    ranks: dict[str, int] = {}
    for scores in groups.values():
        if len(scores) < 2:
            continue
        values = {name: printed_value(column, score)[0] for name, score in scores.items()}
        places = decimals(values.values())
        printed = {name: round(value, places) for name, value in values.items()}
        penalty = next(iter(scores.values())).penalty
        best = sorted(set(printed.values()), key=penalty)
        for rank, value in enumerate(best[:2], 1):
            for name in printed:
                if printed[name] == value:
                    ranks[name] = rank
    return ranks


def printed_value(column: str, score: Score) -> tuple[float, tuple[float, float] | None]:
    """Return value and interval as tables print them: shares in per cent.

    >>> printed_value("acc", Score(0.5, n=8, higher_is_better=True, interval=(0.25, 0.75)))
    (50.0, (25.0, 75.0))
    """
    factor = 100 if column in PERCENT else 1
    interval = score.interval and tuple(bound * factor for bound in score.interval)
    return score.value * factor, interval


def _places(rows: Sequence[MeasuredRow], column: str) -> int:
    """Return the decimals of a column, the same in all its rows."""
    scores = column_scores(rows, column).values()
    return decimals(printed_value(column, score)[0] for score in scores)


def format_cells(
    rows: Sequence[MeasuredRow], column: str, mark: Callable[[str, int, str], str]
) -> dict[str, str]:
    """Return row name → text of its cell in a column, "–" without a score.

    mark  called with value, rank (1, 2 or 0) and interval; formats the best and the second best
    """
    scores = column_scores(rows, column)
    rank = ranks(rows, column)
    places = _places(rows, column)
    cells = {}
    for row, _ in rows:
        if row.name not in scores:
            cells[row.name] = "–"
            continue
        value, interval = printed_value(column, scores[row.name])
        bounds = [number(bound, places) for bound in interval or ()]
        cells[row.name] = mark(number(value, places), rank.get(row.name, 0), "…".join(bounds))
    return cells


def format_rows(
    rows: Sequence[MeasuredRow], columns: Sequence[str], mark: Callable[[str, int, str], str]
) -> dict[str, list[str]]:
    """Return row name → texts of its cells in all columns; `mark` as in `format_cells`."""
    cells: dict[str, list[str]] = {row.name: [] for row, _ in rows}
    for column in columns:
        for name, text in format_cells(rows, column, mark).items():
            cells[name].append(text)
    return cells


def format_speed(record: Record) -> tuple[str, str]:
    """Return seconds per image, marked where the machine was shared, and peak memory."""
    if "seconds_per_image" not in record.timings:
        return "–", "–"
    seconds = record.timings["seconds_per_image"]
    shared = "*" if record.config.get("workers", 1) > 1 else ""
    return f"{seconds:.3g}{shared}", f"{record.timings['peak_memory_mb']:.0f}"


def fill_reading(text: str, rows: Sequence[MeasuredRow]) -> str:
    """Replace every `{row:column}` of a text by the value as the table prints it, "–" without one.

    `{row:seconds}` becomes the row's seconds per image.
    """
    records = {row.name: record for row, record in rows}

    def value(match: re.Match) -> str:
        record, column = records.get(match[1]), match[2]
        if record is None:
            return "–"
        if column == "seconds":
            return f"{record.timings['seconds_per_image']:.2g}"
        score = find_score(record, column)
        if score is None:
            return "–"
        return number(printed_value(column, score)[0], _places(rows, column))

    return re.sub(r"\{([\w.-]+):(\w+)\}", value, text)
