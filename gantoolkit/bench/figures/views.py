"""Results at a glance: prompt and condition, G(w) from the sample's camera and, in 3D, from other sides."""

from __future__ import annotations

import math

import numpy as np
import torch

from gantoolkit.bench.figures.scene import Scene
from gantoolkit.bench.make import side_camera
from gantoolkit.report import labelled

YAWS = (-0.4, 0.0, 0.4)  # radians


@torch.no_grad()
def draw(scene: Scene, args) -> tuple[np.ndarray, dict]:
    """The sheet [H,W,3], the denoising time at which codes were read and the yaws of the views."""
    at, rows, run = scene.step(args.t_out), [], scene.runs[0]
    yaws = YAWS if getattr(scene.first.generator, "needs_camera", False) else ()
    for found, condition, camera in scene.batches():
        latent = scene.first.bridge(scene.features(condition, at))
        cameras = [camera, *(side_camera(yaw, len(found)).to(scene.device) for yaw in yaws)]
        images = [run.image(latent, view) for view in cameras]
        rows += [scene.row(found.condition[i], [image[i] for image in images]) for i in range(len(found))]
    titles = [scene.titles[0], "result\n$G(w)$", *(f"from\n{math.degrees(yaw):.0f}°" for yaw in yaws)]
    return labelled.Sheet(titles, rows).draw(), {"t": at, "yaws": list(yaws)}
