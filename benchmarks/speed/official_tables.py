"""The tables of a record of official.py: ratios, equality, and what the machine allows."""

from __future__ import annotations

from markdown_table import aligned, quartiles


def official(record: dict) -> str:
    """Format all of a record as Markdown."""
    return "\n".join(
        [
            setting(record),
            "",
            ratio_table(record["rows"]),
            "",
            equality(record),
            "",
            rates(record["rates"]),
            "",
            work_table(record["rows"]),
        ]
    )


def setting(record: dict) -> str:
    """Say where, when and how the record was made."""
    machine = record["machine"]
    older = dict.fromkeys(f"{row['case']} {row['date']}" for row in record["rows"] if "date" in row)
    dates = "; ".join([record["date"], *older])
    return (
        f"{dates}, {machine['cpu']}, {record['device']}, {machine['threads']} of "
        f"{machine['cores']} cores, torch {machine['torch']}. Other processes took at most "
        f"{100 * record['others']:.0f} % of the machine meanwhile. "
        "One image at a time. Seconds are least values and *best* is their quotient, theirs by "
        "ours; beside it the quotient's median over rounds. Theirs runs in fp32 in every row: its "
        "code refuses bf16."
    )


def ratio_table(rows: list[dict]) -> str:
    """Format seconds and ratios."""
    head = [
        "generator, pass",
        "precision",
        "theirs s",
        "ours s",
        "best",
        "median (quartiles)",
        "bar",
        "met",
    ]
    body = []
    for row in rows:
        body.append(
            [
                f"{row['case']}, {row['pass']}",
                row["precision"],
                f"{row['theirs']['least']:.3f}",
                f"{row['ours']['least']:.3f}",
                f"{row['best']:.2f}",
                quartiles(row["ratio"]),
                f"{row['bar']:.1f}",
                "yes" if row["best"] >= row["bar"] else "no",
            ]
        )
    return aligned(head, body)


def equality(record: dict) -> str:
    """Say how far ours is from theirs, case by case."""
    cases = []
    for case, fit in record["equality"].items():
        cases.append(
            f"{case} {fit['pixels']:.0e} in pixels (of standard deviation {fit['spread']:.2f}), "
            f"{fit['gradients']:.0e} of the largest gradient, {fit['psnr']:.1f} dB"
        )
    return (
        "Largest differences from the official code at equal weights in fp32, and bf16 against our "
        f"fp32 (at most {record['tolerance']:g} and at least {record['fidelity']:g} dB are asked "
        f"for): {'; '.join(cases)}."
    )


def rates(rates: dict[str, float]) -> str:
    """Say how fast the machine is, and what the next table's columns mean."""
    return (
        f"This machine gave {rates['fp32']:g} Gflop/s in fp32, {rates['bf16']:g} in bf16 (the "
        "faster of a matrix product and a 3×3 convolution) and copied "
        f"{rates['copy']:g} GB/s. *Arithmetic* is what products and convolutions alone would take "
        "at that rate; *limit* the ratio if nothing else took any time. *GB* is what all "
        "operations read and write, much of it in caches. *Peak* is resident memory beyond the "
        "networks':"
    )


def work_table(rows: list[dict]) -> str:
    """Format memory and work, and what the work would take at the machine's rates."""
    head = [
        "generator, pass",
        "whose",
        "peak MB",
        "Gflop",
        "arithmetic s",
        "of its time",
        "limit",
        "GB",
    ]
    body = []
    for row in rows:
        if row["precision"] == "fp32":  # theirs has no other, and stands once
            body.append(_work_cells(row, "theirs", "fp32", limit=""))
        limit = row["theirs"]["least"] / row["used"]["ours"]["arithmetic"]
        body.append(_work_cells(row, "ours", row["precision"], limit=f"{limit:.1f}"))
    return aligned(head, body)


def _work_cells(row: dict, whose: str, precision: str, limit: str) -> list[str]:
    used, least = row["used"][whose], row[whose]["least"]
    return [
        f"{row['case']}, {row['pass']}",
        f"{whose}, {precision}",
        "" if used["peak"] is None else f"{used['peak']:.0f}",
        f"{used['gflop']:.0f}",
        f"{used['arithmetic']:.3f}",
        f"{100 * used['arithmetic'] / least:.0f} %",
        limit,
        f"{used['gbyte']:.1f}",
    ]
