"""`gantoolkit run`: from a resolved config to a run folder with checkpoint, pictures, scores and a report.

    runs/<name>/  config.py config.json command environment.json losses.jsonl scores.jsonl
                  checkpoint/ pictures/ export/ record.json report.html
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

from gantoolkit import files
from gantoolkit.engine import checkpoint, distributed
from gantoolkit.engine.progress import Progress
from gantoolkit.engine.task import Task
from gantoolkit.engine.train import Run, Schedule, Trainer, write_pictures, write_scores
from gantoolkit.errors import GantoolkitError, UsageError
from gantoolkit.report import record as records
from gantoolkit.types import Record

RUNNER_KEYS = ("task", "seed", "device", "schedule", "report", "name")
FREE_KEYS = ("device", "report", "name")  # may differ between a run and its resumption
FREE_SCHEDULE = ("iterations", "log_every", "save_every", "save_minutes", "validate_every", "validate_limit",
                 "final_validate", "pictures_every", "time_limit")


def run(config: dict, out: str | Path | None = None, resume: bool = False, raw: str | Path | None = None,
        command: list[str] | None = None) -> Record | None:
    """Train, validate, export and report; the Record, or None when the run stopped early.

    config  plain resolved dict: the runner's keys and the task's keyword arguments
    raw     the config file that was typed, copied into the folder for people to read
    """
    device = distributed.pick_device(config.get("device", "auto"))
    with distributed.joined(device):
        progress = Progress(quiet=not distributed.is_main())
        folder = Path(out or Path("runs") / config.get("name", "run"))
        if distributed.is_main():
            _check_folder(folder, config, resume)
        began = _start(config, folder, device)  # a config that cannot be built leaves no folder behind
        if distributed.is_main():
            _open_folder(folder, config, raw, command or sys.argv, began.iteration)
        distributed.barrier()
        return _go(began, progress)


def build_task(config: dict, device: torch.device, seed: int) -> Task:
    """The task of a config, its parameters initialised from the seed alone."""
    from gantoolkit.registry import get

    if "task" not in config:
        raise UsageError("The config has no 'task'; `gantoolkit list tasks` shows what can be trained.")
    kwargs = {key: value for key, value in config.items() if key not in RUNNER_KEYS}
    torch.manual_seed(seed)
    return get("task", config["task"])(**kwargs, device=device, seed=seed)


def _start(config: dict, folder: Path, device: torch.device) -> Run:
    """Build the task and bring it to the newest checkpoint in the folder."""
    seed = int(config.get("seed", 0))
    schedule = Schedule.of(config.get("schedule", {}))
    task = build_task(config, device, seed)
    task.plan(schedule.iterations)
    run = Run(config, folder, task, schedule, seed, device)
    if state := checkpoint.load_latest(folder / "checkpoint", task):
        run.iteration, run.timings = state["iteration"], state["timings"]
        run.pending = {n: [s if run.rank == 0 else 0.0, c] for n, (s, c) in state["pending"].items()}
    return run


def _go(run: Run, progress: Progress) -> Record | None:
    """Caches, training, and what follows it."""
    from gantoolkit import plugins

    manager = plugins.manager()
    if run.iteration:
        progress.say(f"resuming {run.folder} at iteration {run.iteration}")
    trainer = Trainer(run, manager.hook, progress)
    manager.hook.run_started(run=run)
    _timed(run, "prepare", lambda: _prepare(run, progress))
    trainer.restart_clock()
    if not _train(run, trainer, manager):
        progress.say(f"stopped at iteration {run.iteration}; repeat the command with --resume to go on")
        return None
    record = None
    if distributed.is_main():
        record = finish(run, progress)
        manager.hook.run_finished(run=run, record=record)
        records.save(record, run.folder)
        _report(run, record, progress)
    distributed.barrier()
    return record


def _prepare(run: Run, progress: Progress) -> None:
    """Fill caches; the processes share the work, so each looks again when all are done."""
    run.task.prepare(run.folder, progress)
    distributed.barrier()
    if run.world > 1:
        run.task.prepare(run.folder, lambda *_: None)


def finish(run: Run, progress: Progress) -> Record:
    """Export, final validation and pictures: what record.json will say."""
    folder, task = run.folder, run.task
    _timed(run, "export", lambda: task.export(_made(folder / "export")))
    scores = {}
    if run.schedule.final_validate:
        scores = _timed(run, "validate", task.validate)
        if scores:
            write_scores(folder, run.iteration, scores)
    _timed(run, "pictures", lambda: write_pictures(folder, run.iteration, task.pictures()))
    samples = _timed(run, "samples", lambda: task.samples(folder))
    record = Record(
        run=folder.resolve().name, config=run.config, command=_read_command(folder),
        environment=environment(run.device), seed=run.seed, weights=task.weights(),
        timings={k: round(v, 2) for k, v in run.timings.items()},
        scores={**task.other_scores(), task.system: scores},
        samples=samples, notes=task.notes())
    for name, score in scores.items():
        progress.say(f"{name:>20} {score.value:.4f} {'↑' if score.higher_is_better else '↓'}  n={score.n}")
    return record


def _report(run: Run, record: Record, progress: Progress) -> None:
    if run.config.get("report", True) is False:
        return
    from gantoolkit import plugins
    from gantoolkit.report import html

    parts = plugins.hooks().report_sections(record=record, folder=run.folder)
    path = html.write(run.folder, [section for part in parts for section in part])
    progress.say(f"report: {path}")


# -- the folder ---------------------------------------------------------------------------------------


def _check_folder(folder: Path, config: dict, resume: bool) -> None:
    """A run folder must be empty, or belong to this config and be resumed."""
    used = folder.is_dir() and any(folder.iterdir())
    if used and not resume:
        raise UsageError(f"{folder} is not empty; add --resume to continue it, or --out OTHER for a new run.")
    if used and (folder / "config.json").is_file():
        _same_config(json.loads((folder / "config.json").read_text()), json.loads(json.dumps(config)), folder)


def _open_folder(folder: Path, config: dict, raw, command: list[str], iteration: int) -> None:
    """Write what describes the run, and cut its logs back to the checkpoint at `iteration`."""
    files.write_json(folder / "config.json", config)
    if raw and Path(raw).is_file():
        files.write_bytes(folder / "config.py", Path(raw).read_bytes())
    files.append_line(folder / "command", json.dumps(command))
    files.write_json(folder / "environment.json", environment())
    _cut_logs(folder, iteration)


def _same_config(old: dict, new: dict, folder: Path) -> None:
    """Refuse to resume a run under another config (the schedule's stops and logs may change)."""

    def core(config: dict) -> dict:
        kept = {k: v for k, v in config.items() if k not in FREE_KEYS}
        schedule = asdict(Schedule.of(kept.get("schedule", {})))
        kept["schedule"] = {k: v for k, v in schedule.items() if k not in FREE_SCHEDULE}
        return kept

    old, new = core(old), core(new)
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if changed:
        raise UsageError(f"{folder} was begun with another '{changed[0]}'; resume it with the same config, "
                         "or start a new run with --out OTHER.")


def _cut_logs(folder: Path, iteration: int) -> None:
    """Drop the log lines after the checkpoint that the run resumes from."""
    for name in ("losses.jsonl", "scores.jsonl"):
        path = folder / name
        if path.is_file():
            kept = [line for line in path.read_text().splitlines() if _iteration_of(line) <= iteration]
            files.write_text(path, "".join(line + "\n" for line in kept))


def _iteration_of(line: str) -> float:
    try:
        return json.loads(line)["iteration"]
    except (ValueError, KeyError):
        return float("inf")


def _read_command(folder: Path) -> list[str]:
    return json.loads((folder / "command").read_text().splitlines()[-1])


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# -- what surrounds it --------------------------------------------------------------------------------


def environment(device: torch.device | None = None) -> dict[str, str]:
    """Versions and hardware that a result depends on."""
    from importlib import metadata

    found = {"python": platform.python_version(), "platform": platform.platform(), "cpus": str(os.cpu_count())}
    for package in ("gantoolkit", "torch", "diffusers", "transformers", "mmengine", "numpy", "safetensors"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    found["threads"], found["processes"] = str(torch.get_num_threads()), str(distributed.world())
    found["commit"] = _commit()
    if device is not None:
        cuda = device.type == "cuda"
        found["device"] = torch.cuda.get_device_name(device) if cuda else platform.processor() or "cpu"
    return {k: v for k, v in found.items() if v}


def _commit() -> str:
    """The commit of the checkout that this package runs from, "" elsewhere."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, text=True,
                              capture_output=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _timed(run: Run, part: str, work):
    began = time.monotonic()
    try:
        return work()
    finally:
        run.add_time(part, time.monotonic() - began)


def _train(run: Run, trainer: Trainer, manager) -> bool:
    """The loop, inside every `around_run` wrapper."""
    from gantoolkit.plugins import hookimpl

    class Loop:
        done = False

        @hookimpl
        def around_run(self, run):
            self.done = trainer.train()

    loop = Loop()
    manager.register(loop)
    try:
        manager.hook.around_run(run=run)
    finally:
        manager.unregister(loop)
    return loop.done


def main(arguments: list[str] | None = None) -> int:
    """`python -m gantoolkit.engine.run CONFIG [key=value …] [--out DIR] [--resume]`."""
    import argparse

    from gantoolkit import config

    parser = argparse.ArgumentParser(prog="gantoolkit run")
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--out")
    parser.add_argument("--resume", action="store_true")
    wanted = parser.parse_args(arguments)
    try:
        loaded = config.load(wanted.config, wanted.overrides)
        run(loaded.to_dict(), wanted.out, wanted.resume, config.find(wanted.config))
    except GantoolkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
