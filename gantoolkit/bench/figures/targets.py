"""Figure 9: the same faces by runs that were trained towards I^gt, towards I^d_0, or towards both."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch

from gantoolkit.bench.figures.scene import Run, Scene
from gantoolkit.report import labelled, sheets

TOWARDS = {"x0": "towards $I^d_0$", "gt": "towards $I^{gt}$", "paper": "towards both"}  # the config's `targets`


@torch.no_grad()
def draw(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """The sheet [H,W,3] and the denoising time at which codes were read; I^d_0 is the end of the same trajectory."""
    at, rows = scene.step(args.t_out), []
    for found, condition, camera in scene.batches():
        for features in scene.first.encoder.trace(condition):
            if int(features.t[0]) == at:
                images = [run.image(run.pipeline.bridge(features), camera) for run in scene.runs]
        images = [found.target.image_gt, features.x0.cpu(), *images]
        for i, text in enumerate(found.condition.text):
            cells = [sheets.condition_picture(found.condition[i]), *(sheets.image_picture(image[i]) for image in images)]
            rows.append(labelled.Row(cells, caption=f"“{text}”" if text else "no prompt"))
    titles = [*scene.titles, "diffusion\n$I^d_0$", *labels(scene.runs)]
    return labelled.Sheet(titles, rows).draw(), {"t": at}


def labels(runs: tuple[Run, ...]) -> list[str]:
    """What each run was trained towards, as its config says, above its name; two runs of one name are numbered."""
    times, found = Counter(run.name for run in runs), []
    for number, run in enumerate(runs, 1):
        name = run.name if times[run.name] == 1 else f"{run.name} ({number})"
        said = TOWARDS.get(str(run.config("targets")))
        found.append(run.label or (f"{said}\n{name}" if said else name))
    return found
