"""The page of a suite, made from its records only, with CSV and LaTeX beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gantoolkit.bench import PROTOCOL, grid, others, provenance, table_formats, tables
from gantoolkit.bench.suite import Suite
from gantoolkit.bench.tables import MeasuredRow
from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.core.types import Record
from gantoolkit.report import record as records

UNIVERSE = (
    "> **The mini universe.** Rendered faces, small networks trained on CPU cores, scores by the "
    "zoo's own judge. These numbers say nothing about CelebAMask-HQ and cannot be compared with "
    "published ones; see {protocol}."
)
RULES = "benchmark-protocol.md"  # one folder above docs/tables
LEGEND = (
    "**Best** and <u>second best</u> among rows that see the same inputs (a camera aside). Small: "
    "95 % bootstrap intervals over pairs."
)
NOT_COMPARABLE = "Another data set, another scale: not comparable with the numbers above."


def read_rows(suite: Suite, folder: Path) -> list[MeasuredRow]:
    """Read the records of a suite's rows, in order; a row without a record is left out.

    Raises DataError for a record of another protocol or of other pairs.
    """
    measured = []
    for row in suite.rows:
        file = folder / f"{row.name}.json"
        if file.is_file():
            record = records.load(file)
            _check_comparable(suite, file, record)
            measured.append(MeasuredRow(row, record))
    return measured


def _check_comparable(suite: Suite, file: Path, record: Record) -> None:
    """Refuse a record that was measured by other rules or on other pairs than the suite's."""
    config = record.config
    if config.get("protocol") != PROTOCOL:
        raise DataError(
            f"{file} is of protocol {config.get('protocol')}, this version makes tables of "
            f"{PROTOCOL}; measure the row again."
        )
    measured_on = f"{config['pairs']} pairs of the split '{config['split']}'"
    expected = f"{suite.pairs} pairs of the split '{suite.split}'"
    if measured_on != expected:
        raise DataError(
            f"{file} was measured on {measured_on}, the suite '{suite.name}' asks for {expected}; "
            "measure the row again."
        )


def write(suite: Suite, folder: Path, out: Path) -> Path:
    """Write SUITE.md, .csv, .tex and the sheet of images into `out`; returns the page."""
    rows = read_rows(suite, folder)
    if rows and suite.sheet:
        grid.write_sheet(rows, folder.parent / "work" / folder.name, out / f"{suite.name}.webp")
    for name, text in file_texts(suite, rows, out).items():
        files.write_text(out / name, text)
    return out / f"{suite.name}.md"


def outdated_files(suite: Suite, folder: Path, out: Path) -> list[Path]:
    """Return the files in `out` that differ from what the records in `folder` say."""
    outdated = []
    for name, text in file_texts(suite, read_rows(suite, folder), out).items():
        file = out / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            outdated.append(file)
    return outdated


def file_texts(suite: Suite, rows: Sequence[MeasuredRow], out: Path) -> dict[str, str]:
    """Return file name → text of everything that is written into `out`, the sheet aside."""
    if not rows:
        page = [*_head(suite, out), "Nothing is measured yet.", "", *_not_measured(suite, rows)]
        return {f"{suite.name}.md": "\n".join(page)}
    return {
        f"{suite.name}.md": _page(suite, rows, out),
        f"{suite.name}.csv": table_formats.csv_table(rows),
        f"{suite.name}.tex": table_formats.latex_table(suite, rows),
    }


def _page(suite: Suite, rows: Sequence[MeasuredRow], out: Path) -> str:
    """Write the page of a suite as Markdown."""
    page = _head(suite, out)
    page += ["## Measured", table_formats.markdown_table(suite, rows), "", LEGEND, ""]
    page += _not_measured(suite, rows)
    page += _notes(rows)
    if suite.sheet and (out / f"{suite.name}.webp").is_file():
        page += [f"![The same conditions, drawn by every system]({suite.name}.webp)", ""]
    if suite.reading:
        page += ["## What this says", tables.fill_reading(suite.reading.strip(), rows), ""]
    page += ["## Conditions", *_shared_conditions(rows), ""]
    if suite.columns:
        page += [table_formats.conditions_table(rows), ""]
    if suite.paper:
        page += ["## The paper's own table", f"{suite.paper['source']} {NOT_COMPARABLE}", ""]
        page += [table_formats.paper_table(suite.paper), ""]
    page += [f"The same values: [CSV]({suite.name}.csv), [LaTeX]({suite.name}.tex).", ""]
    if suite.others:
        page += others.section(suite.others)
    return "\n".join(page)


