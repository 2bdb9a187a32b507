"""The run folder: what is written into it beside checkpoints, and whether a run may use it.

runs/<name>/  config.py config.json command environment.json losses.jsonl scores.jsonl changes.jsonl
              checkpoint/ pictures/ export/ record.json report.html
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from gantoolkit.config import value_types
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Scores
from gantoolkit.training import environment, run_lock
from gantoolkit.training.schedule import Schedule

CHANGES = "changes.jsonl"
LOGS = ("losses.jsonl", "scores.jsonl", CHANGES)

# What may differ between a run and its resumption, by section of the config ("" = the top level).
FREE = {  # names, logs, stops, and what trades memory for time
    "": ("device", "report", "name", "cache", "recompute", "chunk"),
    "schedule": (
        "accumulate",
        "log_every",
        "save_every",
        "save_minutes",
        "validate_every",
        "validate_limit",
        "final_validate",
        "pictures_every",
        "time_limit",
    ),
    "sampling": ("batch",),
    "encoder": ("offload",),
}
NOTED = {  # a longer run, lower rates; changes.jsonl and the record say so
    "": value_types.RATES,
    "schedule": ("clip", "iterations"),
}


def exported_weights(run: Path) -> list[Path]:
    """List the weights files that a run has exported."""
    return sorted((run / "export").glob("*.safetensors"))


# -- may a run use the folder? ---------------------------------------------------------------------


def check_name(name: str) -> str:
    """Refuse a run name that is not a plain folder name; returns it."""
    if name in ("", ".", "..") or Path(name).name != name:
        raise UsageError(
            f"name={name!r} is not a valid run name; use a plain folder name, or another place "
            "by --out."
        )
    return name


def check(folder: Path, config: dict, resume: bool) -> None:
    """Refuse a folder that is in use, unless the run in it has the same config and is resumed."""
    content = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    used = content.difference(run_lock.FILES) and not _is_before_first_checkpoint(folder)
    if used and not resume:
        raise UsageError(
            f"{folder} is not empty; add --resume to continue it, or --out OTHER for a new run."
        )
    if used and (folder / "config.json").is_file():
        _check_same_config(files.read_run_config(folder), json.loads(json.dumps(config)), folder)


def _is_before_first_checkpoint(folder: Path) -> bool:
    """Whether the run of a folder stopped before its first checkpoint; it may be started anew."""
    has_config = (folder / "config.json").is_file()
    has_checkpoint = any(folder.glob("checkpoint/[0-9]*"))
    return has_config and not has_checkpoint and not (folder / "record.json").is_file()


def _check_same_config(old: dict, new: dict, folder: Path) -> None:
    """Refuse to resume a run under another config."""
    old, new = _decisive(old), _decisive(new)
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            raise UsageError(
                f"{folder} was begun with another '{key}'; resume it with the same config, "
                "or start a new run with --out OTHER."
            )


def _decisive(config: dict) -> dict:
    """Keep the keys of a config that decide the result."""
    top_level = FREE[""] + NOTED[""]
    decisive = {key: value for key, value in config.items() if key not in top_level}
    decisive["schedule"] = asdict(Schedule.of(config.get("schedule", {})))
    for section in FREE.keys() | NOTED.keys():
        values = decisive.get(section)
        if isinstance(values, dict):
            free = FREE.get(section, ()) + NOTED.get(section, ())
            kept = {name: value for name, value in values.items() if name not in free}
            decisive[section] = kept or None
    return decisive


# -- what describes the run ------------------------------------------------------------------------


def write_description(
    folder: Path, config: dict, raw: str | Path | None, command: list[str], iteration: int
) -> None:
    """Write config, command and environment; cut the logs back to the checkpoint at `iteration`."""
    if iteration and (changed := _noted_changes(files.read_run_config(folder), config)):
        _append_line(folder / CHANGES, dict(iteration=iteration, changed=changed))
    files.write_json(folder / "config.json", config)
    if raw and Path(raw).is_file():
        files.write_bytes(folder / "config.py", Path(raw).read_bytes())
    _append_line(folder / "command", command)
    files.write_json(folder / "environment.json", environment.describe())
    _cut_logs(folder, iteration)


def command(folder: Path) -> list[str]:
    """Read the command line that the run was last started with."""
    return json.loads(files.read_text(folder / "command").splitlines()[-1])


def _noted_changes(old: dict, new: dict) -> dict[str, list]:
    """Compare two configs: dotted key → [before, now] of what is noted and differs."""
    changed = {}
    for section, names in NOTED.items():
        before = old.get(section) or {} if section else old
        now = new.get(section) or {} if section else new
        for name in names:
            if before.get(name) != now.get(name):
                key = f"{section}.{name}" if section else name
                changed[key] = [before.get(name), now.get(name)]
    return changed


def changes(folder: Path) -> list[str]:
    """Say for every resumption which rates or which length it changed, for the record."""
    sentences = []
    for line in files.read_json_lines(folder / CHANGES, torn_end=True):
        changed = [
            f"{key} {_shown(now)} in place of {_shown(before)}"
            for key, (before, now) in line["changed"].items()
        ]
        sentences.append(f"Resumed at iteration {line['iteration']} with {', '.join(changed)}.")
    return sentences


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    return str(value) if isinstance(value, int) else f"{value:g}"


# -- logs ------------------------------------------------------------------------------------------


def _cut_logs(folder: Path, iteration: int) -> None:
    """Drop the log lines after the checkpoint that the run resumes from."""
    for name in LOGS:
        path = folder / name
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
            kept = [line for line in lines if _iteration_of(line) <= iteration]
            files.write_text(path, "".join(line + "\n" for line in kept))


def _iteration_of(line: str) -> float:
    """Read the iteration of a log line; a torn line counts as the last."""
    try:
        return json.loads(line)["iteration"]
    except (ValueError, KeyError):
        return float("inf")


def _append_line(path: Path, value: Any) -> None:
    with open(path, "a") as file:
        file.write(json.dumps(value) + "\n")


def write_scores(folder: Path, iteration: int, scores: Scores) -> None:
    """Append one line to scores.jsonl."""
    values = {name: score.value for name, score in scores.items()}
    _append_line(folder / "scores.jsonl", dict(iteration=iteration, **values))


def write_pictures(folder: Path, iteration: int, sheets: dict[str, Tensor]) -> list[Path]:
    """Write pictures/<iteration>_<name>.png of sheets [3,H,W] in −1..1."""
    from gantoolkit.report import pictures

    paths = []
    for name, sheet in sheets.items():
        path = folder / "pictures" / f"{iteration:08d}_{name}.png"
        paths.append(pictures.save(pictures.image_picture(sheet), path))
    return paths
