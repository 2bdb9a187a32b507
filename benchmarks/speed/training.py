"""Training of the bridge with and without the cache, part by part.

The iterations are the trainer's own (`training.loop.Trainer.train_step` on configs/absm_eg3d.py); only the source
of z_t, I^d_0 and features is exchanged. Variants:

anew      every iteration denoises its batch from noise (all steps, with guidance), then reads the features
cache     z_t and I^d_0 come from the cache, features from one evaluation: the default
features  h, f and a come from the cache too (`cache.max_gb` large enough)
"""

from __future__ import annotations

import itertools
from pathlib import Path

import timing
import torch
from universe import DATA

from gantoolkit.config import loader
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.tasks.bridge.trajectories import TimestepBatch
from gantoolkit.training.loop import Run, Trainer
from gantoolkit.training.runner import build_task
from gantoolkit.training.schedule import Schedule

CONFIG = "configs/absm_eg3d.py"
VARIANTS = ("anew", "cache", "features")
READ, FEATURES = "z_t and I^d_0", "features"
FORWARD, BACKWARD = "bridge, generator, losses", "backward and step"
ROWS = 48  # samples in the cache that is read here; one iteration takes `schedule.batch` of them


class Source:
    """Stands in a task for its Trajectories, timed, and read in one of VARIANTS' ways."""

    def __init__(self, trajectories, parts: timing.Parts):
        self.real, self.parts, self.variant, self.feature_cache = trajectories, parts, "cache", None

    def __getattr__(self, name: str):
        return getattr(self.real, name)

    def __len__(self) -> int:
        return len(self.real)

    def read(self, rows, steps, fetched=None) -> TimestepBatch:
        with self.parts.part(READ):
            return (
                self.denoise(rows, steps)
                if self.variant == "anew"
                else self.real.read(rows, steps, fetched)
            )

    def denoise(self, rows, steps) -> TimestepBatch:
        """What `read` gives, made now by one run from noise with guidance."""
        sample = self.real.sample(rows).to(self.real.device)
        latents, x0 = self.real.encoder.trajectory(sample.condition)
        latents = latents[torch.arange(len(rows)), steps]
        return TimestepBatch(sample, latents, self.real.timesteps[steps], x0, rows, steps)

    def features(self, moment: TimestepBatch, only_h: bool = False):
        with self.parts.part(FEATURES):
            self.real.feature_cache = self.feature_cache if self.variant == "features" else None
            return self.real.features(moment, only_h)


