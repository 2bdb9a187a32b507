"""Fresh codes and renders of task `gan`, with all randomness from the batch's own streams."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.types import Render
from gantoolkit.training.batch import SeededBatch


def mapping_network(generator) -> nn.Module:
    """Return the module that maps z to w; EG3D's lies in its backbone."""
    return (generator.backbone if generator.is_3d else generator).mapping


def render_codes(
    generator, ws: Tensor, cameras: Tensor, batch: SeededBatch | None = None, noise: str = "none"
) -> Render:
    """Render ws: in training by the numbers of `batch`, else with constant noise.

    batch  jitters EG3D's samples on the rays, and draws the noise
    noise  in training, 'random' or 'none'
    """
    if batch is None:
        return generator.render(ws, cameras, noise="const", deterministic=True)
    if not generator.is_3d:
        return generator.render(ws, cameras, noise=noise, generator=batch.streams)
    rays = generator.rays**2
    jitter = batch.uniform(rays, generator.samples, 1)
    u = None
    if generator.importance:
        u = batch.uniform(rays, generator.importance).flatten(0, 1)
    return generator.render(ws, cameras, noise=noise, generator=batch.streams, jitter=jitter, u=u)


def fresh_codes(
    generator, batch: SeededBatch, first: int, truncated: float, psi_range: tuple[float, float]
) -> Tensor:
    """Return ws [b,num_ws,w_dim] of fresh normals, for the batch from position `first` on.

    truncated  share of the codes that are truncated: w̄ + ψ (w − w̄)
    psi_range  of their ψ, uniform; above 1 they lie farther from w̄
    """
    mean_w = generator.mean_w.clone()
    z = batch.normal(generator.z_dim)[first:].to(mean_w)
    ws = generator.mapping(z)
    if not truncated:
        return ws
    choice, place = batch.uniform(2)[first:].to(ws).unbind(1)
    low, high = psi_range
    psi = torch.where(choice < truncated, low + (high - low) * place, 1.0)
    return mean_w + psi[:, None, None] * (ws - mean_w)


def coarse_distance(image: Tensor, other: Tensor, size: int) -> Tensor:
    """Return the L1 distance of images [B,3,R,R], both averaged to size × size."""
    coarse = F.adaptive_avg_pool2d(image.float(), size)
    return F.l1_loss(coarse, F.adaptive_avg_pool2d(other.float(), size))
