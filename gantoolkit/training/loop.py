"""The loop: draws, losses, backward, gradients over processes, step, logs, checkpoints.

It knows nothing about what is trained; a Task owns the losses. Every iteration is a function of
(seed, iteration) and of the parameters, so that a run that is killed and resumed ends where an
uninterrupted one does.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit.core import distributed
from gantoolkit.core.errors import UsageError
from gantoolkit.core.progress import Progress
from gantoolkit.training import checkpoint
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.run_folder import write_pictures, write_scores
from gantoolkit.training.schedule import Schedule
from gantoolkit.training.signals import Interrupt
from gantoolkit.training.task import Task


@dataclass
class Run:
    """One training under way, as hooks see it."""

    config: dict
    folder: Path
    task: Task
    schedule: Schedule
    seed: int
    device: torch.device
    iteration: int = 0  # iterations done
    timings: dict[str, float] = field(
        default_factory=dict
    )  # seconds per part, summed over resumptions
    pending: dict[str, list[float]] = field(
        default_factory=dict
    )  # loss → [sum, count] since the last log
    finished: bool = False

    @property
    def rank(self) -> int:
        return distributed.rank()

    @property
    def world(self) -> int:
        return distributed.world()

    def add_time(self, part: str, seconds: float) -> None:
        self.timings[part] = self.timings.get(part, 0.0) + seconds


class Trainer:
    """Brings a Run to its last iteration; `hooks` gets `on_log(run, iteration, losses)`."""

    def __init__(self, run: Run, hooks, progress: Progress):
        self.run, self.hooks, self.progress = run, hooks, progress
        self.task, self.schedule = run.task, run.schedule
        self.started = self.saved = self.counted = time.monotonic()
        self.stop = False
        smallest = run.world * self.schedule.accumulate
        if self.schedule.batch < smallest:
            raise UsageError(
                f"schedule.batch={self.schedule.batch} is smaller than the {smallest} parts of "
                f"{run.world} process(es) × accumulate={self.schedule.accumulate}."
            )
        if smallest > 1 and not self.task.separable:
            raise UsageError(
                f"The loss of the task '{run.config['task']}' is of a batch as a whole, which cannot be split "
                "among processes or by schedule.accumulate; use one process, and a smaller schedule.batch "
                "where the memory is short."
            )
        for optimizer in self.task.optimizers.values():
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])

    def restart_clock(self) -> None:
        """Begin to count now (caches were filled since the trainer was made)."""
        self.started = self.saved = self.counted = time.monotonic()

    # -- the loop ------------------------------------------------------------------------------------

    def train(self) -> bool:
        """Train until the last iteration (True) or until a stop was asked for (False)."""
        run = self.run
        with (
            Interrupt(self._ask_to_stop),
            self.progress.bar("train", self.schedule.iterations, run.iteration),
        ):
            while run.iteration < self.schedule.iterations:
                self.iterate(run.iteration)
                run.iteration += 1
                self._log()
                stop = self._stop_wanted()
                if stop or self._save_due():
                    self.save()
                if stop:
                    return False
                self._look()
        return True

    def iterate(self, iteration: int) -> None:
        """All turns of one iteration."""
        for number, phase in enumerate(self.task.phases(iteration)):
            optimizer = self.task.optimizers[phase]
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * self.schedule.rate(
                    iteration, self.task.phase_range(phase)
                )
            torch.manual_seed(hash((self.run.seed, iteration, number, self.run.rank)) % 2**31)
            optimizer.zero_grad(set_to_none=True)
            self._accumulate(phase, number, iteration)
            parameters = [p for g in optimizer.param_groups for p in g["params"]]
            distributed.sum_gradients(parameters)
            if self.schedule.clip:
                torch.nn.utils.clip_grad_norm_(parameters, self.schedule.clip)
            optimizer.step()
        self.task.after_step(iteration)
        distributed.broadcast_buffers(self.task.modules.values())

    def _accumulate(self, phase: str, number: int, iteration: int) -> None:
        """Gradients of this process's share of the batch, part by part, weighted by size."""
        batch, run = self.schedule.batch, self.run
        for index in range(self.schedule.accumulate):
            part = self._part(iteration, number, index)
            weight = len(part) / batch
            with torch.autocast(
                run.device.type, torch.bfloat16, enabled=self.schedule.precision == "bf16"
            ):
                losses = self.task.losses(phase, part, iteration)
            if coming := self._next(iteration, number, index):
                self.task.prefetch(self._part(*coming))
            total = sum(value.float() for name, value in losses.items() if not name.startswith("_"))
            (total * weight).backward()
            self._note(phase, losses, total, weight, first=index == 0)

    def _part(self, iteration: int, number: int, index: int) -> SeededBatch:
        """This process's share of a turn's batch, cut into accumulation parts: the index-th."""
        whole = SeededBatch.of_iteration(
            self.run.seed, iteration, number, self.schedule.batch, self.task.size()
        )
        return whole.part(self.run.rank, self.run.world).part(index, self.schedule.accumulate)

    def _next(self, iteration: int, number: int, index: int) -> tuple[int, int, int] | None:
        """What follows: another part, another turn, another iteration, or nothing."""
        if index + 1 < self.schedule.accumulate:
            return iteration, number, index + 1
        if number + 1 < len(list(self.task.phases(iteration))):
            return iteration, number + 1, 0
        return (iteration + 1, 0, 0) if iteration + 1 < self.schedule.iterations else None

    def _note(
        self, phase: str, losses: dict[str, Tensor], total: Tensor, weight: float, first: bool
    ) -> None:
        """Add this part's losses to the sums that the next log line averages (kept on the device)."""
        for name, value in [*losses.items(), ("", total)]:
            key = f"{phase}/{name.lstrip('_')}" if name else phase
            entry = self.run.pending.setdefault(key, [0.0, 0])
            entry[0] = entry[0] + value.detach().double() * weight
            entry[1] += int(first)

    # -- logs ----------------------------------------------------------------------------------------

    def _settle(self) -> list[str]:
        """Turn the pending sums into numbers (one synchronisation); their sorted names."""
        names = sorted(self.run.pending)
        for name in names:
            self.run.pending[name][0] = float(self.run.pending[name][0])
        return names

    def _log(self) -> None:
        """Every `log_every` iterations: means since the last line, to losses.jsonl, screen and hooks."""
        run = self.run
        if run.iteration % self.schedule.log_every and run.iteration != self.schedule.iterations:
            return
        names = self._settle()
        sums = distributed.sum_numbers([run.pending[n][0] for n in names], run.device)
        losses = {n: s / max(1, run.pending[n][1]) for n, s in zip(names, sums)}
        run.pending = {}
        if run.rank == 0:
            line = dict(
                iteration=run.iteration, seconds=round(time.monotonic() - self.started, 2), **losses
            )
            with open(run.folder / "losses.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")
            self.progress.advance(run.iteration, losses)
        self.hooks.on_log(run=run, iteration=run.iteration, losses=losses)
        self._refuse_infinite(losses)

    def _refuse_infinite(self, losses: dict[str, float]) -> None:
        """Stop before a checkpoint keeps what made a loss infinite."""
        if bad := [name for name, value in losses.items() if not math.isfinite(value)]:
            raise UsageError(
                f"The loss '{bad[0]}' is not finite at iteration {self.run.iteration}; repeat with --resume "
                "and a lower learning rate (lr=…) or a limit on gradients (schedule.clip=1)."
            )

    def _look(self) -> None:
        """Validation and pictures on the way."""
        run, plan = self.run, self.schedule
        validate = plan.validate_every and run.iteration % plan.validate_every == 0
        every = plan.pictures_every or plan.validate_every
        if run.iteration >= plan.iterations or run.rank:
            return
        if validate and (scores := self.task.validate(plan.validate_limit)):
            write_scores(run.folder, run.iteration, scores)
            self.progress.say(
                "scores  " + "  ".join(f"{k} {s.value:.4f}" for k, s in scores.items())
            )
        if every and run.iteration % every == 0:
            write_pictures(run.folder, run.iteration, self.task.pictures())

    # -- checkpoints and stops -----------------------------------------------------------------------

    def _save_due(self) -> bool:
        if (
            self.run.iteration % self.schedule.save_every == 0
            or self.run.iteration == self.schedule.iterations
        ):
            return True
        return (
            not self.run.pending and time.monotonic() - self.saved > 60 * self.schedule.save_minutes
        )

    def save(self) -> None:
        """Write a checkpoint (rank 0). The pending loss means go with it, so that a resumed log is the same.

        A save by the clock waits for an empty list of pending means, so that all processes agree on who talks.
        """
        if names := self._settle():
            sums = distributed.sum_numbers([self.run.pending[n][0] for n in names], self.run.device)
            self._refuse_infinite(dict(zip(names, sums)))
            for name, value in zip(names, sums):
                self.run.pending[name][0] = value if self.run.rank == 0 else 0.0
        now = time.monotonic()
        self.run.add_time("train", now - self.counted)
        self.counted = self.saved = now
        if self.run.rank == 0:
            checkpoint.save(
                self.run.folder / "checkpoint",
                self.task,
                self.run.iteration,
                dict(pending=self.run.pending, timings=self.run.timings),
            )
            self.saved = time.monotonic()

    def _stop_wanted(self) -> bool:
        """Whether any process was interrupted or ran out of its time."""
        limit = self.schedule.time_limit
        wanted = self.stop or bool(limit and time.monotonic() - self.started > limit)
        return distributed.sum_numbers([float(wanted)], self.run.device)[0] > 0

    def _ask_to_stop(self) -> None:
        self.stop = True
        self.progress.say("stopping after this iteration; again to stop at once")
