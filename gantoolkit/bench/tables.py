"""Records as Markdown, CSV and LaTeX: arrows, best and second best, intervals, conditions."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from gantoolkit.bench.suite import Row, Suite
from gantoolkit.bench.systems import NEEDS
from gantoolkit.core.types import Record, Score, Scores
from gantoolkit.report.tables import decimals, number

Line = tuple[Row, Record]
TITLES = {
    "fid": "FID",
    "kid": "KID",
    "lpips": "LPIPS",
    "ms_ssim": "MS-SSIM",
    "ssim": "SSIM",
    "id_gt": "ID",
    "edges": "edge F",
    "id_text": "ID text",
    "id_views": "ID views",
    "acc": "ACC",
    "miou_present": "mIoU present",
    "miou_all19": "mIoU all 19",
    "miou_confusion": "mIoU pooled",
    "clip": "CLIP",
    "text": "text",
    "attributes": "attributes",
    "attributes_prompt": "prompt's attributes",
    "precision": "precision",
    "recall": "recall",
    "depth_abs": "depth",
    "depth_shape": "depth shape",
    "reprojection": "reprojection",
}
SECONDS, MEMORY = "s / image", "peak MB"
PERCENT = (
    "edges",
    "acc",
    "miou_present",
    "miou_all19",
    "miou_confusion",
    "attributes",
    "attributes_prompt",
)
TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: rf"\{sign}" for sign in "%&_#${}"},
}
SHARED = ("resize", "network", "network_sha256", "split", "latent_source")


def scores_of(record: Record) -> Scores:
    """The scores of a row's record."""
    return next(iter(record.scores.values()), {})


def find(record: Record, column: str) -> Score | None:
    """The score of a column, whatever network measured it."""
    for name, score in scores_of(record).items():
        if name.partition("[")[0] == column:
            return score
    return None


def columns_of(suite: Suite, lines: Sequence[Line]) -> list[str]:
    """The suite's columns that some row has."""
    return [c for c in suite.columns if any(find(record, c) for _, record in lines)]


def inputs(record: Record) -> str:
    """What a row sees, in the order of NEEDS."""
    return ", ".join(need for need in NEEDS if need in record.config["needs"])


def group(record: Record) -> frozenset[str] | None:
    """Rows of one group are ranked together: equal inputs, wherever they are drawn from; None for photos."""
    needs = frozenset(record.config["needs"]) - {"camera"}
    return None if "image" in needs else needs


def scaled(column: str, score: Score) -> tuple[float, tuple[float, float] | None]:
    """Value and interval as tables print them: shares in per cent."""
    factor = 100 if column in PERCENT else 1
    return score.value * factor, score.interval and tuple(v * factor for v in score.interval)


def ranks(lines: Sequence[Line], column: str) -> dict[str, int]:
    """row name → 1 (best) or 2 of its group; none in a group of one, ties share."""
    found: dict[str, int] = {}
    for wanted in {group(record) for _, record in lines} - {None}:
        rated = [
            (row.name, score)
            for row, record in lines
            if group(record) == wanted
            and (score := find(record, column))
            and score.value == score.value
        ]
        if len(rated) < 2:
            continue
        sign = -1 if rated[0][1].higher_is_better else 1
        places = decimals(scaled(column, score)[0] for _, score in rated)
        printed = {name: round(sign * scaled(column, score)[0], places) for name, score in rated}
        for rank, value in enumerate(sorted(set(printed.values()))[:2], 1):
            found |= {name: rank for name, shown in printed.items() if shown == value}
    return found


def arrow(lines: Sequence[Line], column: str) -> str:
    """↑ or ↓"""
    score = next(score for _, record in lines if (score := find(record, column)))
    return "↑" if score.higher_is_better else "↓"


def quoted(text: str, lines: Sequence[Line]) -> str:
    """A text whose `{row:column}` are replaced by values as the table prints them; `{row:seconds}` by seconds."""
    known = {row.name: record for row, record in lines}

    def value(match: re.Match) -> str:
        record, column = known.get(match[1]), match[2]
        if record and column == "seconds":
            return f"{record.timings['seconds_per_image']:.2g}"
        if record is None or (score := find(record, column)) is None:
            return "–"
        places = decimals(scaled(column, s)[0] for _, r in lines if (s := find(r, column)))
        return number(scaled(column, score)[0], places)

    return re.sub(r"\{([\w.-]+):(\w+)\}", value, text)


def title(column: str) -> str:
    """A column's head."""
    return TITLES.get(column, column) + (" %" if column in PERCENT else "")


def cells(lines: Sequence[Line], column: str, mark) -> dict[str, str]:
    """row name → text of its cell; `mark(text, rank, interval)` sets off best and second best."""
    rank, found = ranks(lines, column), {}
    places = decimals(scaled(column, s)[0] for _, r in lines if (s := find(r, column)))
    for row, record in lines:
        score = find(record, column)
        if score is None:
            found[row.name] = "–"
            continue
        value, interval = scaled(column, score)
        between = f"{number(interval[0], places)}…{number(interval[1], places)}" if interval else ""
        found[row.name] = mark(number(value, places), rank.get(row.name, 0), between)
    return found


def _cell(text) -> str:
    """A text inside a Markdown table: on one line, its bars are no borders."""
    return " ".join(str(text).split()).replace("|", r"\|")


