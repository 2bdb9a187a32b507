"""Results at a glance: condition, G(w) from the sample's camera and, in 3D, from other sides."""

from __future__ import annotations

import math

import numpy as np
import torch

from gantoolkit.bench.figures.scene import Scene
from gantoolkit.core.camera import YAWS, frame_of
from gantoolkit.report import figure_sheets


@torch.no_grad()
def render(scene: Scene, args, show_x0: bool = False) -> tuple[np.ndarray, dict]:
    """Render the sheet [H,W,3], and return its denoising time and the yaws of its views.

    show_x0  whether I^d_0 stands before the results
    """
    timestep = scene.first_timestep(args.t_out)
    run, generator = scene.runs[0], scene.pipeline.generator
    yaws = YAWS if generator.is_3d else ()
    rows = []
    for sample, condition, camera in scene.batches():
        images = []
        if show_x0:
            features, x0 = scene.features_and_image(condition, timestep)
            images.append(x0)
        else:
            features = scene.features(condition, timestep)
        latent = scene.pipeline.bridge(features)
        images.append(run.render(latent, camera))
        for yaw in yaws:
            side = frame_of(generator).side(yaw, len(sample)).to(scene.device)
            images.append(run.render(latent, side))
        rows += scene.rows(sample, images)

    titles = scene.titles[:1]
    if show_x0:
        titles.append("diffusion\n$I^d_0$")
    titles.append("result\n$G(w)$")
    titles += [f"from\n{math.degrees(yaw):.0f}°" for yaw in yaws]
    sheet = figure_sheets.FigureSheet(titles, rows)
    return sheet.render(), {"t": timestep, "yaws": list(yaws)}
