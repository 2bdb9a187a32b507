"""The tables of docs/zoo.md, made from the records that pre-training left in zoo/records/."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.types import Score
from gantoolkit.report import marked_tables
from gantoolkit.report.record import RUN

BEGIN = "<!-- from zoo/records -->"
END = "<!-- end -->"
IOU_PREFIX = "iou["  # of a class's score, "iou[hair]"
LONGEST_CONDITION = 24  # characters that fit a table's cell; digests do not


def renew(page: Path, records: Path) -> None:
    """Put fresh tables between the two marks of a page."""
    marked_tables.renew(page, BEGIN, END, tables(records))


def tables(records: Path) -> str:
    """Return Markdown: what was trained and how long, then what it scored."""
    all_records = [files.read_json(file) for file in sorted(records.glob("*.json"))]
    bridges = [record for record in all_records if record["config"]["task"] == "bridge"]
    others = [record for record in all_records if record not in bridges]
    by_title = {
        "Training": _training(all_records),
        "Parts": _scores(others),
        "Parsers by class": _class_scores(others),
        "Presets, split val": _presets(bridges),
    }
    blocks = ["\n".join([f"### {title}", *lines]) for title, lines in by_title.items() if lines]
    return "\n\n".join(blocks)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _training(records: list[dict]) -> list[str]:
    lines = [
        "| recipe | data | iterations × batch | precision | threads | minutes |",
        "|---|---|---|---|---|---|",
    ]
    for record in records:
        config = record["config"]
        schedule = config["schedule"]
        data = config["data"]
        timings = record["timings"]
        precision = schedule["precision"]
        if "bf16" in record["environment"]:  # the device had none
            precision = "fp32"
        minutes = (timings.get("prepare", 0) + timings.get("train", 0)) / 60
        cells = [
            record["run"],
            data if isinstance(data, str) else data["train"],
            f"{schedule['iterations']} × {schedule['batch']}",
            precision,
            record["environment"].get("threads", "?"),
            f"{minutes:.0f}",
        ]
        lines.append(_row(cells))
    return lines


def _scores(records: list[dict]) -> list[str]:
    lines = ["| recipe | system | measure | value | n | conditions |", "|---|---|---|---|---|---|"]
    for record in records:
        for system, scores in record["scores"].items():
            for metric, score in scores.items():
                if metric.startswith(IOU_PREFIX):
                    continue
                cells = [
                    record["run"],
                    system,
                    _with_arrow(metric, score),
                    f"{score['value']:.4g}",
                    str(score["n"]),
                    _conditions(score),
                ]
                lines.append(_row(cells))
    return lines


def _with_arrow(metric: str, score: dict) -> str:
    return f"{metric} {Score(**score).arrow}"


def _conditions(score: dict) -> str:
    shown = []
    for name, value in score["conditions"].items():
        if value is not None and len(str(value)) <= LONGEST_CONDITION:
            shown.append(f"{name} {value}")
    return ", ".join(shown)


def _class_scores(records: list[dict]) -> list[str]:
    """Return the IoU per class of every network that parses, beside the class's share of pixels."""
    by_run: dict[str, dict[str, dict]] = {}
    for record in records:
        for metric, score in record["scores"].get("run", {}).items():
            if metric.startswith(IOU_PREFIX):
                class_name = metric.removeprefix(IOU_PREFIX).removesuffix("]")
                by_run.setdefault(record["run"], {})[class_name] = score
    if not by_run:
        return []

    heads = ["class"]
    for run in by_run:
        heads += [f"{run}: share of pixels %", f"{run}: IoU ↑"]
    lines = [_row(heads), "|---|" + "---:|---:|" * len(by_run)]
    for class_name in dict.fromkeys(name for scores in by_run.values() for name in scores):
        cells = [class_name]
        for scores in by_run.values():
            cells += _share_and_iou(scores.get(class_name))
        lines.append(_row(cells))
    return lines


def _share_and_iou(score: dict | None) -> tuple[str, str]:
    if score is None:
        return "–", "–"
    return f"{100 * score['conditions']['share']:.2f}", f"{score['value']:.3f}"


def _presets(records: list[dict]) -> list[str]:
    """Return a row for every preset, and one for its first denoising step only."""
    lines: list[str] = []
    for record in records:
        for system, scores in record["scores"].items():
            if system != RUN and not system.startswith(f"{RUN} after 1 of "):
                continue
            if not lines:
                metrics = [_with_arrow(metric, score) for metric, score in scores.items()]
                lines.append(_row(["preset", "drawn", "n", *metrics]))
                lines.append("|---|---|---:|" + "---:|" * len(scores))
            values = [f"{score['value']:.3g}" for score in scores.values()]
            count = next(iter(scores.values()))["n"]
            lines.append(_row([record["run"].replace("_", "-"), system, str(count), *values]))
    return lines
