"""What is measured of a generator in training: reconstructions, detail, and its mean code."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.types import Score, Scores
from gantoolkit.metrics.detail import octave_energies

CHUNK = 32  # faces rendered at a time


@torch.no_grad()
def reconstruction_scores(task, limit: int) -> Scores:
    """Score how close held-out factors come to their faces: L1 in −1..1 and PSNR in dB."""
    faces, rows = task.split.held_out_rows(limit)
    l1s = []
    psnrs = []
    for chunk in rows.split(CHUNK):
        image = task.reconstruct_from_factors(chunk, faces).clamp(-1, 1)
        error = image - task.images(chunk, faces)
        mse = error.square().mean((1, 2, 3)).clamp_min(1e-10)
        l1s.append(error.abs().mean((1, 2, 3)))
        psnrs.append(10 * torch.log10(4 / mse))
    l1 = float(torch.cat(l1s).mean())
    psnr = float(torch.cat(psnrs).mean())
    conditions = {"range": "-1..1", "data": "held out", "from": "factors"}
    return {
        "L1": Score(l1, len(rows), False, conditions),
        "PSNR": Score(psnr, len(rows), True, conditions),
    }


@torch.no_grad()
def detail_scores(task, limit: int) -> Scores:
    """Score the detail of random codes' faces relative to that of held-out faces (see `Detail`)."""
    faces, rows = task.split.held_out_rows(limit)
    stream = torch.Generator().manual_seed(task.seed)
    z = torch.randn(len(rows), task.arch["z_dim"], generator=stream).to(task.device)
    real, fake = 0.0, 0.0
    for chunk, z_chunk in zip(rows.split(CHUNK), z.split(CHUNK), strict=True):
        ws = task.ema_generator.mapping(z_chunk)
        cameras = faces.cameras[chunk].to(task.device)
        drawn = task.render(task.ema_generator, ws, cameras).image.clamp(-1, 1)
        fake = fake + octave_energies(drawn).sum(0)
        real = real + octave_energies(task.images(chunk, faces)).sum(0)
    conditions = {"best": 1.0, "of": "random codes", "relative to": "held-out faces"}
    scores = {}
    for octave, ratio in enumerate((fake / real).tolist(), 1):
        scores[f"detail_octave{octave}"] = Score(ratio, len(rows), True, conditions)
    return scores


@torch.no_grad()
def mean_code(generator, z_dim: int, seed: int, count: int = 10_000) -> Tensor:
    """Return the mean of `count` mapped random z [w_dim]."""
    stream = torch.Generator().manual_seed(seed)
    z = torch.randn(count, z_dim, generator=stream).to(generator.mean_w.device)
    codes = [generator.mapping(chunk)[:, 0] for chunk in z.split(1000)]
    return torch.cat(codes).mean(0)
