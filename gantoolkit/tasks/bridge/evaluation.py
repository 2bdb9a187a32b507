"""Scores, sheets and samples of a bridge on its validation split, next to what they must be compared with.

Floor: G(w̄), the generator's mean face from the sample's camera. Ceiling: W+ inversion of I^gt, measured once
per generator and kept in the zoo. Beside them G(w^m), and I^d_0, the diffusion model's own image.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit.core.camera import YAWS, frame_of
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Latent, Scores
from gantoolkit.generators.views import render_views
from gantoolkit.inference.attention import word_attention
from gantoolkit.registry import manifest
from gantoolkit.report import record as records
from gantoolkit.report.record import CEILING, DIFFUSED, FLOOR, MAPPED, RUN
from gantoolkit.tasks.bridge.trajectories import TimestepBatch
from gantoolkit.tasks.sheet import joined

BATCH = 25


class Evaluation:
    """Evaluates the bridge task `task`; `metrics` is the config's, `judge` the network that scores.

    `early` lists numbers of denoising steps after which G(w) is scored too, beside the whole trajectory.
    `against` x0 scores by likeness to I^d_0, where no photo is the truth.
    """

    def __init__(
        self,
        task,
        metrics: dict | None,
        judge: str,
        early: tuple[int, ...] = (),
        against: str = "gt",
    ):
        self.task, self.metrics, self.judge, self.early = task, metrics, judge, tuple(early)
        self.against = against
        self.wants_empty_prompt = bool(metrics) and "id_text" in metrics
        self._notes: list[str] = []
        if metrics != {}:
            self._evaluator(0)  # refuses a judge that a loss used before anything is trained

    def _evaluator(self, step: int, beside=None):
        """An Evaluator that notes the conditions of images made at this step of the grid; one `beside` it lends its judges."""
        from gantoolkit.metrics import Evaluator

        task, conditions = self.task, dict(split="val")
        if self.against == "x0":
            conditions["target"] = DIFFUSED
        if hasattr(task, "val"):
            conditions |= dict(
                latent_source=task.val.sampling.source,
                steps=len(task.val.timesteps),
                guidance=getattr(task.encoder, "guidance", None),
                t_out=int(task.val.timesteps[step]),
            )
        return Evaluator(
            self.metrics,
            self.judge,
            task.device,
            forbidden=task.networks(),
            conditions=conditions,
            size=getattr(task, "score_size", None),
            beside=beside,
        )

    @property
    def diffused(self) -> tuple[str, ...]:
        """I^d_0 among the systems; nothing where the encoder makes no image."""
        return (DIFFUSED,) if getattr(self.task.encoder, "generates", True) else ()

    # -- images --------------------------------------------------------------------------------------

    def moments(
        self, limit: int | None = None, step: int = -1, empty_prompt: bool = False
    ) -> Iterator[TimestepBatch]:
        """The validation split at one step of the grid, in batches."""
        source = self.task.val_empty_prompt if empty_prompt else self.task.val
        count = min(limit or len(source), len(source))
        sampling = getattr(
            source, "sampling", None
        )  # a batch that the encoder could sample fits here too
        for rows in torch.arange(count).split(min(BATCH, sampling.batch if sampling else BATCH)):
            yield source.read(rows, step)

    @torch.no_grad()
    def images(self, moment: TimestepBatch, systems: tuple[str, ...]) -> dict[str, Tensor]:
        """system → image [B,3,R,R]."""
        task, camera, found = self.task, moment.sample.condition.camera, {}
        if DIFFUSED in systems:
            found[DIFFUSED] = moment.x0
        if FLOOR in systems:
            mean = task.mean_w.expand(len(moment.rows), task.generator.num_ws, -1)
            found[FLOOR] = task.render(Latent(mean), camera).image
        if RUN in systems or MAPPED in systems:
            latent = self.latent(moment)
            if RUN in systems:
                found[RUN] = task.render(latent, camera).image
            if MAPPED in systems:
                mapped = Latent(latent.w_m if latent.w_m is not None else latent.ws)
                found[MAPPED] = task.render(mapped, camera).image
        return found

    @torch.no_grad()
    def latent(self, moment: TimestepBatch) -> Latent:
        """What the bridge says."""
        return self.task.judged.eval()(self.task.val.features(moment))

    # -- scores --------------------------------------------------------------------------------------

    def scores(self, limit: int | None = None) -> Scores:
        """Scores of G(w) at the last step; without a limit, with the seconds that an image costs."""
        if self.metrics == {}:
            return {}
        found = self._scores(limit, (RUN,))[RUN]
        return found if limit else self._timed(found, len(self.task.val.timesteps))

    @torch.no_grad()
    def _scores(
        self, limit: int | None, systems: tuple[str, ...], step: int = -1
    ) -> dict[str, Scores]:
        first = self._evaluator(step)
        evaluators = {name: self._evaluator(step, first) for name in systems}
        empty_prompt = (
            self.moments(limit, step, empty_prompt=True) if self.wants_empty_prompt else None
        )
        for moment in self.moments(limit, step):
            images = self.images(moment, systems)
            other = self.images(next(empty_prompt), systems) if empty_prompt else {}
            target = moment.sample.target
            if self.against == "x0":
                target = replace(target, image_gt=moment.x0)
            for name, image in images.items():
                evaluators[name].update(image, target, moment.sample.condition, other.get(name))
        return {name: evaluator.compute() for name, evaluator in evaluators.items()}

    @torch.no_grad()
    def seconds_per_image(self, steps: int, count: int = 8) -> float:
        """Wall-clock seconds of the whole pipeline per image, in a batch of `count`, after `steps` steps."""
        moment = self.task.val.read(torch.arange(min(count, len(self.task.val))))
        condition = moment.sample.condition
        began = time.monotonic()
        for number, features in enumerate(self.task.encoder.trace(condition, x0=False), 1):
            if number == steps:
                break
        self.task.render(self.task.judged.eval()(features), condition.camera).image.sum().item()
        return (time.monotonic() - began) / len(moment.rows)

    def _timed(self, scores: Scores, steps: int) -> Scores:
        seconds = round(self.seconds_per_image(steps), 4)
        return {
            name: replace(score, conditions=score.conditions | dict(seconds_per_image=seconds))
            for name, score in scores.items()
        }

    def references(self) -> dict[str, Scores]:
        """Floor, G(w^m), the diffusion model's image and, from the zoo, the ceiling; gaps closed become notes."""
        if self.metrics == {}:
            return {}
        itself = (
            self.against == "x0"
        )  # then I^d_0 would be compared with itself, and no ceiling is known
        found = self._scores(None, (FLOOR, MAPPED) if itself else (FLOOR, MAPPED, *self.diffused))
        total = len(self.task.val.timesteps)
        if beyond := [steps for steps in self.early if steps > total]:
            self._notes.append(
                f"The encoder takes {total} steps, so nothing is scored early after "
                f"{', '.join(map(str, beyond))}."
            )
        for steps in (
            s for s in self.early if s < total
        ):  # `total` is the whole trajectory, scored anyway
            scores = self._scores(None, (RUN,), steps - 1)[RUN]
            found[f"{RUN} after {steps} of {total} steps"] = self._timed(scores, steps)
        if not itself and (ceiling := self._ceiling(found[FLOOR])):
            found[CEILING] = ceiling
        return found

    def _ceiling(self, floor: Scores) -> Scores:
        """Scores of W+ inversion for this generator, if the zoo has them by the same judge."""
        entry = manifest.load().weights.get(self.task.specs["generator"], {})
        file = (
            manifest.load().owners[entry["owner"]].root / entry["ceiling"]
            if entry.get("ceiling")
            else None
        )
        if file is None or not file.exists():
            self._notes.append(
                "The zoo has no W+ inversion record of this generator, so no share of the gap is given."
            )
            return {}
        record = records.load(file)
        scores = record.scores.get(CEILING, {})
        other = [
            name
            for name, score in scores.items()
            if name in floor and _judged(score) != _judged(floor[name])
        ]
        if other:
            self._notes.append(
                f"The ceiling of {', '.join(other)} was measured by another judge and is left out."
            )
        return {
            name: score for name, score in scores.items() if name in floor and name not in other
        }

    def notes(self) -> list[str]:
        return self._notes

    # -- pictures ------------------------------------------------------------------------------------

    @torch.no_grad()
    def sheet(self, count: int = 8) -> Tensor:
        """[3,H,W] in −1..1: rows condition, I^gt, I^d_0 (if any), G(w^m), G(w) for the first validation samples."""
        from gantoolkit.report import pictures

        moment = self.task.val.read(torch.arange(min(count, len(self.task.val))))
        systems = (*self.diffused, MAPPED, RUN)
        images = self.images(moment, systems)
        condition = moment.sample.condition
        size = images[RUN].shape[-1]
        shown = [
            pictures.resized(pictures.condition_picture(condition[i]), size)
            for i in range(len(moment.rows))
        ]
        shown = to_float(torch.stack([torch.tensor(p) for p in shown]).permute(0, 3, 1, 2))
        rows = [shown, moment.sample.target.image_gt.cpu(), *(images[n] for n in systems)]
        rows = [torch.nn.functional.interpolate(r.float(), size, mode="area") for r in rows]
        return joined(rows)

    @torch.no_grad()
    def samples(self, folder: Path, count: int = 6, steps: int = 4) -> list[dict]:
        """Single samples with views and steps, as the report shows them."""
        from gantoolkit.report import pictures

        val, found = self.task.val, []
        total = len(val.timesteps)
        chosen = sorted({round(i * (total - 1) / (steps - 1)) for i in range(steps)})
        for row in range(min(count, len(val))):
            rows = torch.tensor([row])
            moment = val.read(rows)
            columns = {"image_gt": moment.sample.target.image_gt} | (
                {"x0": moment.x0} if self.diffused else {}
            )
            images = self.images(moment, (MAPPED, RUN))
            over_steps, attention = [], {}
            for step in chosen:
                now = val.read(rows, step)
                over_steps.append((int(now.t[0]), self.images(now, (MAPPED, RUN))))
                attention[int(now.t[0])] = word_attention(val.features(now))
            found.append(
                pictures.save_sample(
                    folder,
                    f"val/{row:08d}",
                    moment.sample.condition,
                    columns | images,
                    views=self.views(moment),
                    steps=over_steps,
                    t=int(moment.t[0]),
                    attention=attention,
                )
            )
        return found

    def views(self, moment: TimestepBatch, yaws: tuple[float, ...] = YAWS) -> list[Tensor]:
        """G(w) of a 3D generator from the left, the front and the right."""
        generator = self.task.generator
        if not generator.is_3d:
            return []
        latent = self.latent(moment)
        cameras = [frame_of(generator).side(yaw) for yaw in yaws]
        return [render.image for render in render_views(generator, latent.ws, cameras)]


def _judged(score) -> tuple:
    conditions = score.conditions
    return conditions.get("network_sha256"), conditions.get("resize"), score.n
