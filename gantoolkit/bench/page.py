"""The page of a suite, made from its records alone, with CSV and LaTeX beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gantoolkit.bench import PROTOCOL, grid, tables
from gantoolkit.bench.suite import Suite
from gantoolkit.bench.tables import Line
from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.report import record as records

UNIVERSE = (
    "> **The mini universe.** Rendered 64-px faces, small networks trained on CPU cores, scores by the zoo's "
    "own judge. These numbers say nothing about CelebAMask-HQ and cannot be compared with published ones; "
    "see {protocol}."
)
RULES = "benchmark-protocol.md"  # one folder above docs/tables
LEGEND = (
    "**Best** and <u>second best</u> among rows that see the same inputs (a camera aside). Small: 95 % bootstrap "
    "intervals over pairs."
)


def rows(suite: Suite, folder: Path) -> list[Line]:
    """The suite's rows that have a record, in order; DataError for one of another protocol or other pairs."""
    found = [
        (row, records.load(folder / f"{row.name}.json"))
        for row in suite.rows
        if (folder / f"{row.name}.json").is_file()
    ]
    for row, record in found:
        if record.config.get("protocol") != PROTOCOL:
            raise DataError(
                f"{folder / row.name}.json is of protocol {record.config.get('protocol')}, this version "
                f"makes tables of {PROTOCOL}; measure the row again."
            )
        measured = f"{record.config['pairs']} pairs of the split '{record.config['split']}'"
        if measured != (wanted := f"{suite.pairs} pairs of the split '{suite.split}'"):
            raise DataError(
                f"{folder / row.name}.json was measured on {measured}, the suite '{suite.name}' asks for "
                f"{wanted}; measure the row again."
            )
    return found


def write(suite: Suite, folder: Path, out: Path) -> Path:
    """Write SUITE.md, .csv, .tex and the sheet of pictures into `out`; returns the page."""
    lines = rows(suite, folder)
    if lines and suite.sheet:
        grid.write(lines, folder.parent / "work" / folder.name, out / f"{suite.name}.webp")
    for name, text in texts(suite, lines, out).items():
        files.write_text(out / name, text)
    return out / f"{suite.name}.md"


def differences(suite: Suite, folder: Path, out: Path) -> list[Path]:
    """The files that are not what the records say."""
    expected = texts(suite, rows(suite, folder), out)
    return [
        out / name
        for name, text in expected.items()
        if not (out / name).is_file() or (out / name).read_text(encoding="utf-8") != text
    ]


def texts(suite: Suite, lines: Sequence[Line], out: Path) -> dict[str, str]:
    """file name → content."""
    if not lines:
        return {
            f"{suite.name}.md": "\n".join(
                [*_head(suite, out), "Nothing is measured yet.", "", *_missing(suite, lines)]
            )
        }
    return {
        f"{suite.name}.md": _page(suite, lines, out),
        f"{suite.name}.csv": tables.tidy(lines),
        f"{suite.name}.tex": tables.latex(suite, lines),
    }


def _head(suite: Suite, out: Path) -> list[str]:
    linked = (out.resolve().parent / RULES).is_file()
    universe = UNIVERSE.format(
        protocol=f"[the protocol](../{RULES})" if linked else f"the protocol, docs/{RULES}"
    )
    return [
        f"# {suite.title}",
        "",
        *([universe, ""] if suite.mini else []),
        *([suite.about.strip(), ""] if suite.about else []),
    ]


def _page(suite: Suite, lines: Sequence[Line], out: Path) -> str:
    parts = [
        *_head(suite, out),
        "## Measured",
        tables.markdown(suite, lines),
        "",
        LEGEND,
        "",
        *_missing(suite, lines),
    ]
    notes = [
        f"- {row.label}: {note}"
        for row, record in lines
        for note in [*([row.note] if row.note else []), *record.notes]
    ]
    parts += [*notes, ""] if notes else []
    if suite.sheet and (out / f"{suite.name}.webp").is_file():
        parts += [f"![The same conditions, drawn by every system]({suite.name}.webp)", ""]
    parts += (
        ["## What this says", tables.quoted(suite.reading.strip(), lines), ""]
        if suite.reading
        else []
    )
    parts += [
        "## Conditions",
        *_conditions(lines),
        "",
        *([tables.conditions(lines), ""] if suite.columns else []),
    ]
    if suite.paper:
        parts += [
            "## The paper's own table",
            f"{suite.paper['source']} Another data set, another scale: not comparable with the numbers above.",
            "",
            tables.published(suite.paper),
            "",
        ]
    parts += [f"The same values: [CSV]({suite.name}.csv), [LaTeX]({suite.name}.tex).", ""]
    return "\n".join(parts)


def _missing(suite: Suite, lines: Sequence[Line]) -> list[str]:
    """Rows without a record, with what makes them."""
    have = {row.name for row, _ in lines}
    absent = [
        f"- not measured: {row.label}{f'; make it with `{row.recipe}`' if row.recipe else ''}"
        for row in suite.rows
        if row.name not in have
    ]
    return [*absent, ""] if absent else []


def _conditions(lines: Sequence[Line]) -> list[str]:
    """What all rows share; where they differ, every value with its rows."""

    def kept(key: str):
        return lambda r: r.config.get(key)

    facts = {
        "protocol": kept("protocol"),
        "split": kept("split"),
        "pairs": kept("pairs"),
        "seed": lambda r: r.seed,
        "list of pairs": lambda r: r.config.get("list", "")[:12] or None,
        "data": kept("data"),
        "sha256 of the data": lambda r: r.config.get("data_sha256", "")[:12] or None,
        "pictures exactly as listed": lambda r: r.config.get("exact", {}).get("pictures"),
        "label maps exactly as listed": lambda r: r.config.get("exact", {}).get("label maps"),
        "outputs missing": kept("missing"),
        "latent source": lambda r: next(
            (s.conditions.get("latent_source") for s in tables.scores_of(r).values()), None
        ),
        "pairs timed": kept("timed"),
        "batch": kept("batch"),
        "threads": kept("threads"),
        "systems at a time": kept("workers"),
        "machine": lambda r: _machine(r.environment),
    }
    out = []
    for name, read in facts.items():
        values: dict[str, list[str]] = {}
        for row, record in lines:
            values.setdefault(str(read(record)), []).append(row.name)
        values.pop("None", None)
        if not values:
            continue
        said = [v if len(values) == 1 else f"{v} ({', '.join(who)})" for v, who in values.items()]
        out.append(f"- {name}: {'; '.join(said)}")
    return out


def _machine(environment: dict[str, str]) -> str:
    return ", ".join(
        f"{key} {environment[key]}" for key in ("cpus", "torch", "device") if environment.get(key)
    )
