"""report.html: one run on one self-contained page. No script, no request, no server; pictures are inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files as package_files
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, GantoolkitError, UsageError
from gantoolkit.core.types import Record
from gantoolkit.report import loss_curves, page_pictures, tables
from gantoolkit.report import record as records

NAME = "report.html"
CARDS = 8  # scores shown at the top


def write(folder: str | Path, sections: Iterable[tuple[str, str]] = ()) -> Path:
    """Write `folder`/report.html from the files of a run folder.

    `sections` are further (title, HTML) pairs, for instance from plugins, put before the notes.
    """
    folder = Path(folder)
    record = records.load(folder)
    rows = files.read_json_lines(folder / "losses.jsonl")
    return files.write_text(folder / NAME, page(record, folder, rows, sections))


def page(
    record: Record,
    folder: Path,
    losses: Sequence[dict] = (),
    sections: Iterable[tuple[str, str]] = (),
) -> str:
    """The whole page as a string; a part without content is left out."""
    parts = [part for part in _parts(record, folder, losses, sections) if part[2]]
    links = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title, _ in parts)
    body = "".join(
        f'<section id="{name}"><h2>{escape(title)}</h2>{content}</section>'
        for name, title, content in parts
    )
    style = package_files("gantoolkit.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(record.run)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head><body><main>{_head(record)}<nav>{links}</nav>{body}"
        f"<footer>{_footer(record)}</footer></main></body></html>\n"
    )


def _parts(record: Record, folder: Path, losses, sections) -> list[tuple[str, str, str]]:
    more = [(f"more{i}", title, content) for i, (title, content) in enumerate(sections)]
    return [
        ("samples", "Samples", _samples(record, folder)),
        ("steps", "Over the denoising steps", _steps(record, folder)),
        ("sheets", "Sheets", page_pictures.sheets(folder)),
        ("scores", "Scores", _scores(record)),
        ("losses", "Losses", _losses(losses)),
        ("timings", "Time", tables.timings(record.timings) if record.timings else ""),
        *more,
        ("notes", "Notes", _notes(record)),
        ("config", "Config", _config(record)),
        ("environment", "Environment", _environment(record)),
    ]


def _head(record: Record) -> str:
    config = record.config
    facts = [_type(config.get(part)) for part in ("encoder", "bridge", "generator")]
    facts = [fact for fact in facts if fact] + _conditioned(config)
    schedule = config.get("schedule") or {}
    if "iterations" in schedule:
        batch = f" of {schedule['batch']}" if "batch" in schedule else ""
        facts.append(f"{schedule['iterations']} iterations{batch}")
    facts.append(f"seed {record.seed}")
    task = escape(str(config.get("task", "run")))
    command = escape(" ".join(record.command))
    return (
        f'<p class="eyebrow">gantoolkit · {task}</p><h1>{escape(record.run)}</h1>'
        f'<p class="lead">{" · ".join(escape(fact) for fact in facts)}</p>'
        + (f'<pre class="command">{command}</pre>' if command else "")
        + _cards(record)
    )


def _conditioned(config: dict) -> list[str]:
    condition = config.get("condition")
    return [f"text + {condition}"] if isinstance(condition, str) else []


def _cards(record: Record) -> str:
    """The run's own scores at a glance, with the share of the gap that it closed."""
    cards = []
    own = record.scores.get(records.RUN) or next(iter(reversed(record.scores.values())), {})
    for metric, score in list(own.items())[:CARDS]:
        share = tables.gap(record, metric)
        gap = f"<small>{tables.percent(share)} of the gap</small>" if share is not None else ""
        arrow = "↑" if score.higher_is_better else "↓"
        cards.append(
            f'<div class="card"><span>{tables.title(metric)} {arrow}</span>'
            f"<b>{tables.number(score.value)}</b>{gap}</div>"
        )
    return f'<div class="cards">{"".join(cards)}</div>' if cards else ""


def _samples(record: Record, folder: Path) -> str:
    rows = [page_pictures.sample(folder, entry) for entry in record.samples if entry.get("images")]
    about = (
        '<p class="about">What went in (prompt and condition), the truth I<sup>gt</sup>, the diffusion '
        "model’s own image I<sup>d</sup><sub>0</sub>, and the generator’s: G(w<sup>m</sup>) from the "
        "mapping network alone, G(w) with the style modulation.</p>"
    )
    return about + "".join(rows) if rows else ""


