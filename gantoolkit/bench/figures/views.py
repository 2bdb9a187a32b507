"""Results at a glance: prompt and condition, G(w) from the sample's camera and, in 3D, from other sides."""

from __future__ import annotations

import math

import numpy as np
import torch

from gantoolkit.bench.figures.scene import Scene
from gantoolkit.core.camera import YAWS, frame_of
from gantoolkit.generators.views import render_views
from gantoolkit.report import figure_sheets


@torch.no_grad()
def draw(scene: Scene, args, diffused: bool = False) -> tuple[np.ndarray, dict]:
    """The sheet [H,W,3], `diffused`: with I^d_0; the denoising time at which codes were read; the yaws of the views."""
    at, rows, run = scene.step(args.t_out), [], scene.runs[0]
    yaws = YAWS if scene.first.generator.is_3d else ()
    for found, condition, camera in scene.batches():
        features, *x0 = (
            scene.features_and_image(condition, at) if diffused else [scene.features(condition, at)]
        )
        latent = scene.first.bridge(features)
        images = [*x0, run.image(latent, camera)]
        if yaws:
            sides = [frame_of(run.pipeline.generator).side(yaw, len(found)) for yaw in yaws]
            renders = render_views(run.pipeline.generator, latent.ws, sides)
            images += [render.image.cpu() for render in renders]
        rows += [
            scene.row(found.condition[i], [image[i] for image in images]) for i in range(len(found))
        ]
    titles = [
        scene.titles[0],
        *["diffusion\n$I^d_0$"] * diffused,
        "result\n$G(w)$",
        *(f"from\n{math.degrees(yaw):.0f}°" for yaw in yaws),
    ]
    return figure_sheets.FigureSheet(titles, rows).render(), {"t": at, "yaws": list(yaws)}
