"""Faces after every denoising step, and below them how the judge scores such faces."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import torch

from gantoolkit.bench import systems, tables
from gantoolkit.bench.figures.scene import Scene
from gantoolkit.core.types import Scores
from gantoolkit.report import figure_sheets, score_panels

METRICS: dict[str, dict] = {
    "id_gt": {},
    "lpips": {},
    "acc": {},
    "clip": {},
}  # means over images: few suffice
MOST = 10  # steps on a sheet; of a longer grid some are left out
BOOTSTRAP = 200


@torch.no_grad()
def draw(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """The sheet [H,W,3] with a plot per score, and the scores."""
    shown = chosen(scene.times)
    sheet = faces(scene, shown)
    if not args.scored:
        return sheet.render(), {"steps": shown}
    count = min(args.scored, len(scene.data))
    found, final = score(scene, shown, count, args.judge)
    below = plots(sheet, found, final)
    note = figure_sheets.note(
        f"Scores by the network '{args.judge}' over {count} samples of "
        f"{scene.data.path.name}, with 95 % bootstrap intervals; dashed: the diffusion "
        "model's own image.",
        sheet,
    )
    values = {
        str(t): {name: one.value for name, one in scores.items()} for t, scores in zip(shown, found)
    }
    return figure_sheets.stack([sheet.render(), *below, note]), {
        "steps": shown,
        "scored": count,
        "judge": args.judge,
        "scores": values,
        "I^d_0": {name: one.value for name, one in final.items()},
    }


def chosen(times: Sequence[int]) -> list[int]:
    """At most MOST steps of the grid, evenly, the first and the last among them."""
    count = min(MOST, len(times))
    return [times[round(i * (len(times) - 1) / max(count - 1, 1))] for i in range(count)]


def faces(scene: Scene, shown: Sequence[int]) -> figure_sheets.FigureSheet:
    """A row per sample: condition, photo, G(w_t) of every step, I^d_0."""
    rows = []
    for found, condition, camera in scene.batches():
        images = []
        for features in scene.first.encoder.trace(condition):
            if int(features.t[0]) in shown:
                images.append(scene.runs[0].image(scene.first.bridge(features), camera))
        images = [found.target.image_gt, *images, features.x0.cpu()]
        rows += [
            scene.row(found.condition[i], [image[i] for image in images]) for i in range(len(found))
        ]
    numbers = [scene.times.index(t) + 1 for t in shown]
    titles = [f"t = {t}\nstep {n}" for t, n in zip(shown, numbers)]
    total = len(scene.times)
    said = f"each of {total}" if len(shown) == total else f"{len(shown)} of {total}"
    groups = [("", 2), (f"$G(w_t)$ after {said} denoising steps", len(shown)), ("", 1)]
    return figure_sheets.FigureSheet([*scene.titles, *titles, "diffusion\n$I^d_0$"], rows, groups)


def score(
    scene: Scene, shown: Sequence[int], count: int, judge: str
) -> tuple[list[Scores], Scores]:
    """Scores of G(w_t) at every shown step, and of I^d_0, over the first `count` samples, against photos."""
    from gantoolkit.metrics import Evaluator

    run = scene.runs[0]
    used = systems.networks_of(run.source, run.specs)
    judged = {
        t: Evaluator(METRICS, judge, scene.device, used, bootstrap=BOOTSTRAP)
        for t in [*shown, None]
    }
    done = 0
    for found, condition, camera in scene.batches(range(count)):
        for features in scene.first.encoder.trace(condition):
            if (t := int(features.t[0])) in judged:
                image = run.image(scene.first.bridge(features), camera)
                judged[t].update(image, found.target, found.condition)
        judged[None].update(features.x0, found.target, found.condition)
        done += len(found)
        print(
            f"\rscored {done} of {count}",
            end="" if done < count else "\n",
            file=sys.stderr,
            flush=True,
        )
    final = judged.pop(None).compute()
    return [evaluator.compute() for evaluator in judged.values()], final


def plots(
    sheet: figure_sheets.FigureSheet, found: Sequence[Scores], final: Scores
) -> list[np.ndarray]:
    """A panel per score, its points below the columns of the steps."""
    places = [sheet.middle(2 + i) for i in range(len(found))]
    out = []
    for name, example in final.items():
        metric = name.partition("[")[0]
        values, between = zip(*(tables.scaled(metric, scores[name]) for scores in found))
        low, high = zip(*(b or (v, v) for v, b in zip(values, between)))
        lines = [
            score_panels.ScoreLine("$G(w_t)$", values, low, high),
            score_panels.ScoreLine("$I^d_0$", [tables.scaled(metric, example)[0]], is_level=True),
        ]
        title = (
            f"{tables.title(metric)}\n{'higher' if example.higher_is_better else 'lower'} is better"
        )
        out.append(score_panels.score_panel(title, lines, places, sheet.width, sheet.x(2)))
    return out
