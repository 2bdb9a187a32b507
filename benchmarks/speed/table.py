"""The tables of benchmarks/README.md from the records: `python benchmarks/speed/table.py [RECORD.json …]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gantoolkit.report import marked_tables

FOLDER = Path(__file__).parents[1]
README = FOLDER / "README.md"
RECORDS = {name: FOLDER / "results" / f"{name}.json" for name in ("speed", "official")}


def aligned(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table that is also neat as text: the first column to the left, the rest to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: list[str]) -> str:
        others = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        return f"| {' | '.join([row[0].ljust(widths[0]), *others])} |"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def span(ratio: dict) -> str:
    """Median over rounds and the quartiles."""
    return f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}" if seconds >= 0.0995 else f"{1000 * seconds:.1f}"


def training(record: dict) -> str:
    """Milliseconds per iteration and part, variants side by side."""
    rows, titles = (
        [],
        dict(anew="denoised anew", cache="cache: z_t, I^d_0", features="cache: features too"),
    )
    for turn in record["turns"]:
        times = dict(
            anew=turn["ratio"]["median"], cache=1.0, features=1 / turn["ratio_features"]["median"]
        )
        for name, title in titles.items():
            entry = turn[name]
            rows.append(
                [
                    f"{turn['turn']}, {title}",
                    *(ms(value) for value in entry["parts"].values()),
                    ms(entry["median"]),
                    f"{times[name]:.2f}",
                ]
            )
    parts = list(record["turns"][0]["cache"]["parts"])
    head = ["turn, source", *parts, "whole", "× default"]
    whole, ratios = (
        record["whole_run"],
        ", ".join(f"{t['turn']} {span(t['ratio'])}" for t in record["turns"]),
    )
    text = [
        f"Milliseconds per iteration, {record['config']}, batch {record['batch']}, "
        f"{record['precision']}, {record['steps']} steps with guidance {record['guidance']:g}:",
        "",
        aligned(head, rows),
        "",
        f"Denoising anew takes so many times as long as reading the cache, per iteration: {ratios}. "
        f"Filling it takes {ms(record['fill_per_sample'])} ms per sample: with {whole['samples']} "
        f"samples a run of {whole['iterations']} iterations takes {whole['cache']:.0f} s instead of "
        f"{whole['anew']:.0f} s, filling counted, a ratio of {whole['ratio']:.2f}.",
    ]
    if whole["pays_after"] is not None:
        text[-1] += f" The cache has paid for itself after {whole['pays_after']} iterations."
    return "\n".join(text)


def synthesis(rows: list[dict]) -> str:
    """Milliseconds per image of ours and the port, and their ratio."""
    head = [
        "generator, pass",
        "precision",
        "batch",
        "ours",
        "port",
        "port / ours",
        "ours differs",
        "port differs",
    ]
    body = []
    for row in rows:
        differ = [
            f"{row[f'{name}: pixels']:.0e} ({row[f'{name}: pixels, mean']:.0e})"
            if f"{name}: pixels" in row
            else ""
            for name in ("ours", "port")
        ]
        body.append(
            [
                f"{row['generator']} {row['resolution']} px, {row['pass']}",
                row["precision"],
                str(row["batch"]),
                ms(row["ours"]["median"] / row["batch"]),
                ms(row["port"]["median"] / row["batch"]),
                span(row["ratio"]),
                *differ,
            ]
        )
    return "\n".join(
        [
            "Milliseconds per image (ratio: median and quartiles over rounds; differences: largest "
            "and mean over pixels in −1..1, from the port in fp32):",
            "",
            aligned(head, body),
        ]
    )


def startup(rows: list[dict]) -> str:
    head = ["command", "CPU s", "wall s", "× bare Python", "× import torch"]
    body = [
        [
            f"`{row['command']}`",
            f"{row['cpu']:.3f}",
            f"{row['wall']:.3f}",
            f"{row['of_python']:.2f}",
            f"{row['of_torch']:.3f}",
        ]
        for row in rows
    ]
    return "\n".join([f"Least of {rows[0]['rounds']} runs:", "", aligned(head, body)])


def setting(record: dict) -> str:
    """Where and when; which weights were stand-ins."""
    m = record["machine"]
    random = sorted(name for name, origin in record["weights"].items() if origin == "random")
    stands = (
        f" Random weights in place of: {', '.join(random)}." if random else " Weights of the zoo."
    )
    others = (
        ""
        if record["others"] is None
        else (
            f" Other processes took at most {100 * record['others']:.0f} % of the machine meanwhile."
        )
    )
    if not record["weights"]:
        stands = ""
    quick = " Quick run: few rounds." if record["parameters"]["quick"] else ""
    return (
        f"{record['date']}, {m['cpu']}, {m['cores']} cores, {m['threads']} threads, "
        f"torch {m['torch']}, Python {m['python']}.{others}{stands}{quick}"
    )


def tables(record: dict) -> str:
    """All of it as Markdown."""
    makers = {
        "training": ("Training with and without the cache", training),
        "synthesis": ("Synthesis against a port of the published operations", synthesis),
        "startup": ("Start of the command line", startup),
    }
    text = [setting(record)]
    for name, (title, make) in makers.items():
        if name in record:
            text += ["", f"### {title}", "", make(record[name])]
    return "\n".join(text)


def made(record: dict) -> tuple[str, str]:
    """The name of a record's place in the page, and its tables."""
    from official_tables import official

    return ("official", official(record)) if "equality" in record else ("speed", tables(record))


def bounds(name: str) -> tuple[str, str]:
    """The marks around that place."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def main(argv: list[str]) -> int:
    """Puts the tables of these records, or of all that exist, into the page."""
    for path in map(Path, argv or [path for path in RECORDS.values() if path.exists()]):
        name, text = made(json.loads(path.read_text(encoding="utf-8")))
        marked_tables.renew(README, *bounds(name), text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