def _markdown_mark(text: str, rank: int, between: str) -> str:
    text = {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(rank, text)
    return f"{text}<br><sub>{between}</sub>" if between else text


def _latex_mark(text: str, rank: int, between: str) -> str:
    text = text.replace("−", "$-$")
    return {1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}.get(rank, text)


def speed(record: Record) -> tuple[str, str]:
    """Seconds per image, marked where the machine was shared, and peak memory."""
    if "seconds_per_image" not in record.timings:
        return "–", "–"
    seconds = record.timings["seconds_per_image"]
    shared = "*" if record.config.get("workers", 1) > 1 else ""
    return f"{seconds:.3g}{shared}", f"{record.timings['peak_memory_mb']:.0f}"


def markdown(suite: Suite, lines: Sequence[Line]) -> str:
    """The table of measured values; rows that see photos stand below a line of their own."""
    columns = columns_of(suite, lines)
    heads = [f"{title(c)} {arrow(lines, c)}" for c in columns]
    shown = {c: cells(lines, c, _markdown_mark) for c in columns}
    out = [
        "| "
        + " | ".join(["system", "model", "domain", "inputs", *heads, SECONDS + " ↓", MEMORY + " ↓"])
        + " |",
        "|" + "---|" * 4 + "---:|" * (len(columns) + 2),
    ]
    ranked = [line for line in lines if group(line[1]) is not None]
    for row, record in [*ranked, *(line for line in lines if line not in ranked)]:
        if ranked and record is next((r for _, r in lines if group(r) is None), None):
            out.append("| *outside the ranking, sees photos:*" + " |" * (len(columns) + 6))
        facts = map(
            _cell, [row.label, record.config["model"], record.config["domain"], inputs(record)]
        )
        out.append(
            "| "
            + " | ".join([*facts, *(shown[c][row.name] for c in columns), *speed(record)])
            + " |"
        )
    return "\n".join(out)


def conditions(lines: Sequence[Line]) -> str:
    """Under which conditions each score was measured."""
    out = [
        "| score | network | sha256 | resize | n | skipped | other |",
        "|---|---|---|---|---:|---|---|",
    ]
    names = list(dict.fromkeys(name for _, record in lines for name in scores_of(record)))
    for name in names:
        having = [
            (row, record.scores[row.name][name])
            for row, record in lines
            if name in record.scores[row.name]
        ]
        said = having[0][1].conditions
        other = ", ".join(f"{k} {v}" for k, v in said.items() if k not in (*SHARED, "skipped"))
        skipped = ", ".join(
            f"{row.name} {s.conditions['skipped']}"
            for row, s in having
            if s.conditions.get("skipped")
        )
        counts = sorted({score.n for _, score in having})
        n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"
        resized = sorted({str(score.conditions.get("resize", "none")) for _, score in having})
        row = [
            f"`{name}`",
            said.get("network", "–"),
            str(said.get("network_sha256", "–"))[:12],
            ", ".join(resized),
            n,
            skipped or "0",
            other or "–",
        ]
        out.append("| " + " | ".join(map(_cell, row)) + " |")
    return "\n".join(out)


def tidy(lines: Sequence[Line]) -> str:
    """CSV, one value of seven digits per line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", "label", "inputs", "score", "value", "low", "high", "n", "better"])
    for row, record in lines:
        facts = [row.name, row.label, inputs(record)]
        for name, score in scores_of(record).items():
            values = [f"{value:.7g}" for value in (score.value, *(score.interval or ()))]
            writer.writerow(
                [
                    *facts,
                    name,
                    *values,
                    *[""] * (3 - len(values)),
                    score.n,
                    "higher" if score.higher_is_better else "lower",
                ]
            )
        for name, value in record.timings.items():
            writer.writerow([*facts, name, f"{value:.7g}", "", "", record.config["pairs"], "lower"])
    return out.getvalue()


def latex(suite: Suite, lines: Sequence[Line]) -> str:
    """A booktabs table of the values without their intervals."""
    columns = columns_of(suite, lines)
    arrows = {"↑": r"$\uparrow$", "↓": r"$\downarrow$"}
    heads = [f"{_tex(title(c))} {arrows[arrow(lines, c)]}" for c in columns]
    shown = {c: cells(lines, c, _latex_mark) for c in columns}
    body = [" & ".join(["system", "inputs", *heads, SECONDS, MEMORY]) + r" \\"]
    for row, record in lines:
        values = [shown[c][row.name] for c in columns]
        body.append(
            " & ".join([_tex(row.label), _tex(inputs(record)), *values, *speed(record)]) + r" \\"
        )
    return "\n".join(
        [
            rf"% {' '.join(suite.title.split())}; made by gantoolkit bench, do not edit",
            r"\begin{tabular}{ll" + "r" * (len(columns) + 2) + "}",
            r"\toprule",
            body[0],
            r"\midrule",
            *body[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _tex(text: str) -> str:
    """A text inside a LaTeX table."""
    return "".join(TEX.get(sign, sign) for sign in text)


def published(paper: dict) -> str:
    """The paper's own table as Markdown."""
    heads = paper["columns"]
    out = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    out += [
        "| " + " | ".join("–" if v is None else _cell(v) for v in row) + " |"
        for row in paper["rows"]
    ]
    return "\n".join(out)
