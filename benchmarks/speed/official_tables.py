"""The tables of a record of official.py: times and ratios, equality, and roofs."""

from __future__ import annotations

from table import aligned, span


def official(record: dict) -> str:
    """All of it as Markdown."""
    return "\n".join(
        [
            setting(record),
            "",
            aligned(*ratios(record["rows"])),
            "",
            equality(record),
            "",
            rates(record["rates"]),
            "",
            aligned(*roofs(record["rows"])),
        ]
    )


def setting(record: dict) -> str:
    m = record["machine"]
    older = dict.fromkeys(f"{row['case']} {row['date']}" for row in record["rows"] if "date" in row)
    dates = "; ".join([record["date"], *older])
    return (
        f"{dates}, {m['cpu']}, {record['device']}, {m['threads']} of {m['cores']} cores, torch "
        f"{m['torch']}. Other processes took at most {100 * record['others']:.0f} % of the machine meanwhile. "
        "One image at a time. Seconds are least values and *best* is their quotient, theirs by ours; beside "
        "it the quotient's median over rounds. Theirs runs in fp32 in every row: its code refuses bf16."
    )


def ratios(rows: list[dict]) -> tuple[list[str], list[list[str]]]:
    """Head and body of the first table."""
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
    body = [
        [
            f"{r['case']}, {r['pass']}",
            r["precision"],
            f"{r['theirs']['least']:.3f}",
            f"{r['ours']['least']:.3f}",
            f"{r['best']:.2f}",
            span(r["ratio"]),
            f"{r['bar']:.1f}",
            "yes" if r["best"] >= r["bar"] else "no",
        ]
        for r in rows
    ]
    return head, body


def equality(record: dict) -> str:
    """How far ours is from theirs, case by case."""
    said = [
        f"{case} {e['pixels']:.0e} in pixels (of standard deviation {e['spread']:.2f}), {e['gradients']:.0e} "
        f"of the largest gradient, {e['psnr']:.1f} dB"
        for case, e in record["equality"].items()
    ]
    return (
        "Largest differences from the official code at equal weights in fp32, and bf16 against our fp32 (at "
        f"most {record['tolerance']:g} and at least {record['fidelity']:g} dB are asked for): "
        f"{'; '.join(said)}."
    )


def rates(found: dict[str, float]) -> str:
    return (
        f"This machine gave {found['fp32']:g} Gflop/s in fp32, {found['bf16']:g} in bf16 (the faster of a "
        f"matrix product and a 3×3 convolution) and copied {found['copy']:g} GB/s. *Arithmetic* is what products "
        "and convolutions alone would take at that rate; *limit* the ratio if nothing else took any time. *GB* "
        "is what all operations read and write, much of it in caches. *Peak* is resident memory beyond the "
        "networks':"
    )


def roofs(rows: list[dict]) -> tuple[list[str], list[list[str]]]:
    """Head and body of the second table."""
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
    for r in rows:
        both = [("theirs", "fp32")] if r["precision"] == "fp32" else []
        for who, precision in [*both, ("ours", r["precision"])]:
            used, least = r["used"][who], r[who]["least"]
            peak = "" if used["peak"] is None else f"{used['peak']:.0f}"
            limit = f"{r['theirs']['least'] / used['arithmetic']:.1f}" if who == "ours" else ""
            body.append(
                [
                    f"{r['case']}, {r['pass']}",
                    f"{who}, {precision}",
                    peak,
                    f"{used['gflop']:.0f}",
                    f"{used['arithmetic']:.3f}",
                    f"{100 * used['arithmetic'] / least:.0f} %",
                    limit,
                    f"{used['gbyte']:.1f}",
                ]
            )
    return head, body
