"""The table of a record of gpu.py: every part beside its rival, with and without compile."""

from __future__ import annotations

from markdown_table import aligned

HEAD = ("part, networks, pictures", "variant", "s", "quartiles", "× rival", "peak MB")


def gpu(record: dict) -> str:
    """Format the record as Markdown."""
    parts = [setting(record), "", aligned(HEAD, rows(record["cases"]))]
    skipped = [
        f"{title(case)}: {variant}" for case in record["cases"] for variant in case["skipped"]
    ]
    if skipped:
        parts += ["", f"The minutes did not suffice to compile {'; '.join(skipped)}."]
    return "\n".join(parts)


def setting(record: dict) -> str:
    """Say where, when and how the record was made."""
    machine = record["machine"]
    software = f"torch {machine['torch']}"
    if record["cuda"]:
        software += f", CUDA {record['cuda']}"
    differences = [
        f"{title(case)} {case['difference']:.0e}"
        for case in record["cases"]
        if case["difference"] is not None
    ]
    quick = " The quick form, of small sizes." if record["quick"] else ""
    return (
        f"{record['date']}, {record['device']}, {software}; {record['minutes']:g} minutes; "
        f"torch.compile by {record['backend']}. Seconds are the least of the rounds, beside them "
        "the quartiles; *× rival* is how many times as fast as the first variant of the part, "
        "not compiled. In fp32, pixels (−1..1) differ from the rival's by at most: "
        f"{', '.join(differences) or 'not compared'}.{quick}"
    )


def title(case: dict) -> str:
    """Name a case, with its batch and precision."""
    return f"{case['part']}, {case['networks']}, {case['batch']} in {case['precision']}"


def rows(cases: list[dict]) -> list[list[str]]:
    """Format the rows of all cases."""
    cells = []
    for case in cases:
        rival = case["rows"][0]["least"]  # timed before anything is compiled
        for row in case["rows"]:
            peak = "" if row["peak"] is None else f"{row['peak']:.0f}"
            cells.append(
                [
                    title(case),
                    f"{row['variant']}{', compiled' if row['compiled'] else ''}",
                    f"{row['least']:.4g}",
                    f"{row['low']:.4g}–{row['high']:.4g}",
                    f"{rival / row['least']:.2f}",
                    peak,
                ]
            )
    return cells
