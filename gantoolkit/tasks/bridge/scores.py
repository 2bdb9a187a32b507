"""Scores of the systems on the validation split, in one pass over its batches."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import torch

from gantoolkit.core.types import Scores
from gantoolkit.data.pair_rule import CAPTIONS, SEEDS
from gantoolkit.metrics import Evaluator
from gantoolkit.pipeline import Pipeline
from gantoolkit.report.record import DIFFUSED, RUN
from gantoolkit.tasks.bridge.config import EvaluationConfig
from gantoolkit.tasks.bridge.systems import render_systems, validation_batches
from gantoolkit.tasks.bridge.trajectories import Trajectories

TIMED_BATCH = 8


class Scorer:
    """Score systems by the metrics of a config.

    pipeline      renders G(w) and the other systems
    val           the validation split
    val_no_text   the same with empty prompts, which the metric `id_text` compares with; else None
    forbidden     role → weights name of the losses' networks; none of them may judge
    """

    def __init__(
        self,
        config: EvaluationConfig,
        pipeline: Pipeline,
        val: Trajectories,
        val_no_text: Trajectories | None = None,
        forbidden: Mapping[str, str] | None = None,
    ):
        self.config = config
        self.pipeline = pipeline
        self.val = val
        self.val_no_text = val_no_text
        self.forbidden = forbidden or {}

    @property
    def enabled(self) -> bool:
        """Whether anything is scored."""
        return self.config.metrics != {}

    def scores(self, limit: int | None = None) -> Scores:
        """Score G(w) at the last step; without a limit, also measure the seconds per image."""
        if not self.enabled:
            return {}
        scores = self.score_systems((RUN,), limit)[RUN]
        return scores if limit else self.add_seconds(scores, len(self.val.timesteps))

    @torch.no_grad()
    def score_systems(
        self, systems: tuple[str, ...], limit: int | None = None, step: int = -1
    ) -> dict[str, Scores]:
        """Score systems in one pass over the split, at one step of the denoising grid."""
        first = self._evaluator(step)
        evaluators = {name: self._evaluator(step, first) for name in systems}
        batches_no_text = None
        if self.val_no_text is not None:
            batches_no_text = validation_batches(self.val_no_text, limit, step)

        for batch in validation_batches(self.val, limit, step):
            images = render_systems(self.pipeline, self.val, batch, systems)
            images_no_text = {}
            if batches_no_text is not None:
                images_no_text = render_systems(
                    self.pipeline, self.val, next(batches_no_text), systems
                )
            target = batch.sample.target
            if self.config.score_target == "x0":
                target = replace(target, image_gt=batch.x0)
            for name, image in images.items():
                condition = batch.sample.condition
                evaluators[name].update(image, target, condition, images_no_text.get(name))
        return {name: evaluator.compute() for name, evaluator in evaluators.items()}

    def _evaluator(self, step: int, share_networks_with: Evaluator | None = None) -> Evaluator:
        """Build an Evaluator that notes how its images were made."""
        conditions = dict(split="val")
        if self.config.score_target == "x0":
            conditions["target"] = DIFFUSED
        conditions |= dict(
            captions=CAPTIONS["rotating"],
            seeds=SEEDS,
            latent_source=self.val.sampling.source,
            steps=len(self.val.timesteps),
            guidance=getattr(self.pipeline.encoder, "guidance", None),
            t_out=int(self.val.timesteps[step]),
        )
        return Evaluator(
            self.config.metrics,
            self.config.judge,
            self.val.device,
            forbidden=self.forbidden,
            conditions=conditions,
            size=self.config.score_size,
            share_networks_with=share_networks_with,
        )

    @torch.no_grad()
    def seconds_per_image(self, steps: int, count: int = TIMED_BATCH) -> float:
        """Measure seconds per image of the whole pipeline, stopped after `steps` steps."""
        rows = torch.arange(min(count, len(self.val)))
        condition = self.val.read(rows).sample.condition
        start = time.monotonic()
        trace = self.pipeline.encoder.trace(condition, x0=False)
        features = next(islice(trace, steps - 1, None))
        latent = self.pipeline.bridge.eval()(features)
        image = self.pipeline.render(latent, condition.camera).image
        image.sum().item()  # waits for the device
        return (time.monotonic() - start) / len(rows)

    def add_seconds(self, scores: Scores, steps: int) -> Scores:
        """Note the seconds per image among the conditions of every score."""
        seconds = dict(seconds_per_image=round(self.seconds_per_image(steps), 4))
        return {
            name: replace(score, conditions=score.conditions | seconds)
            for name, score in scores.items()
        }


def check_judges(config: EvaluationConfig, device, forbidden: Mapping[str, str]) -> None:
    """Refuse a judge that a loss used, before anything is trained."""
    if config.metrics != {}:
        Evaluator(config.metrics, config.judge, device, forbidden=forbidden, size=config.score_size)
