"""The images of all systems that a bridge is compared with, for one batch of the validation split.

RUN is G(w), MAPPED is G(w^m), DIFFUSED is I^d_0, and FLOOR is the generator's mean face G(w̄).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from gantoolkit.core.camera import YAWS, frame_of
from gantoolkit.core.types import Camera, Latent, Render
from gantoolkit.pipeline import Pipeline
from gantoolkit.report.record import DIFFUSED, FLOOR, MAPPED, RUN
from gantoolkit.tasks.bridge.trajectories import TimestepBatch, Trajectories

BATCH = 25


class ValidationPipeline(Pipeline):
    """A pipeline that renders as few samples at a time as training does.

    renderer  Latent and camera → Render, such as the objective's
    """

    def __init__(self, encoder, bridge, generator, renderer: Callable, condition: str = "mask"):
        super().__init__(encoder, bridge, generator, condition)
        self.renderer = renderer

    def render(self, latent: Latent, camera: Camera | None = None) -> Render:
        return self.renderer(latent, camera)


def validation_batches(
    trajectories: Trajectories, limit: int | None = None, step: int = -1
) -> Iterator[TimestepBatch]:
    """Read the split at one step of the denoising grid, in batches."""
    count = min(limit or len(trajectories), len(trajectories))
    # a batch that the encoder could sample fits the memory here too
    size = min(BATCH, trajectories.sampling.batch)
    for rows in torch.arange(count).split(size):
        yield trajectories.read(rows, step)


@torch.no_grad()
def latent(pipeline: Pipeline, trajectories: Trajectories, batch: TimestepBatch) -> Latent:
    """Compute the bridge's codes for a batch of cached z_t."""
    return pipeline.bridge.eval()(trajectories.features(batch))


@torch.no_grad()
def render_systems(
    pipeline: Pipeline,
    trajectories: Trajectories,
    batch: TimestepBatch,
    systems: tuple[str, ...],
) -> dict[str, Tensor]:
    """Render a batch with every system: system → image [B,3,R,R], from the samples' own cameras."""
    camera = batch.sample.condition.camera
    images = {}
    if DIFFUSED in systems:
        images[DIFFUSED] = batch.x0
    if FLOOR in systems:
        mean_w = pipeline.generator.mean_w.detach()
        mean_ws = mean_w.expand(len(batch.rows), pipeline.generator.num_ws, -1)
        images[FLOOR] = pipeline.render(Latent(mean_ws), camera).image
    if RUN in systems or MAPPED in systems:
        codes = latent(pipeline, trajectories, batch)
        if RUN in systems:
            images[RUN] = pipeline.render(codes, camera).image
        if MAPPED in systems:
            w_m = codes.ws if codes.w_m is None else codes.w_m
            images[MAPPED] = pipeline.render(Latent(w_m), camera).image
    return images


def diffused(pipeline: Pipeline) -> tuple[str, ...]:
    """Name I^d_0 as a system, unless the encoder makes no images."""
    return (DIFFUSED,) if getattr(pipeline.encoder, "generates", True) else ()


@torch.no_grad()
def side_views(
    pipeline: Pipeline,
    trajectories: Trajectories,
    batch: TimestepBatch,
    yaws: tuple[float, ...] = YAWS,
) -> list[Tensor]:
    """Render G(w) from the left, the front and the right; empty for a 2D generator."""
    if not pipeline.generator.is_3d:
        return []
    codes = latent(pipeline, trajectories, batch)
    frame = frame_of(pipeline.generator)
    cameras = [frame.side(yaw).to(codes.ws.device) for yaw in yaws]
    return [pipeline.render(codes, camera).image for camera in cameras]
