"""Figure 8: what mapping network M and style modulation T add to the generator's mean face."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gantoolkit.bench.figures.scene import Scene
from gantoolkit.core.types import Camera, Features, Latent
from gantoolkit.report import figure_sheets

MEAN = "mean face\n$G(\\bar w)$"
MAPPED = "M alone\n$G(w^m)$"
FULL = "M and T\n$G(w)$"


@torch.no_grad()
def render(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """Render the sheet [H,W,3], and return the denoising time at which codes were read."""
    timestep = scene.first_timestep(args.t_out)
    rows, titles = [], []
    for sample, condition, camera in scene.batches():
        images = faces(scene, scene.features(condition, timestep), camera)
        titles = [title for title, _ in images]
        rows += scene.rows(sample, [sample.target.image_gt, *(image for _, image in images)])
    sheet = figure_sheets.FigureSheet([*scene.titles, *titles], rows)
    return sheet.render(), {"t": timestep}


def faces(scene: Scene, features: Features, camera: Camera | None) -> list[tuple[str, Tensor]]:
    """Render the mean face, w^m and w, then w of every further run: (title, images [B,3,R,R]).

    A run without T has no w^m beside its w.
    """
    first = scene.runs[0]
    latent = first.pipeline.bridge(features)
    mean_w = first.pipeline.generator.mean_w.to(latent.ws).expand_as(latent.ws)
    is_modulated = latent.w_m is not None and latent.w_m is not latent.ws

    images = [(MEAN, first.render(Latent(mean_w), camera))]
    if is_modulated:
        images.append((MAPPED, first.render(Latent(latent.w_m), camera)))
    title = first.label or (FULL if is_modulated else MAPPED)
    images.append((title, first.render(latent, camera)))
    for run in scene.runs[1:]:
        title = run.label or f"$G(w)$ of\n{run.name}"
        images.append((title, run.render(run.pipeline.bridge(features), camera)))
    return images
