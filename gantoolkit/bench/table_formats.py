"""A suite's tables as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from gantoolkit.bench.suite import Suite
from gantoolkit.bench.tables import (
    MeasuredRow,
    arrow,
    column_title,
    format_rows,
    format_speed,
    inputs_of,
    measured_columns,
    ranking_group,
    scores_of,
)
from gantoolkit.core.types import Score

SECONDS, MEMORY = "s / image", "peak MB"
TEX_ARROWS = {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "→ 1": r"$\to 1$"}
TEX_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: rf"\{sign}" for sign in "%&_#${}"},
}
# Conditions that have a column of their own, or stand once on the page.
OWN_COLUMNS = (
    *("resize", "network", "network_sha256", "skipped"),
    *("split", "latent_source", "captions", "seeds"),
)


def markdown_table(suite: Suite, rows: Sequence[MeasuredRow]) -> str:
    """Format the measured values; rows that see the photo stand below a line that says so."""
    columns = measured_columns(suite, rows)
    heads = [f"{column_title(column)} {arrow(rows, column)}" for column in columns]
    cells = format_rows(rows, columns, _mark_markdown)

    def line(measured: MeasuredRow) -> str:
        row, record = measured
        facts = [row.label, record.config["model"], record.config["domain"], inputs_of(record)]
        facts = map(_markdown_text, facts)
        return _markdown_line([*facts, *cells[row.name], *format_speed(record)])

    ranked = [measured for measured in rows if ranking_group(measured.record) is not None]
    outside = [measured for measured in rows if ranking_group(measured.record) is None]
    table = [
        _markdown_line(
            ["system", "model", "domain", "inputs", *heads, f"{SECONDS} ↓", f"{MEMORY} ↓"]
        ),
        "|" + "---|" * 4 + "---:|" * (len(columns) + 2),
        *map(line, ranked),
    ]
    if ranked and outside:
        table.append("| *outside the ranking, sees photos:*" + " |" * (len(columns) + 6))
    return "\n".join([*table, *map(line, outside)])


def _markdown_line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_text(text) -> str:
    """Put a text on one line and escape its bars, so that it stays in its cell."""
    return " ".join(str(text).split()).replace("|", r"\|")


def _mark_markdown(value: str, rank: int, interval: str) -> str:
    marked = {1: f"**{value}**", 2: f"<u>{value}</u>"}.get(rank, value)
    return f"{marked}<br><sub>{interval}</sub>" if interval else marked


def conditions_table(rows: Sequence[MeasuredRow]) -> str:
    """Format under which conditions each score was measured, as Markdown."""
    table = [
        "| score | network | sha256 | resize | n | skipped | other |",
        "|---|---|---|---|---:|---|---|",
    ]
    by_name: dict[str, dict[str, Score]] = {}  # score → row → its value
    for row, record in rows:
        for name, score in scores_of(record).items():
            by_name.setdefault(name, {})[row.name] = score
    for name, scores in by_name.items():
        table.append(_markdown_line(map(_markdown_text, _conditions(name, scores))))
    return "\n".join(table)


def _conditions(name: str, scores: dict[str, Score]) -> list[str]:
    """Return the cells of one score in the table of conditions; scores: row name → score."""
    first = next(iter(scores.values())).conditions
    resizes = sorted({str(score.conditions.get("resize", "none")) for score in scores.values()})
    counts = sorted({score.n for score in scores.values()})
    skipped = []
    for row, score in scores.items():
        if score.conditions.get("skipped"):
            skipped.append(f"{row} {score.conditions['skipped']}")
    other = [f"{key} {value}" for key, value in first.items() if key not in OWN_COLUMNS]
    return [
        f"`{name}`",
        first.get("network", "–"),
        str(first.get("network_sha256", "–"))[:12],
        ", ".join(resizes),
        str(counts[0]) if len(counts) == 1 else f"{counts[0]}–{counts[-1]}",
        ", ".join(skipped) or "0",
        ", ".join(other) or "–",
    ]


def paper_table(paper: dict) -> str:
    """Format the paper's own table as Markdown."""
    columns = paper["columns"]
    table = [_markdown_line(columns), "|" + "---|" * len(columns)]
    for row in paper["rows"]:
        cells = ["–" if cell is None else _markdown_text(cell) for cell in row]
        table.append(_markdown_line(cells))
    return "\n".join(table)


def csv_table(rows: Sequence[MeasuredRow]) -> str:
    """Format one value of seven digits per line, as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", "label", "inputs", "score", "value", "low", "high", "n", "better"])
    for row, record in rows:
        facts = [row.name, row.label, inputs_of(record)]
        for name, score in scores_of(record).items():
            low, high = (f"{bound:.7g}" for bound in score.interval) if score.interval else ("", "")
            value = f"{score.value:.7g}"
            writer.writerow([*facts, name, value, low, high, score.n, score.better])
        for name, value in record.timings.items():
            writer.writerow([*facts, name, f"{value:.7g}", "", "", record.config["pairs"], "lower"])
    return out.getvalue()


def latex_table(suite: Suite, rows: Sequence[MeasuredRow]) -> str:
    """Format the values without their intervals, as a booktabs table."""
    columns = measured_columns(suite, rows)
    heads = [
        f"{_latex_text(column_title(column))} {TEX_ARROWS[arrow(rows, column)]}"
        for column in columns
    ]
    cells = format_rows(rows, columns, _mark_latex)
    body = []
    for row, record in rows:
        facts = [_latex_text(row.label), _latex_text(inputs_of(record))]
        body.append(_latex_line([*facts, *cells[row.name], *format_speed(record)]))
    return "\n".join(
        [
            rf"% {' '.join(suite.title.split())}; made by gantoolkit bench, do not edit",
            r"\begin{tabular}{ll" + "r" * (len(columns) + 2) + "}",
            r"\toprule",
            _latex_line(["system", "inputs", *heads, SECONDS, MEMORY]),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _latex_line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_text(text: str) -> str:
    """Escape the signs of a text that LaTeX would read as commands."""
    return "".join(TEX_SIGNS.get(sign, sign) for sign in text)


def _mark_latex(value: str, rank: int, interval: str) -> str:
    value = value.replace("−", "$-$")
    return {1: rf"\textbf{{{value}}}", 2: rf"\underline{{{value}}}"}.get(rank, value)