def _head(suite: Suite, out: Path) -> list[str]:
    """Write the title, what the mini universe is, and what is compared."""
    head = [f"# {suite.title}", ""]
    if suite.mini:
        has_rules = (out.resolve().parent / RULES).is_file()
        link = f"[the protocol](../{RULES})" if has_rules else f"the protocol, docs/{RULES}"
        head += [UNIVERSE.format(protocol=link), ""]
    if suite.about:
        head += [suite.about.strip(), ""]
    return head


def _not_measured(suite: Suite, rows: Sequence[MeasuredRow]) -> list[str]:
    """List the rows without a record, with what makes them."""
    measured = {row.name for row, _ in rows}
    lines = []
    for row in suite.rows:
        if row.name not in measured:
            recipe = f"; make it with `{row.recipe}`" if row.recipe else ""
            lines.append(f"- not measured: {row.label}{recipe}")
    return [*lines, ""] if lines else []


def _notes(rows: Sequence[MeasuredRow]) -> list[str]:
    """List what a reader of a row must know, by the suite and by its system."""
    lines = []
    for row, record in rows:
        notes = [row.note, *record.notes] if row.note else record.notes
        lines += [f"- {row.label}: {note}" for note in notes]
    return [*lines, ""] if lines else []


def _shared_conditions(rows: Sequence[MeasuredRow]) -> list[str]:
    """List what all rows share; where they differ, every value with its rows."""
    lines = []
    for name, read in CONDITIONS.items():
        names_by_value: dict[str, list[str]] = {}
        for row, record in rows:
            value = read(record)
            if value is not None:
                names_by_value.setdefault(str(value), []).append(row.name)
        if len(names_by_value) == 1:
            lines.append(f"- {name}: {next(iter(names_by_value))}")
        elif names_by_value:
            values = [f"{value} ({', '.join(names)})" for value, names in names_by_value.items()]
            lines.append(f"- {name}: {'; '.join(values)}")
    return lines


def _config(key: str) -> Callable[[Record], object]:
    return lambda record: record.config.get(key)


def _more_than_one(number: int) -> int | None:
    return number if number > 1 else None


def _digest(key: str) -> Callable[[Record], object]:
    """Read the first digits of a SHA-256."""
    return lambda record: record.config.get(key, "")[:12] or None


def _exact(kind: str) -> Callable[[Record], object]:
    return lambda record: record.config.get("exact", {}).get(kind)


def _condition(key: str) -> Callable[[Record], object]:
    """Read a condition that all scores of a record share."""

    def read(record: Record) -> object:
        first = next(iter(tables.scores_of(record).values()), None)
        return first.conditions.get(key) if first else None

    return read


def _machine(record: Record) -> str:
    known = [key for key in ("cpus", "torch", "device") if record.environment.get(key)]
    return ", ".join(f"{key} {record.environment[key]}" for key in known)


CONDITIONS = {  # what the page says of all rows, and where records have it
    "protocol": _config("protocol"),
    "split": _config("split"),
    "pairs": _config("pairs"),
    "pairs of each condition": lambda record: _more_than_one(record.config.get("seeds", 1)),
    "seed": lambda record: record.seed,
    "list of pairs": _digest("list"),
    "data": _config("data"),
    "sha256 of the data": _digest("data_sha256"),
    "pictures exactly as listed": _exact("pictures"),
    "label maps exactly as listed": _exact("label maps"),
    "outputs missing": _config("missing"),
    "captions of sample i": _condition("captions"),
    "seeds of sample i": _condition("seeds"),
    "latent source": _condition("latent_source"),
    "networks of losses and adversaries": provenance.training_networks,
    "pairs timed": _config("timed"),
    "batch": _config("batch"),
    "threads": _config("threads"),
    "systems at a time": _config("workers"),
    "machine": _machine,
}
