"""Training of the bridge with and without the cache, part by part.

The iterations are the trainer's own (`training.loop.Trainer.train_step` on configs/absm_eg3d.py);
only the source of z_t, I^d_0 and features is exchanged. Variants:

anew      every iteration denoises its batch from noise, in all steps and with guidance
cache     z_t and I^d_0 come from the cache, features from one evaluation: the default
features  h, f and a come from the cache too (`cache.max_gb` large enough)
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import timing
import torch
from universe import DATA, Universe

from gantoolkit.config import loader
from gantoolkit.core.types import Features
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.tasks.bridge.trajectories import TimestepBatch
from gantoolkit.training.loop import Run, Trainer
from gantoolkit.training.runner import build_task
from gantoolkit.training.schedule import Schedule

CONFIG = "configs/absm_eg3d.py"
VARIANTS = ("anew", "cache", "features")
READ, FEATURES = "z_t and I^d_0", "features"  # parts of an iteration
FORWARD, BACKWARD = "bridge, generator, losses", "backward and step"
CACHED_SAMPLES = 48  # of which one iteration takes `schedule.batch`


class Source:
    """Take the place of a task's Trajectories: timed, and read as one of VARIANTS."""

    def __init__(self, trajectories, timer: timing.PartTimer):
        self.real = trajectories
        self.timer = timer
        self.variant = "cache"

    def __getattr__(self, name: str):
        return getattr(self.real, name)

    def __len__(self) -> int:
        return len(self.real)

    def read(self, rows, steps, fetched=None) -> TimestepBatch:
        """Read from the cache, or denoise anew."""
        with self.timer.part(READ):
            if self.variant == "anew":
                return self.denoise(rows, steps)
            return self.real.read(rows, steps, fetched)

    def denoise(self, rows, steps) -> TimestepBatch:
        """Make what `read` gives by one run from noise with guidance."""
        sample = self.real.sample(rows).to(self.real.device)
        latents, x0 = self.real.encoder.trajectory(sample.condition)
        latents = latents[torch.arange(len(rows)), steps]
        return TimestepBatch(sample, latents, self.real.timesteps[steps], x0, rows, steps)

    def features(self, batch: TimestepBatch, only_h: bool = False) -> Features:
        """Compute features, or read them from their cache."""
        with self.timer.part(FEATURES):
            self.real.stores_features = self.variant == "features"
            return self.real.features(batch, only_h)


class Bench:
    """The bridge task of CONFIG with its trainer, in `folder`."""

    def __init__(self, universe: Universe, folder: Path):
        values = loader.load_config(CONFIG, ["code_fraction=0.0"]).to_dict()  # all render
        self.iterations = values["schedule"]["iterations"]
        samples = len(FaceZip(values["data"]["train"]))
        self.samples = min(samples, values["data"].get("train_limit") or samples)  # of a whole run
        self.values = _reduced(values, universe, folder)

        device, seed = torch.device("cpu"), values["seed"]
        self.task = build_task(self.values, device, seed)
        self.task.plan(self.iterations)
        schedule = Schedule.of(self.values["schedule"])
        run = Run(self.values, folder, self.task, schedule, seed, device)
        self.trainer = Trainer(run, hooks=None, progress=None)  # only `train_step` is called
        self.timer = timing.PartTimer()
        self._fill_caches(folder)

    def _fill_caches(self, folder: Path) -> None:
        """Cache z_t, I^d_0, embeddings and features; then put the timed Source in their place."""
        task = self.task

        def quiet(*_) -> None:
            pass

        task.data.train.store_features(1e3)
        task.prepare(folder, quiet)
        task.data.train = Source(task.data.train, self.timer)
        losses = task.losses

        def timed_losses(*arguments):
            with self.timer.part(FORWARD):
                return losses(*arguments)

        task.losses = timed_losses

    def iterate(self, variant: str, iteration: int) -> dict[str, float]:
        """Run one iteration; returns its seconds per part."""
        self.task.data.train.variant = variant
        self.timer.seconds = {}
        with self.timer.part(BACKWARD):  # what is left of the iteration
            self.trainer.train_step(iteration)
        return dict(self.timer.seconds)

    def difference(self) -> dict[str, float]:
        """Return how far cached z_t and I^d_0 are from those made anew.

        They are stored in half precision and 8 bits, and made in batches of another size.
        """
        source = self.task.data.train
        rows = torch.arange(self.trainer.schedule.batch)
        steps = rows % len(source.timesteps)
        cached, anew = source.real.read(rows, steps), source.denoise(rows, steps)
        return {
            "z_t": timing.significant(float((cached.latents - anew.latents).abs().max())),
            "I^d_0": timing.significant(float((cached.x0 - anew.x0).abs().max())),
        }

    def time_phase(self, phase: str, first: int, rounds: int) -> dict:
        """Time iterations of a phase, from number `first`: seconds of every variant and part."""
        iterations = {variant: itertools.count(first) for variant in VARIANTS}  # the same samples

        def job(variant: str) -> Callable[[], dict[str, float]]:
            return lambda: self.iterate(variant, next(iterations[variant]))

        kept = timing.interleave({variant: job(variant) for variant in VARIANTS}, 0, rounds)
        times = {variant: timing.seconds_of(kept, variant) for variant in VARIANTS}
        row = dict(phase=phase, others=timing.median_others(kept))
        for variant in VARIANTS:
            row[variant] = timing.summary(times[variant])
            row[variant]["parts"] = _median_parts([one.results[variant] for one in kept])
        row["ratio"] = timing.ratio(times["anew"], times["cache"])
        row["ratio_features"] = timing.ratio(times["cache"], times["features"])
        return row

    def fill_seconds(self, rounds: int) -> float:
        """Return the seconds per sample that filling the cache takes, at its own batch size."""
        source = self.task.data.train.real
        sample = source.sample(torch.arange(CACHED_SAMPLES))
        jobs = dict(fill=lambda: source.encoder.trajectory(sample.condition))
        kept = timing.interleave(jobs, 0, rounds)
        return timing.summary(timing.seconds_of(kept, "fill"))["median"] / CACHED_SAMPLES


