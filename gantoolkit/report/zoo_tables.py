"""The tables of docs/zoo.md, made from the records that pre-training left in zoo/records/."""

from __future__ import annotations

import json
from pathlib import Path

from gantoolkit.report import marked_tables
from gantoolkit.report.record import RUN

BEGIN, END = "<!-- from zoo/records -->", "<!-- end -->"


def renew(page: Path, records: Path) -> None:
    """Put fresh tables between the two marks of a page."""
    marked_tables.renew(page, BEGIN, END, tables(records))


def tables(records: Path) -> str:
    """Markdown: what was trained and how long, then what it scored."""
    found = [json.loads(file.read_text()) for file in sorted(records.glob("*.json"))]
    bridges = [record for record in found if record["config"]["task"] == "bridge"]
    parts = [record for record in found if record not in bridges]
    made = {
        "Training": _training(found),
        "Parts": _scores(parts),
        "Parsers by class": _classes(parts),
        "Presets, split val": _presets(bridges),
    }
    return "\n\n".join("\n".join([f"### {title}", *rows]) for title, rows in made.items() if rows)


def _training(records: list[dict]) -> list[str]:
    rows = [
        "| recipe | data | iterations × batch | precision | threads | minutes |",
        "|---|---|---|---|---|---|",
    ]
    for record in records:
        config, schedule = record["config"], record["config"]["schedule"]
        data = config["data"] if isinstance(config["data"], str) else config["data"]["train"]
        size = f"{schedule['iterations']} × {schedule['batch']}"
        minutes = sum(record["timings"].get(part, 0) for part in ("prepare", "train")) / 60
        rows.append(
            f"| {record['run']} | {data} | {size} | {schedule['precision']} | "
            f"{record['environment'].get('threads', '?')} | {minutes:.0f} |"
        )
    return rows


def _scores(records: list[dict]) -> list[str]:
    rows = ["| recipe | system | measure | value | n | conditions |", "|---|---|---|---|---|---|"]
    for record in records:
        for system, scores in record["scores"].items():
            for name, score in scores.items():
                if name.startswith("iou["):
                    continue
                arrow = "↑" if score["higher_is_better"] else "↓"
                said = ", ".join(f"{k} {v}" for k, v in score["conditions"].items() if _short(v))
                rows.append(
                    f"| {record['run']} | {system} | {name} {arrow} | {score['value']:.4g} | {score['n']} "
                    f"| {said} |"
                )
    return rows


def _classes(records: list[dict]) -> list[str]:
    """IoU per class of every network that parses, beside the class's share of the pixels."""
    found = {
        record["run"]: {
            name[4:-1]: score
            for name, score in record["scores"].get("run", {}).items()
            if name.startswith("iou[")
        }
        for record in records
    }
    found = {run: classes for run, classes in found.items() if classes}
    rows = [
        "| class |" + "".join(f" {run}: share of pixels % | {run}: IoU ↑ |" for run in found),
        "|---|" + "---:|---:|" * len(found),
    ]
    for name in dict.fromkeys(name for classes in found.values() for name in classes):
        cells = [
            (f"{100 * score['conditions']['share']:.2f}", f"{score['value']:.3f}")
            if score
            else ("–", "–")
            for score in (classes.get(name) for classes in found.values())
        ]
        rows.append(f"| {name} |" + "".join(f" {share} | {iou} |" for share, iou in cells))
    return rows if found else []


def _presets(records: list[dict]) -> list[str]:
    """A row per preset, and one for its first step alone."""
    rows = []
    for record in records:
        for system, scores in record["scores"].items():
            if system != RUN and not system.startswith(f"{RUN} after 1 of "):
                continue
            rows = rows or [
                "| preset | drawn | n | "
                + " | ".join(
                    f"{name} {'↑' if score['higher_is_better'] else '↓'}"
                    for name, score in scores.items()
                )
                + " |",
                "|---|---|---:|" + "---:|" * len(scores),
            ]
            count = next(iter(scores.values()))["n"]
            rows.append(
                f"| {record['run'].replace('_', '-')} | {system} | {count} | "
                + " | ".join(f"{score['value']:.3g}" for score in scores.values())
                + " |"
            )
    return rows


def _short(value) -> bool:
    """Whether a condition fits a table cell (digests do not)."""
    return value is not None and len(str(value)) <= 24
