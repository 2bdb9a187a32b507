"""Figure 9: the same faces by runs that were trained towards I^gt, I^d_0, or both."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch

from gantoolkit.bench.figures.scene import Run, Scene
from gantoolkit.report import figure_sheets

# what the config's `targets` means
TOWARDS = {"x0": "towards $I^d_0$", "gt": "towards $I^{gt}$", "paper": "towards both"}


@torch.no_grad()
def render(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """Render the sheet [H,W,3], and return the denoising time at which codes were read."""
    timestep = scene.first_timestep(args.t_out)
    rows = []
    for sample, condition, camera in scene.batches():
        features, x0 = scene.features_and_image(condition, timestep)
        images = [sample.target.image_gt, x0]
        for run in scene.runs:
            images.append(run.render(run.pipeline.bridge(features), camera))
        rows += scene.rows(sample, images)
    titles = [*scene.titles, "diffusion\n$I^d_0$", *run_titles(scene.runs)]
    return figure_sheets.FigureSheet(titles, rows).render(), {"t": timestep}


def run_titles(runs: tuple[Run, ...]) -> list[str]:
    """Return what each run was trained towards, by its config, above its name.

    Runs of the same name are numbered. A label takes the place of both.
    """
    counts = Counter(run.name for run in runs)
    titles = []
    for number, run in enumerate(runs, 1):
        name = run.name if counts[run.name] == 1 else f"{run.name} ({number})"
        towards = TOWARDS.get(str(run.config("targets")))
        title = f"{towards}\n{name}" if towards else name
        titles.append(run.label or title)
    return titles
