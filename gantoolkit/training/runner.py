"""`gantoolkit run`: from a resolved config to a run folder with checkpoint, scores and report."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch

from gantoolkit.config.loader import defaults
from gantoolkit.core import distributed, files
from gantoolkit.core.errors import UsageError
from gantoolkit.core.progress import Progress
from gantoolkit.core.types import Record
from gantoolkit.registry import contracts, plugins
from gantoolkit.report import record as records
from gantoolkit.training import checkpoint, environment, oom, run_folder, run_lock
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
    """Train, validate, export and report; returns the Record, or None at its time limit.

    A signal to stop raises KeyboardInterrupt, after the checkpoint.

    config   plain resolved dict: the runner's keys and the task's keys
    out      the run folder; default runs/NAME
    resume   continue from the newest checkpoint in the folder
    raw      the config file that was typed, copied into the folder for people to read
    command  the command line to note; default sys.argv
    """
    device = distributed.pick_device(config.get("device", "auto"))
    with distributed.joined(device):
        progress = Progress(quiet=not distributed.is_main())
        folder = Path(out or Path("runs") / run_folder.check_name(config.get("name", "run")))
        with run_lock.held(folder) if distributed.is_main() else nullcontext():
            if distributed.is_main():
                run_folder.check(folder, config, resume)
            # a config that cannot be built leaves no folder behind
            with oom.answered(config, "build"):
                state = build_run(config, folder, device, progress)
            if distributed.is_main():
                run_folder.write_description(
                    folder, config, raw, command or sys.argv, state.iteration
                )
            distributed.barrier()
            return train_and_finish(state, progress)


def build_task(config: dict, device: torch.device, seed: int) -> Task:
    """Build the task of a config; its initial parameters depend only on the seed."""
    from gantoolkit.registry.registry import get

    if "task" not in config:
        raise UsageError(
            "The config has no 'task'; `gantoolkit list tasks` shows what can be trained."
        )
    keys = {key: value for key, value in config.items() if key not in RUNNER_KEYS}
    torch.manual_seed(seed)
    task = get("task", config["task"]).from_config(keys, device, seed)
    contracts.check_members("task", task)
    return task


def build_run(config: dict, folder: Path, device: torch.device, progress: Progress) -> Run:
    """Build the task and load the newest checkpoint in the folder, else that of `load_from`."""
    seed = int(config.get("seed", 0))
    schedule = Schedule.of(config.get("schedule", {}))
    task = build_task(config, device, seed)
    task.plan(schedule.iterations)
    run = Run(config, folder, task, schedule, seed, device)
    if state := checkpoint.load_latest(folder / "checkpoint", task):
        run.iteration = state["iteration"]
        run.timings = state["timings"]
        _check_same_phases(run)
        run.loss_averages.load(state["loss_sums"])
    elif other := config.get("load_from"):
        progress.say(checkpoint.initialize_from(Path(other), task))
    return run


def _check_same_phases(run: Run) -> None:
    """Refuse a number of iterations under which those done would have been of other phases."""

    def phases_done(iterations: int) -> list[tuple[str, ...]]:
        run.task.plan(iterations)
        return [tuple(run.task.phases(iteration)) for iteration in range(run.iteration)]

    old_config = files.read_run_config(run.folder)
    before = Schedule.of(old_config.get("schedule", {})).iterations
    if phases_done(before) != phases_done(run.schedule.iterations):
        raise UsageError(
            f"With schedule.iterations={run.schedule.iterations} in place of {before}, the "
            f"{run.iteration} iterations of {run.folder} would have trained other parts; go on in "
            f"a new run, load_from={run.folder}."
        )


def train_and_finish(run: Run, progress: Progress) -> Record | None:
    """Fill caches, train, score and report; None when the run reached its time limit."""
    hooks = plugins.hooks()
    if run.iteration:
        progress.say(f"resuming {run.folder} at iteration {run.iteration}")
    trainer = Trainer(run, hooks, progress)
    hooks.run_started(run=run)
    with oom.answered(run.config, "prepare", run.world), timed(run, "prepare"):
        _prepare(run, progress)

    trainer.restart_clock()
    with oom.answered(run.config, "train", run.world), plugins.around_run(run):
        finished = trainer.train()
    if not finished:
        progress.say(
            f"stopped at iteration {run.iteration}; repeat the command with --resume to go on"
        )
        if trainer.stop_requested:
            raise KeyboardInterrupt
        return None

    record = None
    if distributed.is_main():
        with oom.answered(run.config, "validate", run.world):
            record = finish(run, progress)
        hooks.run_finished(run=run, record=record)
        records.save(record, run.folder)
        _write_report(run, record, progress)
    distributed.barrier()
    return record


def _prepare(run: Run, progress: Progress) -> None:
    """Fill caches; the processes share the work, so each looks again when all are done."""
    run.task.prepare(run.folder, progress)
    distributed.barrier()
    if run.world > 1:
        run.task.prepare(run.folder, lambda *_: None)


def finish(run: Run, progress: Progress) -> Record:
    """Export, validate and draw; returns what record.json will say."""
    folder, task = run.folder, run.task
    with timed(run, "export"):
        (folder / "export").mkdir(parents=True, exist_ok=True)
        task.export(folder / "export")

    scores = {}
    if run.schedule.final_validate:
        progress.say("scoring the validation split")
        with timed(run, "validate"):
            scores = task.validate()
        if scores:
            run_folder.write_scores(folder, run.iteration, scores)

    with timed(run, "pictures"):
        run_folder.write_pictures(folder, run.iteration, task.pictures())
    reference_scores = {}
    if scores:
        with timed(run, "references"):
            reference_scores = task.other_scores()
    with timed(run, "samples"):
        samples = task.samples(folder)

    for name, score in scores.items():
        progress.say(f"{name:>20} {score.value:.4f} {score.arrow}  n={score.n}")
    return Record(
        run=folder.resolve().name,
        config=run.config,
        command=run_folder.command(folder),
        environment=environment.describe(run.device),
        seed=run.seed,
        weights=task.weights(),
        timings={stage: round(seconds, 2) for stage, seconds in run.timings.items()},
        scores={**reference_scores, task.system: scores},
        samples=samples,
        notes=_origin(run.config) + run_folder.changes(folder) + task.notes(),
    )


def _origin(config: dict) -> list[str]:
    """Say where a run did not begin from random numbers."""
    other = config.get("load_from")
    if not other:
        return []
    return [
        f"Began from the trained tensors of the run '{Path(other).name}', not from random ones."
    ]


def _write_report(run: Run, record: Record, progress: Progress) -> None:
    """Write report.html with the plugins' sections, unless `report` is False."""
    if run.config.get("report", True) is False:
        return
    from gantoolkit.report import run_page

    sections = []
    for of_plugin in plugins.hooks().report_sections(record=record, folder=run.folder):
        sections += of_plugin
    path = run_page.write(run.folder, sections)
    progress.say(f"report: {path}")


@contextmanager
def timed(run: Run, stage: str) -> Iterator[None]:
    """Add the seconds inside to the run's timing of a stage."""
    start = time.monotonic()
    try:
        yield
    finally:
        run.add_time(stage, time.monotonic() - start)
