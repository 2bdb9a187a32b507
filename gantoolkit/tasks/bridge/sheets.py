"""Pictures of a bridge under training: the validation sheet, and single samples for the report."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.bridges.attention import word_attention
from gantoolkit.core.images import to_float
from gantoolkit.pipeline import Pipeline
from gantoolkit.report import pictures
from gantoolkit.report.record import MAPPED, RUN
from gantoolkit.report.samples import save_sample
from gantoolkit.tasks.bridge.systems import diffused, render_systems, side_views
from gantoolkit.tasks.bridge.trajectories import TimestepBatch, Trajectories
from gantoolkit.tasks.image_grid import image_grid


@torch.no_grad()
def sheet(pipeline: Pipeline, trajectories: Trajectories, count: int = 8) -> Tensor:
    """Draw the first `count` samples: rows condition, I^gt, I^d_0 (if any), G(w^m), G(w).

    Returns [3,H,W] in −1..1.
    """
    batch = trajectories.read(torch.arange(min(count, len(trajectories))))
    systems = (*diffused(pipeline), MAPPED, RUN)
    images = render_systems(pipeline, trajectories, batch, systems)
    size = images[RUN].shape[-1]

    rows = [_conditions(batch, size), batch.sample.target.image_gt.cpu()]
    rows += [images[system] for system in systems]
    return image_grid(F.interpolate(row.float(), size, mode="area") for row in rows)


def _conditions(batch: TimestepBatch, size: int) -> Tensor:
    """Draw the conditions of a batch [B,3,size,size] in −1..1."""
    condition = batch.sample.condition
    images = []
    for index in range(len(condition)):
        picture = pictures.condition_picture(condition[index])
        images.append(torch.tensor(pictures.resized(picture, size)))
    return to_float(torch.stack(images).permute(0, 3, 1, 2))


@torch.no_grad()
def save_samples(
    folder: Path, pipeline: Pipeline, trajectories: Trajectories, count: int = 6, steps: int = 4
) -> list[dict]:
    """Write single samples with views and steps under `folder`, as the report shows them."""
    total = len(trajectories.timesteps)
    shown_steps = sorted({round(i * (total - 1) / (steps - 1)) for i in range(steps)})

    samples = []
    for row in range(min(count, len(trajectories))):
        batch = trajectories.read(torch.tensor([row]))
        columns = {"image_gt": batch.sample.target.image_gt}
        if diffused(pipeline):
            columns["x0"] = batch.x0
        columns |= render_systems(pipeline, trajectories, batch, (MAPPED, RUN))

        images_of_step, attention = [], {}
        for step in shown_steps:
            at_step = trajectories.read(batch.rows, step)
            t = int(at_step.t[0])
            images = render_systems(pipeline, trajectories, at_step, (MAPPED, RUN))
            images_of_step.append((t, images))
            attention[t] = word_attention(trajectories.features(at_step))

        sample = save_sample(
            folder,
            f"val/{row:08d}",
            batch.sample.condition,
            columns,
            views=side_views(pipeline, trajectories, batch),
            steps=images_of_step,
            t=int(batch.t[0]),
            attention=attention,
        )
        samples.append(sample)
    return samples
