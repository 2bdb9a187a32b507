"""The page of `gantoolkit data check`: facts, problems by kind, class shares, thumbnails. Self-contained."""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np

from gantoolkit.core import files
from gantoolkit.data.check import CheckReport, SampleSummary
from gantoolkit.data.prepare.problem import Problem
from gantoolkit.report.pictures import mask_picture, uri

LISTED = 20  # problems of one kind that are shown in full


def write(checked: CheckReport, path: str | Path) -> Path:
    """Write the page to `path`."""
    style = package_files("gantoolkit.report").joinpath("style.css").read_text(encoding="utf-8")
    body = "".join(
        f"<section><h2>{title}</h2>{content}</section>"
        for title, content in (
            ("Problems", problems(checked.problems)),
            ("Samples", "".join(map(sample, checked.shown))),
            ("Classes", shares(checked.shares)),
        )
    )
    head = (
        f'<p class="eyebrow">gantoolkit · data check</p><h1>{escape(checked.root.name)}</h1>'
        f'<p class="lead">{checked.samples} samples, {len(checked.problems)} problems, {checked.broken} of them '
        f"leave a sample out</p>{table(checked.facts.items())}"
    )
    return files.write_text(
        path,
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>data check</title>'
        f"<style>{style}\n.pair{{display:inline-block;margin:4px;width:200px;"
        f"vertical-align:top;font-size:12px}}</style></head><body><main>{head}{body}"
        "</main></body></html>\n",
    )


def kind(problem: Problem) -> str:
    """A problem without its numbers and names, so that equal ones gather."""
    return re.sub(r"/\S+|\d+", "…", problem.problem)


def problems(found: list[Problem]) -> str:
    """Problems gathered by kind, the first of each in full."""
    groups: dict[str, list[Problem]] = defaultdict(list)
    for problem in found:
        groups[kind(problem)].append(problem)
    parts = []
    for members in sorted(groups.values(), key=len, reverse=True):
        rows = [
            (p.name or "all", f"{p.problem}{' (left out)' if p.skipped else ''} {p.file}")
            for p in members[:LISTED]
        ]
        more = f"<p>… and {len(members) - LISTED} more</p>" if len(members) > LISTED else ""
        parts.append(
            f"<details{' open' if len(groups) < 4 else ''}><summary>{len(members)} × "
            f"{escape(members[0].problem[:120])}</summary>{table(rows)}{more}</details>"
        )
    return "".join(parts) or "<p>None.</p>"


def sample(seen: SampleSummary) -> str:
    """Image and mask side by side, the caption below."""
    shown = [
        p
        for p in (seen.image, None if seen.labels is None else _coloured(seen.labels))
        if p is not None
    ]
    pictures = "".join(f'<img src="{uri(p, "WEBP", quality=85)}" width="96" alt="">' for p in shown)
    return (
        f'<div class="pair">{pictures}<br>{escape(seen.name)}<br>{escape(seen.caption[:90])}</div>'
    )


def _coloured(labels: np.ndarray) -> np.ndarray:
    import torch

    return mask_picture(torch.from_numpy(labels.astype(np.int64)))


def shares(found: dict[str, tuple[float, float]]) -> str:
    """Share of pixels and of samples per class."""
    return table(
        (name, f"{pixels:.2%} of pixels, in {samples:.1%} of samples")
        for name, (pixels, samples) in found.items()
    )


def table(rows) -> str:
    cells = "".join(f"<tr><td>{escape(str(a))}</td><td>{escape(str(b))}</td></tr>" for a, b in rows)
    return f"<table>{cells}</table>"
