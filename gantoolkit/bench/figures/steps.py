"""Faces after every denoising step, and below them how the judge scores such faces."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import torch

from gantoolkit.bench import tables
from gantoolkit.bench.figures.scene import Scene
from gantoolkit.bench.trained_by import networks_of_run
from gantoolkit.core.types import Scores
from gantoolkit.report import figure_sheets, score_panels

METRICS: dict[str, dict] = {  # means over images, for which few suffice
    "id_gt": {},
    "lpips": {},
    "acc": {},
    "clip": {},
}
MAX_STEPS = 10  # on a sheet; of a longer grid some are left out
BOOTSTRAP = 200


@torch.no_grad()
def render(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """Render the sheet [H,W,3] with a plot per score, and return the scores."""
    timesteps = choose_steps(scene.timesteps)
    sheet = faces(scene, timesteps)
    if not args.scored:
        return sheet.render(), {"steps": timesteps}

    count = min(args.scored, len(scene.data))
    scores, x0_scores = score(scene, timesteps, count, args.judge)
    note = figure_sheets.note(
        f"Scores by the network '{args.judge}' over {count} samples of "
        f"{scene.data.path.name}, with 95 % bootstrap intervals; dashed: the diffusion "
        "model's own image.",
        sheet,
    )
    picture = figure_sheets.stack([sheet.render(), *plots(sheet, scores, x0_scores), note])
    return picture, {
        "steps": timesteps,
        "scored": count,
        "judge": args.judge,
        "scores": {str(t): _values(of_step) for t, of_step in zip(timesteps, scores)},
        "I^d_0": _values(x0_scores),
    }


def _values(scores: Scores) -> dict[str, float]:
    return {name: score.value for name, score in scores.items()}


def choose_steps(timesteps: Sequence[int]) -> list[int]:
    """Choose at most MAX_STEPS timesteps, evenly, the first and the last among them."""
    count = min(MAX_STEPS, len(timesteps))
    stride = (len(timesteps) - 1) / max(count - 1, 1)
    return [timesteps[round(i * stride)] for i in range(count)]


def faces(scene: Scene, timesteps: Sequence[int]) -> figure_sheets.FigureSheet:
    """Lay out a row per sample: condition, photo, G(w_t) of every timestep, I^d_0."""
    rows = []
    for sample, condition, camera in scene.batches():
        images = [sample.target.image_gt]
        for features in scene.pipeline.encoder.trace(condition):
            if int(features.t[0]) in timesteps:
                images.append(scene.runs[0].render(scene.pipeline.bridge(features), camera))
        images.append(features.x0.cpu())
        rows += scene.rows(sample, images)

    titles = [f"t = {t}\nstep {scene.timesteps.index(t) + 1}" for t in timesteps]
    total = len(scene.timesteps)
    which = f"each of {total}" if len(timesteps) == total else f"{len(timesteps)} of {total}"
    groups = [("", 2), (f"$G(w_t)$ after {which} denoising steps", len(timesteps)), ("", 1)]
    columns = [*scene.titles, *titles, "diffusion\n$I^d_0$"]
    return figure_sheets.FigureSheet(columns, rows, groups)


def score(
    scene: Scene, timesteps: Sequence[int], count: int, judge: str
) -> tuple[list[Scores], Scores]:
    """Score G(w_t) at every timestep, and I^d_0, on the first `count` samples."""
    from gantoolkit.metrics import Evaluator

    run = scene.runs[0]
    networks = networks_of_run(run.source, run.specs)

    def new_evaluator() -> Evaluator:
        return Evaluator(METRICS, judge, scene.device, networks, bootstrap=BOOTSTRAP)

    evaluators = {t: new_evaluator() for t in timesteps}
    x0_evaluator = new_evaluator()
    done = 0
    for sample, condition, camera in scene.batches(range(count)):
        for features in scene.pipeline.encoder.trace(condition):
            t = int(features.t[0])
            if t in evaluators:
                image = run.render(scene.pipeline.bridge(features), camera)
                evaluators[t].update(image, sample.target, sample.condition)
        x0_evaluator.update(features.x0, sample.target, sample.condition)
        done += len(sample)
        end = "" if done < count else "\n"
        print(f"\rscored {done} of {count}", end=end, file=sys.stderr, flush=True)
    return [evaluator.compute() for evaluator in evaluators.values()], x0_evaluator.compute()


def plots(
    sheet: figure_sheets.FigureSheet, scores: Sequence[Scores], x0_scores: Scores
) -> list[np.ndarray]:
    """Plot each score in a panel of its own, its points below the columns of the steps.

    scores     of G(w_t), step by step
    x0_scores  of I^d_0
    """
    places = [sheet.middle(2 + step) for step in range(len(scores))]
    panels = []
    for name, x0_score in x0_scores.items():
        metric = name.partition("[")[0]
        values, low, high = [], [], []
        for of_step in scores:
            value, interval = tables.printed_value(metric, of_step[name])
            values.append(value)
            low.append(interval[0] if interval else value)
            high.append(interval[1] if interval else value)
        level, _ = tables.printed_value(metric, x0_score)
        lines = [
            score_panels.ScoreLine("$G(w_t)$", values, low, high),
            score_panels.ScoreLine("$I^d_0$", [level], is_level=True),
        ]
        title = f"{tables.column_title(metric)}\n{x0_score.better} is better"
        panels.append(score_panels.score_panel(title, lines, places, sheet.width, sheet.x(2)))
    return panels
