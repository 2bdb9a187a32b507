"""report.html: one run on one self-contained page. No script, no request, no server.

Pictures are inside the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files as package_files
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, GantoolkitError, UsageError
from gantoolkit.core.types import Record
from gantoolkit.report import loss_curves, page_head, page_pictures, tables
from gantoolkit.report import record as records
from gantoolkit.report.markup import details, tag
from gantoolkit.report.next_steps import next_steps

NAME = "report.html"
LINE_COLORS = 4  # of style.css
ABOUT_SAMPLES = (
    "What went in (prompt and condition), the truth I<sup>gt</sup>, the diffusion model’s own "
    "image I<sup>d</sup><sub>0</sub>, and the generator’s: G(w<sup>m</sup>) from the mapping "
    "network alone, G(w) with the style modulation."
)
ABOUT_STEPS = (
    "The same samples, rendered from the features of single denoising steps t, from noise (left) "
    "to the finished image (right)."
)
ABOUT_SCORES = (
    "The floor is the generator’s mean face for every sample, the ceiling a direct W+ inversion of "
    "I<sup>gt</sup>; “gap closed” says how much of the way between them this run went."
)
ABOUT_METRICS = {
    "attributes_prompt": (
        "Prompt’s attributes: the share of what the prompt states or denies (hair, glasses, age, "
        "…) that the judge reads off the face."
    ),
    "detail_octave1": (
        "Detail: the energy of fine structure relative to I<sup>gt</sup> in three octaves of "
        "cycles per pixel; 1 is as much, less is soft, more is noise."
    ),
}


@dataclass(frozen=True)
class Section:
    """A part of the page with a link to it; left out where `content` (HTML) is empty."""

    anchor: str
    title: str
    content: str


def write(folder: str | Path, plugin_sections: Iterable[tuple[str, str]] = ()) -> Path:
    """Write `folder`/report.html from the files of a run folder.

    `plugin_sections` are further (title, HTML) pairs, put before the notes.
    """
    folder = Path(folder)
    record = records.load(folder)
    losses = files.read_json_lines(folder / "losses.jsonl", torn_end=True)
    return files.write_text(folder / NAME, page(record, folder, losses, plugin_sections))


def page(
    record: Record,
    folder: Path,
    losses: Sequence[dict] = (),
    plugin_sections: Iterable[tuple[str, str]] = (),
) -> str:
    """Return the whole page; a section without content is left out."""
    sections = _sections(record, folder, losses, plugin_sections)
    sections = [section for section in sections if section.content]

    links = ""
    body = ""
    for section in sections:
        title = escape(section.title)
        links += tag("a", title, href=f"#{section.anchor}")
        body += tag("section", tag("h2", title) + section.content, id=section.anchor)
    main = page_head.head(record) + tag("nav", links) + body + tag("footer", _footer(record))

    style = package_files("gantoolkit.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(record.run)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head><body><main>{main}</main></body></html>\n"
    )


def _sections(
    record: Record,
    folder: Path,
    losses: Sequence[dict],
    plugin_sections: Iterable[tuple[str, str]],
) -> list[Section]:
    more = [
        Section(f"more{index}", title, content)
        for index, (title, content) in enumerate(plugin_sections)
    ]
    return [
        Section("samples", "Samples", _samples(record, folder)),
        Section("steps", "Over the denoising steps", _steps(record, folder)),
        Section("sheets", "Sheets", page_pictures.sheets(folder)),
        Section("scores", "Scores", _scores(record)),
        Section("next", "What next", next_steps(record, folder)),
        Section("losses", "Losses", _losses(losses)),
        Section("timings", "Time", _time(record)),
        *more,
        Section("notes", "Notes", _notes(record)),
        Section("config", "Config", _config(record)),
        Section("environment", "Environment", _environment(record)),
    ]


def _samples(record: Record, folder: Path) -> str:
    samples = [
        page_pictures.sample(folder, entry) for entry in record.samples if entry.get("images")
    ]
    return _about(ABOUT_SAMPLES) + "".join(samples) if samples else ""


def _steps(record: Record, folder: Path) -> str:
    strips = [page_pictures.strip(folder, entry) for entry in record.samples if entry.get("steps")]
    return _about(ABOUT_STEPS) + "".join(strips) if strips else ""


def _about(text: str) -> str:
    return tag("p", text, class_="about")


def _scores(record: Record) -> str:
    if not record.scores:
        return ""
    has_gap = {records.FLOOR, records.CEILING} <= record.scores.keys()
    return (
        (_about(ABOUT_SCORES) if has_gap else "")
        + tables.scores(record)
        + _meanings(record)
        + tag("h3", "Measured under these conditions", class_="about")
        + tables.conditions(record)
    )


def _meanings(record: Record) -> str:
    """Return what the scores mean that their titles do not say."""
    names = {metric.partition("[")[0] for metric in tables.metrics_of(record.scores)}
    sentences = [text for name, text in ABOUT_METRICS.items() if name in names]
    return _about(" ".join(sentences)) if sentences else ""


def _time(record: Record) -> str:
    """Return how long the run and one image took, on what, and the seconds of every stage."""
    if not record.timings:
        return ""
    facts = [f"{page_head.time_taken(record)} in all"]
    for score in record.scores.get(records.RUN, {}).values():
        if per_image := score.conditions.get("seconds_per_image"):
            facts.append(
                f"{tables.seconds(per_image)} per image, from prompt and condition to G(w)"
            )
            break
    return tag("p", escape("; ".join(facts)) + ".") + tables.timings(record.timings)


def _losses(log: Sequence[dict]) -> str:
    curves = loss_curves.curves(log)
    phases = list(dict.fromkeys(phase for lines in curves.values() for phase in lines))
    colors = {phase: index % LINE_COLORS for index, phase in enumerate(phases)}

    charts = ""
    for name, lines in curves.items():
        last_values = [loss_curves.smooth(points)[-1][1] for points in lines.values()]
        ends = ", ".join(map(tables.number, last_values))
        head = tag("h3", escape(name.lstrip("_")) + tag("small", ends))
        charts += tag("div", head + loss_curves.chart(name, lines, colors), class_="plot")
    if not charts:
        return ""

    legend = ""
    for phase, color in colors.items():
        if phase:
            line = f'<line class="line c{color}" x1="0" x2="22" y1="4" y2="4"/>'
            legend += tag("span", f'<svg viewBox="0 0 22 8">{line}</svg>{escape(phase)}')
    return tag("div", legend, class_="legend") + tag("div", charts, class_="plots")


def _notes(record: Record) -> str:
    items = "".join(tag("li", escape(note)) for note in record.notes)
    return tag("ul", items) if items else ""


def _config(record: Record) -> str:
    if not record.config:
        return ""
    return details("resolved config", tables.settings(record.config))


def _environment(record: Record) -> str:
    digests = {name: digest[:16] for name, digest in record.weights.items()}
    content = ""
    if record.environment:
        content += details("versions and machine", tables.key_values(record.environment))
    if digests:
        content += details("frozen weights (sha256)", tables.key_values(digests))
    return content


def _footer(record: Record) -> str:
    facts = ["Written by gantoolkit"]
    if total := sum(record.timings.values()):
        facts.append(f"took {tables.seconds(total)}")
    if commit := record.environment.get("commit", ""):
        facts.append(f"commit {escape(commit[:12])}")
    return " · ".join(facts)


def main(args) -> int:
    """Run `gantoolkit report RUN…`: write reports again, then say which could not be written."""
    errors: dict[str, GantoolkitError] = {}
    for run in args.runs:
        try:
            print(_rewrite(run))
        except GantoolkitError as error:
            errors[run] = error
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        reasons = []
        for run, error in errors.items():
            reason = str(error).partition(";")[0].rstrip(".")
            reasons.append(f"{run} ({reason})")
        raise DataError(
            f"{len(errors)} of {len(args.runs)} reports could not be written: "
            f"{', '.join(reasons)}; give folders of finished runs."
        )
    return 0


def _rewrite(run: str) -> Path:
    from gantoolkit.registry import plugins

    if not Path(run).is_dir():
        raise UsageError(
            f"There is no run folder '{run}'; give the folder that `gantoolkit run` printed."
        )
    by_plugin = plugins.hooks().report_sections(record=records.load(run), folder=Path(run))
    return write(run, [section for sections in by_plugin for section in sections])
