"""The tables of a record of scaling.py: one per question, and a sentence per job."""

from __future__ import annotations

import math

import growth
from markdown_table import aligned

COUNTED = {  # question → heading, what its values count
    "batch": ("Pictures at a time", "pictures"),
    "steps": ("Denoising steps", "steps"),
    "rays": ("Rays of EG3D", "rays"),
    "resolution": ("Pixels per side", "px"),
    "samples": ("Cached samples", "samples"),
    "processes": ("Processes that train", "processes"),
}
ABOUT = (
    "Seconds are the least of the rounds, beside them the median. *n^* is the exponent of growth "
    "since the row above, of the seconds and of the work: log(ratio of seconds) / log(ratio of "
    "n). Work is counted in Gflop of products, convolutions and attention unless the table says "
    "otherwise. *Peak* is resident memory beyond what was taken before; with processes, the "
    "whole of the largest one."
)


def scaling(record: dict) -> str:
    """Format all of a record as Markdown; plots are named and lie beside the page."""
    parts = [setting(record), "", ABOUT]
    for question, (heading, _) in COUNTED.items():
        sweeps = [sweep for sweep in record["sweeps"] if sweep["question"] == question]
        if sweeps:
            parts += ["", f"### {heading}", ""]
            parts += [f"- {verdict(sweep)}" for sweep in sweeps]
            parts += [
                "",
                table(sweeps),
                "",
                f"![{heading}: seconds and memory]({picture(question)})",
            ]
    return "\n".join(parts)


def picture(question: str) -> str:
    """Return the path of a question's plot, from the page."""
    return f"pictures/scaling-{question}.webp"


def setting(record: dict) -> str:
    """Say where, when and how the record was made."""
    machine = record["machine"]
    dates = dict.fromkeys(sweep["date"] for sweep in record["sweeps"])
    others = max(sweep["others"] for sweep in record["sweeps"])
    quick = " The quick form, of few and small values." if record["quick"] else ""
    return (
        f"{'; '.join(dates)}, {machine['cpu']}, {machine['threads']} of {machine['cores']} cores, "
        f"torch {machine['torch']}. Random weights at the embedded sizes. Other processes took at "
        f"most {100 * others:.0f} % of the machine meanwhile.{quick}"
    )


def verdict(sweep: dict) -> str:
    """Say in one sentence how a job grows, against its work."""
    found = growth.exponents(sweep)
    faster = "faster than the work" if growth.grows_faster(sweep) else "not faster than the work"
    memory = "" if found["peak"] is None else f"; peak memory as n^{found['peak']:.2f}"
    return (
        f"{sweep['title']}: seconds grow as n^{found['seconds']:.2f}, the work as "
        f"n^{found['work']:.2f}: {faster}{memory}."
    )


def table(sweeps: list[dict]) -> str:
    """Format the rows of one question's sweeps."""
    unit = COUNTED[sweeps[0]["question"]][1]
    head = [f"job, {unit}", "s", "median s", "n^", "work", "its n^", "peak MB"]
    rows = []
    for sweep in sweeps:
        before = None
        for row in sweep["rows"]:
            rows.append(cells(sweep, row, before))
            before = row
    return aligned(head, rows)


def cells(sweep: dict, row: dict, before: dict | None) -> list[str]:
    """Format one row; `before` is the row above of the same job."""
    seconds = row["seconds"]
    steps = ["", ""]
    if before is not None:
        values = row["value"] / before["value"]
        steps = [
            step(values, seconds["least"] / before["seconds"]["least"]),
            step(values, row["work"] / before["work"]),
        ]
    return [
        f"{sweep['title']}, {row['value']:,}",
        f"{seconds['least']:.4g}",
        f"{seconds['median']:.4g}",
        steps[0],
        f"{row['work']:.4g} {sweep['unit']}",
        steps[1],
        "" if row["peak"] is None else f"{row['peak']:.0f}",
    ]


def step(values: float, amounts: float) -> str:
    """Write the exponent between two rows, from the ratios of their values and amounts."""
    return f"{math.log(amounts) / math.log(values):.2f}"
