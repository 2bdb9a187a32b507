"""The run folder: what is written into it beside checkpoints, and whether a run may use it.

runs/<name>/  config.py config.json command environment.json losses.jsonl scores.jsonl changes.jsonl
              checkpoint/ pictures/ export/ record.json report.html
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit.config import value_types
from gantoolkit.core import distributed, files
from gantoolkit.core.errors import UsageError
from gantoolkit.training.schedule import Schedule

CHANGES = "changes.jsonl"
FREE = {  # what may differ between a run and its resumption: names, logs, stops, and what trades memory for time
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
NOTED = {  # what may be changed too, a run made longer or its rates lower; changes.jsonl and the record say so
    "": value_types.RATES,
    "schedule": ("clip", "iterations"),
}


def exported(run: Path) -> list[Path]:
    """The weights files that a run has exported."""
    return sorted((run / "export").glob("*.safetensors"))


def named(name: str) -> str:
    """A run's name, which must be that of a folder in runs/."""
    if name in ("", ".", "..") or Path(name).name != name:
        raise UsageError(
            f"name={name!r} is no name of a folder in runs/; give a plain one, or another place by --out."
        )
    return name


def check(folder: Path, config: dict, resume: bool) -> None:
    """A run folder must be empty, of a run that never reached a checkpoint, or belong to this config and be resumed."""
    used = folder.is_dir() and any(folder.iterdir()) and not _unbegun(folder)
    if used and not resume:
        raise UsageError(
            f"{folder} is not empty; add --resume to continue it, or --out OTHER for a new run."
        )
    if used and (folder / "config.json").is_file():
        _same_config(files.read_run_config(folder), json.loads(json.dumps(config)), folder)


def _unbegun(folder: Path) -> bool:
    """Whether a folder is that of a run that stopped before its first checkpoint, which may be started anew."""
    return (
        (folder / "config.json").is_file()
        and not list(folder.glob("checkpoint/[0-9]*"))
        and not (folder / "record.json").is_file()
    )


def describe(folder: Path, config: dict, raw, typed: list[str], iteration: int) -> None:
    """Write what describes the run, and cut its logs back to the checkpoint at `iteration`."""
    if iteration and (changed := _changed(files.read_run_config(folder), config)):
        with open(folder / CHANGES, "a") as file:
            file.write(json.dumps(dict(iteration=iteration, changed=changed)) + "\n")
    files.write_json(folder / "config.json", config)
    if raw and Path(raw).is_file():
        files.write_bytes(folder / "config.py", Path(raw).read_bytes())
    with open(folder / "command", "a") as file:
        file.write(json.dumps(typed) + "\n")
    files.write_json(folder / "environment.json", environment())
    _cut_logs(folder, iteration)


def _same_config(old: dict, new: dict, folder: Path) -> None:
    """Refuse to resume a run under another config."""
    old, new = _core(old), _core(new)
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if changed:
        raise UsageError(
            f"{folder} was begun with another '{changed[0]}'; resume it with the same config, "
            "or start a new run with --out OTHER."
        )


def _core(config: dict) -> dict:
    """What of a config decides the result."""
    found = {key: value for key, value in config.items() if key not in FREE[""] + NOTED[""]}
    found["schedule"] = asdict(Schedule.of(config.get("schedule", {})))
    for key in FREE.keys() | NOTED.keys():
        if isinstance(found.get(key), dict):
            free = FREE.get(key, ()) + NOTED.get(key, ())
            found[key] = {
                name: value for name, value in found[key].items() if name not in free
            } or None
    return found


def _changed(old: dict, new: dict) -> dict[str, list]:
    """Dotted key → [before, now] of what is noted and differs."""
    pairs = {
        f"{key}.{name}".lstrip("."): [
            (c.get(key) or {} if key else c).get(name) for c in (old, new)
        ]
        for key, keys in NOTED.items()
        for name in keys
    }
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def changes(folder: Path) -> list[str]:
    """A sentence per resumption with other rates or another length, for the record."""

    def shown(value) -> str:
        return "unset" if value is None else str(value) if isinstance(value, int) else f"{value:g}"

    return [
        f"Resumed at iteration {line['iteration']} with "
        + ", ".join(
            f"{key} {shown(now)} in place of {shown(old)}"
            for key, (old, now) in line["changed"].items()
        )
        + "."
        for line in files.read_json_lines(folder / CHANGES)
    ]


def _cut_logs(folder: Path, iteration: int) -> None:
    """Drop the log lines after the checkpoint that the run resumes from."""
    for name in ("losses.jsonl", "scores.jsonl", CHANGES):
        path = folder / name
        if path.is_file():
            kept = [
                line for line in path.read_text().splitlines() if _iteration_of(line) <= iteration
            ]
            files.write_text(path, "".join(line + "\n" for line in kept))


def _iteration_of(line: str) -> float:
    try:
        return json.loads(line)["iteration"]
    except (ValueError, KeyError):
        return float("inf")


def command(folder: Path) -> list[str]:
    """The command line that the run was last started with."""
    return json.loads((folder / "command").read_text().splitlines()[-1])


def environment(device: torch.device | None = None) -> dict[str, str]:
    """Versions and hardware that a result depends on."""
    from importlib import metadata

    found = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": str(os.cpu_count()),
    }
    for package in (
        "gantoolkit",
        "torch",
        "diffusers",
        "transformers",
        "mmengine",
        "numpy",
        "safetensors",
    ):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    found["threads"], found["processes"] = str(torch.get_num_threads()), str(distributed.world())
    found["commit"] = _commit()
    if device is not None:
        cuda = device.type == "cuda"
        found["device"] = (
            torch.cuda.get_device_name(device) if cuda else platform.processor() or "cpu"
        )
    return {k: v for k, v in found.items() if v}


def _commit() -> str:
    """The commit of the checkout that this package runs from, "" elsewhere."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            text=True,
            capture_output=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def write_scores(folder: Path, iteration: int, scores) -> None:
    """Append one line to scores.jsonl."""
    line = dict(iteration=iteration, **{name: score.value for name, score in scores.items()})
    with open(folder / "scores.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")


def write_pictures(folder: Path, iteration: int, sheets: dict[str, Tensor]) -> list[Path]:
    """pictures/<iteration>_<name>.png of sheets [3,H,W] in −1..1."""
    from gantoolkit.report import pictures

    return [
        pictures.save(
            pictures.image_picture(sheet), folder / "pictures" / f"{iteration:08d}_{name}.png"
        )
        for name, sheet in sheets.items()
    ]
