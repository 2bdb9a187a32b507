"""`gantoolkit run`: from a resolved config to a run folder with checkpoint, pictures, scores and a report."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from gantoolkit.config.loader import defaults
from gantoolkit.core import distributed, files
from gantoolkit.core.errors import UsageError
from gantoolkit.core.progress import Progress
from gantoolkit.core.types import Record
from gantoolkit.report import record as records
from gantoolkit.training import checkpoint, oom, run_folder
from gantoolkit.training.loop import Run, Trainer
from gantoolkit.training.schedule import Schedule
from gantoolkit.training.task import Task

RUNNER_KEYS = {"task", *defaults()}


def run(
    config: dict,
    out: str | Path | None = None,
    resume: bool = False,
    raw: str | Path | None = None,
    command: list[str] | None = None,
) -> Record | None:
    """Train, validate, export and report; the Record, or None when the run stopped early.

    config  plain resolved dict: the runner's keys and the task's keyword arguments
    raw     the config file that was typed, copied into the folder for people to read
    """
    device = distributed.pick_device(config.get("device", "auto"))
    with distributed.joined(device):
        progress = Progress(quiet=not distributed.is_main())
        folder = Path(out or Path("runs") / run_folder.named(config.get("name", "run")))
        if distributed.is_main():
            run_folder.check(folder, config, resume)
        began = _start(
            config, folder, device, progress
        )  # a config that cannot be built leaves no folder behind
        if distributed.is_main():
            run_folder.describe(folder, config, raw, command or sys.argv, began.iteration)
        distributed.barrier()
        return _go(began, progress)


def build_task(config: dict, device: torch.device, seed: int) -> Task:
    """The task of a config, its parameters initialised from the seed alone."""
    from gantoolkit.registry.registry import get

    if "task" not in config:
        raise UsageError(
            "The config has no 'task'; `gantoolkit list tasks` shows what can be trained."
        )
    kwargs = {key: value for key, value in config.items() if key not in RUNNER_KEYS}
    torch.manual_seed(seed)
    return get("task", config["task"]).from_config(kwargs, device, seed)


def _start(config: dict, folder: Path, device: torch.device, progress: Progress) -> Run:
    """Build the task and bring it to the newest checkpoint in the folder, else to that of `load_from`."""
    seed = int(config.get("seed", 0))
    schedule = Schedule.of(config.get("schedule", {}))
    task = build_task(config, device, seed)
    task.plan(schedule.iterations)
    run = Run(config, folder, task, schedule, seed, device)
    if state := checkpoint.load_latest(folder / "checkpoint", task):
        run.iteration, run.timings = state["iteration"], state["timings"]
        _same_past(run)
        run.pending = {
            n: [s if run.rank == 0 else 0.0, c] for n, (s, c) in state["pending"].items()
        }
    elif other := config.get("load_from"):
        progress.say(checkpoint.begin_from(Path(other), task))
    return run


def _same_past(run: Run) -> None:
    """Refuse another number of iterations under which those that are done would have trained other parts."""

    def past(iterations: int) -> list[tuple[str, ...]]:
        run.task.plan(iterations)
        return [tuple(run.task.phases(number)) for number in range(run.iteration)]

    before = Schedule.of(files.read_run_config(run.folder).get("schedule", {})).iterations
    if past(before) != past(run.schedule.iterations):
        raise UsageError(
            f"With schedule.iterations={run.schedule.iterations} in place of {before}, the "
            f"{run.iteration} iterations of {run.folder} would have trained other parts; go on in a new run, "
            f"load_from={run.folder}."
        )


def _go(run: Run, progress: Progress) -> Record | None:
    """Caches, training, and what follows it."""
    from gantoolkit.registry import plugins

    manager = plugins.manager()
    if run.iteration:
        progress.say(f"resuming {run.folder} at iteration {run.iteration}")
    trainer = Trainer(run, manager.hook, progress)
    manager.hook.run_started(run=run)
    with oom.answered(run.config, "prepare", run.world):
        _timed(run, "prepare", lambda: _prepare(run, progress))
    trainer.restart_clock()
    with oom.answered(run.config, "train", run.world):
        done = _train(run, trainer, manager)
    if not done:
        progress.say(
            f"stopped at iteration {run.iteration}; repeat the command with --resume to go on"
        )
        return None
    record = None
    if distributed.is_main():
        with oom.answered(run.config, "validate", run.world):
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
        progress.say("scoring the validation split")
        scores = _timed(run, "validate", task.validate)
        if scores:
            run_folder.write_scores(folder, run.iteration, scores)
    _timed(
        run, "pictures", lambda: run_folder.write_pictures(folder, run.iteration, task.pictures())
    )
    others = _timed(run, "references", task.other_scores) if scores else {}
    samples = _timed(run, "samples", lambda: task.samples(folder))
    record = Record(
        run=folder.resolve().name,
        config=run.config,
        command=run_folder.command(folder),
        environment=run_folder.environment(run.device),
        seed=run.seed,
        weights=task.weights(),
        timings={k: round(v, 2) for k, v in run.timings.items()},
        scores={**others, task.system: scores},
        samples=samples,
        notes=_origin(run.config) + run_folder.changes(folder) + task.notes(),
    )
    for name, score in scores.items():
        progress.say(
            f"{name:>20} {score.value:.4f} {'↑' if score.higher_is_better else '↓'}  n={score.n}"
        )
    return record


def _origin(config: dict) -> list[str]:
    """A sentence where the run did not begin from random numbers alone."""
    other = config.get("load_from")
    return (
        [f"Began from the trained tensors of the run '{Path(other).name}', not from random ones."]
        if other
        else []
    )


def _report(run: Run, record: Record, progress: Progress) -> None:
    if run.config.get("report", True) is False:
        return
    from gantoolkit.registry import plugins
    from gantoolkit.report import run_page

    parts = plugins.hooks().report_sections(record=record, folder=run.folder)
    path = run_page.write(run.folder, [section for part in parts for section in part])
    progress.say(f"report: {path}")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _timed(run: Run, part: str, work):
    began = time.monotonic()
    try:
        return work()
    finally:
        run.add_time(part, time.monotonic() - began)


def _train(run: Run, trainer: Trainer, manager) -> bool:
    """The loop, inside every `around_run` wrapper."""
    from gantoolkit.registry.plugins import hookimpl

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
