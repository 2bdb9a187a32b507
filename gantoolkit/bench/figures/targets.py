"""Figure 9: the same faces by runs that were trained towards I^gt, towards I^d_0, or towards both."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch

from gantoolkit.bench.figures.scene import Run, Scene
from gantoolkit.report import figure_sheets

# what the config's `targets` means
TOWARDS = {"x0": "towards $I^d_0$", "gt": "towards $I^{gt}$", "paper": "towards both"}


@torch.no_grad()
def draw(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """The sheet [H,W,3] and the time at which codes were read; I^d_0 ends the same trajectory."""
    at, rows = scene.step(args.t_out), []
    for found, condition, camera in scene.batches():
        features, x0 = scene.features_and_image(condition, at)
        images = [run.image(run.pipeline.bridge(features), camera) for run in scene.runs]
        images = [found.target.image_gt, x0, *images]
        rows += [
            scene.row(found.condition[i], [image[i] for image in images]) for i in range(len(found))
        ]
    titles = [*scene.titles, "diffusion\n$I^d_0$", *labels(scene.runs)]
    return figure_sheets.FigureSheet(titles, rows).render(), {"t": at}


def labels(runs: tuple[Run, ...]) -> list[str]:
    """What each run was trained towards, by its config, above its name; runs of one name are numbered."""
    times, found = Counter(run.name for run in runs), []
    for number, run in enumerate(runs, 1):
        name = run.name if times[run.name] == 1 else f"{run.name} ({number})"
        said = TOWARDS.get(str(run.config("targets")))
        found.append(run.label or (f"{said}\n{name}" if said else name))
    return found
