"""Denoising from noise to image with classifier-free guidance, and noise by a seed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gantoolkit.core.suggest import check_choice
from gantoolkit.encoders.schedules import Schedule

SOURCES = ("trajectory", "gt_noised")  # of z_t: one run from noise, or the true image with noise


def seeded_noise(seeds: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Draw standard normals [B,*shape] on the CPU; row b depends on seeds[b] only."""
    rows = []
    for seed in seeds:
        stream = torch.Generator().manual_seed(int(seed))
        rows.append(torch.randn(shape, generator=stream))
    return torch.stack(rows)


def check_source(source: str) -> None:
    """Refuse a source of z_t that is not one of SOURCES."""
    check_choice("source", source, SOURCES)


def step_pairs(times: tuple[int, ...]) -> list[tuple[int, int | None]]:
    """Pair each step with the one that follows it, the last with None.

    >>> step_pairs((900, 500, 100))
    [(900, 500), (500, 100), (100, None)]
    """
    return list(zip(times, (*times[1:], None)))


def apply_guidance(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Apply classifier-free guidance: ε_∅ + s (ε_c − ε_∅) (Ho and Salimans, 2022)."""
    return unconditional + scale * (conditional - unconditional)


def predict_guided(
    predict: Callable[[Tensor, int], Tensor], latents: Tensor, t: int, scale: float
) -> Tensor:
    """Predict with guidance by one evaluation of a doubled batch.

    predict  (z [2B,…], t) → estimates with the empty prompt, then with the prompts
    scale    of the guidance; 1 evaluates (z [B,…], t) with the prompts only
    """
    if scale == 1:
        return predict(latents, t)
    unconditional, conditional = predict(torch.cat([latents, latents]), t).chunk(2)
    return apply_guidance(conditional, unconditional, scale)


def denoise(
    schedule: Schedule,
    times: tuple[int, ...],
    latents: Tensor,
    predict: Callable[[Tensor, int], Tensor],
) -> Tensor:
    """Denoise `latents` from times[0] to z_0; predict(z, t) → what `schedule.step` takes."""
    for t, t_next in step_pairs(times):
        latents = schedule.step(predict(latents, t), latents, t, t_next)
    return latents