def _steps(record: Record, folder: Path) -> str:
    rows = [page_pictures.strip(folder, entry) for entry in record.samples if entry.get("steps")]
    about = (
        '<p class="about">The same samples, rendered from the features of single denoising steps t, '
        "from noise (left) to the finished image (right).</p>"
    )
    return about + "".join(rows) if rows else ""


def _scores(record: Record) -> str:
    if not record.scores:
        return ""
    about = (
        (
            '<p class="about">The floor is the generator’s mean face for every sample, the ceiling a direct '
            "W+ inversion of I<sup>gt</sup>; the last column says how much of the way between them this run "
            "went.</p>"
        )
        if {records.FLOOR, records.CEILING} <= record.scores.keys()
        else ""
    )
    return (
        about
        + tables.scores(record)
        + '<h3 class="about">Measured under these conditions</h3>'
        + tables.conditions(record)
    )


def _losses(rows: Sequence[dict]) -> str:
    found = loss_curves.curves(rows)
    phases = list(dict.fromkeys(phase for lines in found.values() for phase in lines))
    colours = {phase: i % 4 for i, phase in enumerate(phases)}
    legend = "".join(
        f'<span><svg viewBox="0 0 22 8"><line class="line c{colours[t]}" x1="0" x2="22" y1="4" '
        f'y2="4"/></svg>{escape(t)}</span>'
        for t in phases
        if t
    )
    charts = []
    for name, lines in found.items():
        ends = ", ".join(tables.number(loss_curves.smooth(points)[-1][1]) for points in lines.values())
        charts.append(
            f'<div class="plot"><h3>{escape(name.lstrip("_"))}<small>{ends}</small></h3>'
            f"{loss_curves.chart(name, lines, colours)}</div>"
        )
    if not charts:
        return ""
    return f'<div class="legend">{legend}</div><div class="plots">{"".join(charts)}</div>'


def _notes(record: Record) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in record.notes)
    return f"<ul>{items}</ul>" if items else ""


def _config(record: Record) -> str:
    if not record.config:
        return ""
    return f"<details><summary>resolved config</summary>{tables.settings(record.config)}</details>"


def _environment(record: Record) -> str:
    weights = {name: digest[:16] for name, digest in record.weights.items()}
    tables_of = {"versions and machine": record.environment, "frozen weights (sha256)": weights}
    return "".join(
        f"<details><summary>{title}</summary>{tables.pairs(values)}</details>"
        for title, values in tables_of.items()
        if values
    )


def _footer(record: Record) -> str:
    total = sum(record.timings.values())
    commit = record.environment.get("commit", "")
    facts = [f"took {tables.seconds(total)}"] if total else []
    facts += [f"commit {escape(commit[:12])}"] if commit else []
    return " · ".join(["Written by gantoolkit", *facts])


def _type(value) -> str:
    """The component's name in a config value: a dict with "type", or a plain name."""
    if isinstance(value, dict):
        return str(value.get("type") or value.get("weights") or "")
    return value if isinstance(value, str) else ""


def main(args) -> int:
    """`gantoolkit report RUN…`: write each run's report again and print its path; then say which could not be."""
    from gantoolkit.registry import plugins

    wrong: dict[str, GantoolkitError] = {}
    for run in args.runs:
        try:
            if not Path(run).is_dir():
                raise UsageError(
                    f"There is no run folder '{run}'; give the folder that `gantoolkit run` printed."
                )
            found = plugins.hooks().report_sections(record=records.load(run), folder=Path(run))
            print(write(run, [section for part in found for section in part]))
        except GantoolkitError as error:
            wrong[run] = error
    if len(wrong) == 1:
        raise next(iter(wrong.values()))
    if wrong:
        reasons = ", ".join(
            f"{run} ({str(error).partition(';')[0].rstrip('.')})" for run, error in wrong.items()
        )
        raise DataError(
            f"{len(wrong)} of {len(args.runs)} reports could not be written: {reasons}; "
            "give folders of finished runs."
        )
    return 0
