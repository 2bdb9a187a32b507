"""Figure 8: what the mapping network M and the style modulation T add to the generator's mean face."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gantoolkit.bench.figures.scene import Scene
from gantoolkit.core.types import Features, Latent
from gantoolkit.report import figure_sheets

MEAN, MAPPED, FULL = "mean face\n$G(\\bar w)$", "M alone\n$G(w^m)$", "M and T\n$G(w)$"


@torch.no_grad()
def draw(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """The sheet [H,W,3] and the denoising time at which codes were read."""
    at, rows, titles = scene.step(args.t_out), [], []
    for found, condition, camera in scene.batches():
        features = scene.features(condition, at)
        images = faces(scene, features, camera)
        titles = [title for title, _ in images]
        for i in range(len(found)):
            shown = [found.target.image_gt[i], *(image[i] for _, image in images)]
            rows.append(scene.row(found.condition[i], shown))
    return figure_sheets.FigureSheet([*scene.titles, *titles], rows).render(), {"t": at}


def faces(scene: Scene, features: Features, camera) -> list[tuple[str, Tensor]]:
    """(title, images [B,3,R,R]); a run without T has no G(w^m) beside G(w), further runs show G(w) alone."""
    first, bar = scene.runs[0], scene.first.generator.mean_w
    latent = scene.first.bridge(features)
    modulated = latent.w_m is not None and latent.w_m is not latent.ws
    found = [(MEAN, first.image(Latent(bar.to(latent.ws).expand_as(latent.ws)), camera))]
    if modulated:
        found.append((MAPPED, first.image(Latent(latent.w_m), camera)))
    found.append((first.label or (FULL if modulated else MAPPED), first.image(latent, camera)))
    return found + [
        (run.label or f"$G(w)$ of\n{run.name}", run.image(run.pipeline.bridge(features), camera))
        for run in scene.runs[1:]
    ]