def _median_parts(iterations: list[dict[str, float]]) -> dict[str, float]:
    """Return the median seconds of every part over iterations."""
    medians = {}
    for part in (READ, FEATURES, FORWARD, BACKWARD):
        seconds = [iteration.get(part, 0.0) for iteration in iterations]
        medians[part] = timing.summary(seconds)["median"]
    return medians


def _reduced(values: dict, universe: Universe, folder: Path) -> dict:
    """Return the config with little data, networks of the universe and a temporary cache."""
    values = values | dict(
        data=dict(train=DATA, val=DATA, train_limit=CACHED_SAMPLES, val_limit=1),
        metrics={},
        score_after_steps=[],
        cache=dict(folder=str(folder / "cache"), max_gb=0.0),
    )
    for key in ("weights", "controlnet"):
        values["encoder"][key] = universe.name(values["encoder"][key])
    values["generator"] = universe.name(values["generator"])
    for spec in values["losses"].values():
        if "network" in spec:
            spec["network"] = universe.name(spec["network"])
    return values


def measure(universe: Universe, folder: Path, rounds: int, say: Callable[[str], None]) -> dict:
    """Measure what the record calls `training`."""
    bench = Bench(universe, folder)
    phases = []
    for phase, first in (("M", 0), ("T", bench.task.first_of_t)):
        phases.append(bench.time_phase(phase, first, rounds))
        say(f"training {phase}: anew / cache {phases[-1]['ratio']['median']:.1f}")
    fill = bench.fill_seconds(max(2, rounds // 4))
    encoder, schedule = bench.values["encoder"], bench.trainer.schedule
    return dict(
        config=CONFIG,
        batch=schedule.batch,
        precision=schedule.precision,
        steps=encoder["steps"],
        guidance=encoder["guidance"],
        fill_per_sample=timing.significant(fill),
        phases=phases,
        whole_run=_whole_run(bench, phases, fill),
        difference=bench.difference(),
    )


def _whole_run(bench: Bench, phases: list[dict], fill: float) -> dict:
    """Extrapolate to a whole run with half of its iterations in each phase; fill: s per sample."""
    anew, cache = (
        sum(phase[variant]["median"] for phase in phases) / len(phases)
        for variant in ("anew", "cache")
    )
    filling = bench.samples * fill
    whole = dict(
        iterations=bench.iterations,
        samples=bench.samples,
        anew=timing.significant(bench.iterations * anew),
        fill=timing.significant(filling),
        cache=timing.significant(bench.iterations * cache + filling),
    )
    whole["ratio"] = round(whole["anew"] / whole["cache"], 2)
    whole["pays_after"] = round(filling / (anew - cache)) if anew > cache else None
    return whole
