"""The self-contained page of `gantoolkit data check`: facts, problems, class shares, thumbnails."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from html import escape
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np

from gantoolkit.core import files
from gantoolkit.data.check_report import CheckReport, SampleSummary
from gantoolkit.data.prepare.problem import Problem
from gantoolkit.report.markup import details, tag
from gantoolkit.report.pictures import data_uri, mask_picture

LISTED_PROBLEMS = 20  # of one kind, shown in full
FEW_KINDS = 4  # fewer kinds of problems are shown open
PAIR_STYLE = ".pair{display:inline-block;margin:4px;width:200px;vertical-align:top;font-size:12px}"


def write(report: CheckReport, path: str | Path) -> Path:
    """Write the page of a report to `path`."""
    style = package_files("gantoolkit.report").joinpath("style.css").read_text(encoding="utf-8")
    sections = {
        "Problems": problems(report.problems),
        "Samples": "".join(map(sample, report.examples)),
        "Classes": class_shares(report.class_shares),
    }
    body = _head(report)
    for title, content in sections.items():
        body += tag("section", tag("h2", title) + content)
    return files.write_text(
        path,
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>data check</title>'
        f"<style>{style}\n{PAIR_STYLE}</style></head><body><main>{body}</main></body></html>\n",
    )


def _head(report: CheckReport) -> str:
    counts = (
        f"{report.samples} samples, {len(report.problems)} problems, {report.broken} of them "
        "leave a sample out"
    )
    return (
        tag("p", "gantoolkit · data check", class_="eyebrow")
        + tag("h1", escape(report.root.name))
        + tag("p", counts, class_="lead")
        + _table(report.facts.items())
    )


def problem_kind(problem: Problem) -> str:
    """Return a problem without its numbers and names, by which equal ones are grouped."""
    return re.sub(r"/\S+|\d+", "…", problem.problem)


def problems(all_problems: Iterable[Problem]) -> str:
    """Return the problems grouped by kind, the first of each in full."""
    by_kind: dict[str, list[Problem]] = defaultdict(list)
    for problem in all_problems:
        by_kind[problem_kind(problem)].append(problem)
    if not by_kind:
        return tag("p", "None.")

    content = ""
    for members in sorted(by_kind.values(), key=len, reverse=True):
        title = f"{len(members)} × {members[0].problem[:120]}"
        listed = _table(_problem_row(problem) for problem in members[:LISTED_PROBLEMS])
        if len(members) > LISTED_PROBLEMS:
            listed += tag("p", f"… and {len(members) - LISTED_PROBLEMS} more")
        content += details(title, listed, is_open=len(by_kind) < FEW_KINDS)
    return content


def _problem_row(problem: Problem) -> tuple[str, str]:
    left_out = " (left out)" if problem.skipped else ""
    return problem.name or "all", f"{problem.problem}{left_out} {problem.file}"


def sample(summary: SampleSummary) -> str:
    """Return a sample's image and mask side by side, its caption below."""
    pictures = []
    if summary.image is not None:
        pictures.append(summary.image)
    if summary.labels is not None:
        pictures.append(_label_picture(summary.labels))

    content = ""
    for picture in pictures:
        uri = data_uri(picture, "WEBP", quality=85)
        content += f'<img src="{uri}" width="96" alt="">'
    content += f"<br>{escape(summary.name)}<br>{escape(summary.caption[:90])}"
    return tag("div", content, class_="pair")


def _label_picture(labels: np.ndarray) -> np.ndarray:
    import torch

    return mask_picture(torch.from_numpy(labels.astype(np.int64)))


def class_shares(shares: dict[str, tuple[float, float]]) -> str:
    """Return the share of pixels and of samples of every class."""
    rows = []
    for name, (of_pixels, of_samples) in shares.items():
        rows.append((name, f"{of_pixels:.2%} of pixels, in {of_samples:.1%} of samples"))
    return _table(rows)


def _table(rows: Iterable[tuple[object, object]]) -> str:
    content = ""
    for name, value in rows:
        content += tag("tr", tag("td", escape(str(name))) + tag("td", escape(str(value))))
    return tag("table", content)
