"""The training loop: zero_grad, forward, backward, all-reduce, clip, step, log, checkpoint.

It does not know what is trained; a Task owns the losses. Every iteration is a function of (seed,
iteration) and of the parameters, so a run that is killed and resumed ends where an uninterrupted
one does.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from gantoolkit.core import distributed, precision
from gantoolkit.core.errors import UsageError
from gantoolkit.core.progress import Progress
from gantoolkit.training import checkpoint
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.loss_averages import LossAverages
from gantoolkit.training.run_folder import write_pictures, write_scores
from gantoolkit.training.schedule import Schedule
from gantoolkit.training.signals import stop_on_signal
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
    timings: dict[str, float] = field(default_factory=dict)  # seconds per stage, over resumptions
    loss_averages: LossAverages = field(default_factory=LossAverages)  # since the last log line

    @property
    def rank(self) -> int:
        return distributed.rank()

    @property
    def world(self) -> int:
        return distributed.world_size()

    def add_time(self, stage: str, seconds: float) -> None:
        """Add seconds to the timing of a stage."""
        self.timings[stage] = self.timings.get(stage, 0.0) + seconds


class Trainer:
    """Bring a Run to its last iteration.

    hooks     gets `on_log(run, iteration, losses)`
    progress  shows the bar and lines on the screen
    """

    def __init__(self, run: Run, hooks, progress: Progress):
        self.run = run
        self.task = run.task
        self.schedule = run.schedule
        self.hooks = hooks
        self.progress = progress
        self.stop_requested = False
        self.restart_clock()
        _check_batch(run)
        for optimizer in self.task.optimizers.values():
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])

    def restart_clock(self) -> None:
        """Count seconds from now on; caches may have been filled since the Trainer was made."""
        self.start = self.last_save = self.last_counted = time.monotonic()

    # -- the loop ----------------------------------------------------------------------------------

    def train(self) -> bool:
        """Train until the last iteration (True) or until a stop was asked for (False)."""
        run, schedule = self.run, self.schedule
        bar = self.progress.bar("train", schedule.iterations, run.iteration)
        with stop_on_signal(self.request_stop), bar:
            while run.iteration < schedule.iterations:
                self.train_step(run.iteration)
                run.iteration += 1
                if self.log_is_due():
                    self.log()
                stop = self.stop_is_due()
                if stop or self.save_is_due():
                    self.save()
                if stop:
                    return False
                if run.rank == 0 and run.iteration < schedule.iterations:
                    self.validate()
        return True

    def train_step(self, iteration: int) -> None:
        """Take one optimizer step per phase of an iteration."""
        task, schedule = self.task, self.schedule
        for phase_index, phase in enumerate(task.phases(iteration)):
            optimizer = task.optimizers[phase]
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            self.set_lr(optimizer, iteration, phase)
            self.seed_torch(iteration, phase_index)

            optimizer.zero_grad(set_to_none=True)
            for shard_index in range(schedule.accumulate):
                batch = self.batch_shard(iteration, phase_index, shard_index)
                with self.autocast():
                    losses = task.losses(phase, batch, iteration)
                self.prefetch_next(iteration, phase_index, shard_index)
                loss = sum(v.float() for name, v in losses.items() if not name.startswith("_"))
                weight = len(batch) / schedule.batch
                (loss * weight).backward()
                self.run.loss_averages.add(phase, losses, loss, weight, new=shard_index == 0)

            distributed.all_reduce_gradients(parameters)
            if schedule.clip:
                torch.nn.utils.clip_grad_norm_(parameters, schedule.clip)
            optimizer.step()
        task.after_step(iteration)
        distributed.broadcast_buffers(task.modules.values())

    def set_lr(self, optimizer: torch.optim.Optimizer, iteration: int, phase: str) -> None:
        """Set the learning rate: a function of the iteration, so that a resume needs no state."""
        factor = self.schedule.lr_factor(iteration, self.task.phase_range(phase))
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor

    def seed_torch(self, iteration: int, phase_index: int) -> None:
        """Seed torch's own stream, which dropout draws from."""
        seed = hash((self.run.seed, iteration, phase_index, self.run.rank))
        torch.manual_seed(seed % 2**31)

    def autocast(self) -> AbstractContextManager:
        """Compute in the schedule's precision."""
        return precision.autocast(self.schedule.precision, self.run.device.type)

    def batch_shard(self, iteration: int, phase_index: int, shard_index: int) -> SeededBatch:
        """Cut this process's share of a batch into shards for accumulation; return one."""
        batch = SeededBatch.of_iteration(
            self.run.seed, iteration, phase_index, self.schedule.batch, self.task.size()
        )
        share = batch.shard(self.run.rank, self.run.world)
        return share.shard(shard_index, self.schedule.accumulate)

    def prefetch_next(self, iteration: int, phase_index: int, shard_index: int) -> None:
        """Tell the task which batch follows: the next shard, else phase, else iteration."""
        if shard_index + 1 < self.schedule.accumulate:
            following = (iteration, phase_index, shard_index + 1)
        elif phase_index + 1 < len(list(self.task.phases(iteration))):
            following = (iteration, phase_index + 1, 0)
        elif iteration + 1 < self.schedule.iterations:
            following = (iteration + 1, 0, 0)
        else:
            return
        self.task.prefetch(self.batch_shard(*following))

    # -- logs --------------------------------------------------------------------------------------

    def log_is_due(self) -> bool:
        """Whether a line of the log is due: every `log_every` iterations, and at the end."""
        iteration = self.run.iteration
        return iteration % self.schedule.log_every == 0 or iteration == self.schedule.iterations

    def log(self) -> None:
        """Write mean losses since the last line to losses.jsonl, the screen and the hooks."""
        run = self.run
        losses = run.loss_averages.means(run.device)
        if run.rank == 0:
            seconds = round(time.monotonic() - self.start, 2)
            line = dict(iteration=run.iteration, seconds=seconds, **losses)
            with open(run.folder / "losses.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")
            self.progress.advance(run.iteration, losses)
        self.hooks.on_log(run=run, iteration=run.iteration, losses=losses)
        self.check_finite(losses)

    def check_finite(self, losses: dict[str, float]) -> None:
        """Stop before a checkpoint holds what made a loss infinite."""
        for name, value in losses.items():
            if not math.isfinite(value):
                raise UsageError(
                    f"The loss '{name}' is not finite at iteration {self.run.iteration}; repeat "
                    "with --resume and a lower learning rate (lr=…) or a limit on gradients "
                    "(schedule.clip=1)."
                )

    def validate(self) -> None:
        """Score and draw on the way, where the schedule says so."""
        run, schedule = self.run, self.schedule
        validate_every = schedule.validate_every
        pictures_every = schedule.pictures_every or validate_every
        scores = {}
        if validate_every and run.iteration % validate_every == 0:
            scores = self.task.validate(schedule.validate_limit)
        if scores:
            write_scores(run.folder, run.iteration, scores)
            values = [f"{name} {score.value:.4f}" for name, score in scores.items()]
            self.progress.say("scores  " + "  ".join(values))
        if pictures_every and run.iteration % pictures_every == 0:
            write_pictures(run.folder, run.iteration, self.task.pictures())

    # -- checkpoints and stops ---------------------------------------------------------------------

    def save_is_due(self) -> bool:
        """Whether a checkpoint is due, by iterations or by the clock.

        A save by the clock waits for a line of the log, so that no process has losses to send.
        """
        iteration = self.run.iteration
        if iteration % self.schedule.save_every == 0 or iteration == self.schedule.iterations:
            return True
        seconds = time.monotonic() - self.last_save
        return not self.run.loss_averages and seconds > 60 * self.schedule.save_minutes

    def save(self) -> None:
        """Write a checkpoint (rank 0), with the losses since the last line of the log."""
        run = self.run
        if run.loss_averages:
            self.check_finite(run.loss_averages.gather(run.device))
        now = time.monotonic()
        run.add_time("train", now - self.last_counted)
        self.last_counted = self.last_save = now
        if run.rank == 0:
            state = dict(loss_sums=run.loss_averages.sums, timings=run.timings)
            checkpoint.save(run.folder / "checkpoint", self.task, run.iteration, state)
            self.last_save = time.monotonic()

    def stop_is_due(self) -> bool:
        """Whether any process was interrupted or ran out of its time."""
        limit = self.schedule.time_limit
        out_of_time = bool(limit and time.monotonic() - self.start > limit)
        votes = distributed.all_reduce_sum(
            [float(self.stop_requested or out_of_time)], self.run.device
        )
        return votes[0] > 0

    def request_stop(self) -> None:
        """Stop after this iteration, with a checkpoint."""
        self.stop_requested = True
        self.progress.say("stopping after this iteration; again to stop at once")


def _check_batch(run: Run) -> None:
    """Refuse a batch that cannot be split as the schedule says."""
    shards = run.world * run.schedule.accumulate
    if run.schedule.batch < shards:
        raise UsageError(
            f"schedule.batch={run.schedule.batch} is smaller than the {shards} shards of "
            f"{run.world} process(es) × accumulate={run.schedule.accumulate}."
        )
    if shards > 1 and not run.task.separable:
        raise UsageError(
            f"The loss of the task '{run.config['task']}' is of a batch as a whole, which cannot "
            "be split among processes or by schedule.accumulate; use one process, and a smaller "
            "schedule.batch where the memory is short."
        )