class Bench:
    """The bridge task with its trainer, in `folder`."""

    def __init__(self, universe, folder: Path):
        values = loader.load_config(CONFIG).to_dict()
        self.iterations, rows = (
            values["schedule"]["iterations"],
            len(FaceZip(values["data"]["train"])),
        )
        self.rows = min(rows, values["data"].get("train_limit") or rows)
        values["data"] = dict(train=DATA, val=DATA, train_limit=ROWS, val_limit=1)
        values |= dict(metrics={}, score_after_steps=[], cache=dict(folder=str(folder / "cache"), max_gb=0.0))
        values["encoder"] |= {
            k: universe.name(values["encoder"][k]) for k in ("weights", "controlnet")
        }
        values["generator"] = universe.name(values["generator"])
        for spec in values["losses"].values():
            if "network" in spec:
                spec["network"] = universe.name(spec["network"])
        self.values, cpu = values, torch.device("cpu")
        self.task = build_task(values, cpu, values["seed"])
        self.task.plan(self.iterations)
        run = Run(values, folder, self.task, Schedule.of(values["schedule"]), values["seed"], cpu)
        self.trainer = Trainer(
            run, None, None
        )  # neither hooks nor a screen: only `train_step` is called
        self.parts = timing.Parts()
        self._fill(folder)

    def _fill(self, folder: Path) -> None:
        """Caches of z_t, I^d_0, embeddings and features; then the timed source takes their place."""
        task, quiet = self.task, lambda *_: None
        task.prepare(folder, quiet)
        task.data.train.store_features(1e3, quiet)
        source = Source(task.data.train, self.parts)
        source.feature_cache, task.data.train = task.data.train.feature_cache, source
        losses = task.losses

        def timed(*arguments):
            with self.parts.part(FORWARD):
                return losses(*arguments)

        task.losses = timed

    def iterate(self, variant: str, iteration: int) -> dict[str, float]:
        """Seconds per part of one iteration."""
        self.task.data.train.variant = variant
        self.parts.now = {}
        with self.parts.part(BACKWARD):  # what is left of the iteration
            self.trainer.train_step(iteration)
        return dict(self.parts.now)

    def difference(self) -> dict[str, float]:
        """How far cached z_t and I^d_0 are from those made anew (half precision, 8 bits, other batch)."""
        source, rows = self.task.data.train, torch.arange(self.trainer.schedule.batch)
        steps = rows % len(source.timesteps)
        cached, anew = source.real.read(rows, steps), source.denoise(rows, steps)
        return {
            "z_t": timing.rounded(float((cached.latents - anew.latents).abs().max())),
            "I^d_0": timing.rounded(float((cached.x0 - anew.x0).abs().max())),
        }

    def time_turn(self, phase: str, first: int, rounds: int) -> dict:
        """One turn's iterations: seconds per variant, whole and in parts."""
        counts = {
            variant: itertools.count(first) for variant in VARIANTS
        }  # each takes the same samples
        jobs = {v: (lambda v=v: self.iterate(v, next(counts[v]))) for v in VARIANTS}
        kept = timing.interleave(jobs, 0, rounds)
        row = dict(phase=phase, others=timing.share(kept))
        for v in VARIANTS:
            row[v] = timing.summary(timing.seconds(kept, v))
            row[v]["parts"] = {
                name: timing.summary([r.results[v].get(name, 0.0) for r in kept])["median"]
                for name in (READ, FEATURES, FORWARD, BACKWARD)
            }
        pairs = dict(ratio=("anew", "cache"), ratio_features=("cache", "features"))
        for name, pair in pairs.items():
            row[name] = timing.ratio(*(timing.seconds(kept, v) for v in pair))
        return row

    def fill_seconds(self, rounds: int) -> float:
        """Seconds per sample that filling the cache takes, at its own batch size."""
        source = self.task.data.train.real
        sample = source.sample(torch.arange(ROWS))
        jobs = dict(fill=lambda: source.encoder.trajectory(sample.condition))
        kept = timing.interleave(jobs, 0, rounds)
        return timing.summary(timing.seconds(kept, "fill"))["median"] / ROWS


def measure(universe, folder: Path, rounds: int, say) -> dict:
    """The record's `training`."""
    bench = Bench(universe, folder)
    phases = []
    for phase, first in (("M", 0), ("T", bench.task.switch)):
        phases.append(bench.time_turn(phase, first, rounds))
        say(f"training {phase}: anew / cache {phases[-1]['ratio']['median']:.1f}")
    fill = bench.fill_seconds(max(2, rounds // 4))
    anew, cache = (
        sum(phase[v]["median"] for phase in phases) / len(phases) for v in ("anew", "cache")
    )
    encoder, schedule = bench.values["encoder"], bench.trainer.schedule
    whole = dict(
        iterations=bench.iterations,
        samples=bench.rows,
        anew=timing.rounded(bench.iterations * anew),
        fill=timing.rounded(bench.rows * fill),
        cache=timing.rounded(bench.iterations * cache + bench.rows * fill),
    )
    whole |= dict(
        ratio=round(whole["anew"] / whole["cache"], 2),
        pays_after=round(bench.rows * fill / (anew - cache)) if anew > cache else None,
    )
    return dict(
        config=CONFIG,
        batch=schedule.batch,
        precision=schedule.precision,
        steps=encoder["steps"],
        guidance=encoder["guidance"],
        fill_per_sample=timing.rounded(fill),
        phases=phases,
        whole_run=whole,
        difference=bench.difference(),
    )
