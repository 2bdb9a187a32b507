"""Deterministic sampling (DDIM, eta 0) with classifier-free guidance, and noise that belongs to a sample."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice

SOURCES = ("trajectory", "gt_noised")  # of z_t: one DDIM run from noise, or q_sample of the truth


def noise(seeds: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Standard normals [B,*shape] on the CPU; row b depends on seeds[b] alone."""
    streams = (torch.Generator().manual_seed(int(seed)) for seed in seeds)
    return torch.stack([torch.randn(shape, generator=stream) for stream in streams])


def check_source(source: str) -> None:
    """Refuse what is none of SOURCES."""
    check_choice("source", source, SOURCES)


def grid(scheduler, steps: int) -> tuple[int, ...]:
    """The S denoising steps of a diffusers scheduler, from noise to image."""
    most = scheduler.config.num_train_timesteps
    if not 1 <= steps <= most:
        raise UsageError(f"An encoder takes from 1 to {most} denoising steps, not {steps}.")
    scheduler.set_timesteps(steps)
    return tuple(int(t) for t in scheduler.timesteps)


def levels(scheduler, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """√ᾱ_t and √(1−ᾱ_t), each [B,1,1,1]."""
    alpha = (
        scheduler.alphas_cumprod.to(like.device)[t.to(like.device)].to(like.dtype).view(-1, 1, 1, 1)
    )
    return alpha.sqrt(), (1 - alpha).sqrt()


def q_sample(scheduler, clean: Tensor, t: Tensor, epsilon: Tensor) -> Tensor:
    """z_t = √ᾱ_t z_0 + √(1−ᾱ_t) ε for t [B]."""
    signal, sigma = levels(scheduler, t, clean)
    return signal * clean + sigma * epsilon


def ddim_step(scheduler, epsilon: Tensor, latents: Tensor, t: int, before: int | None) -> Tensor:
    """z at the next smaller step `before` (None: the end of the chain), from ε(z_t) and z_t."""
    alphas = scheduler.alphas_cumprod
    now = float(alphas[t])
    then = float(scheduler.final_alpha_cumprod if before is None else alphas[before])
    clean = (latents - (1 - now) ** 0.5 * epsilon) / now**0.5
    return then**0.5 * clean + (1 - then) ** 0.5 * epsilon


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: ε_∅ + s (ε_c − ε_∅)."""
    return unconditional + scale * (conditional - unconditional)


def guided(forward, latents: Tensor, t: int, embeddings: Tensor, scale: float) -> Tensor:
    """ε with guidance by one evaluation of a doubled batch.

    embeddings [2B,T,D]: of the empty prompt, then of the prompts; forward(z [2B,…], t [2B], embeddings) → ε.
    scale 1 evaluates the prompts alone.
    """
    count = len(latents)
    steps = torch.full((2 * count,), t, device=latents.device)
    if scale == 1:
        return forward(latents, steps[:count], embeddings[count:])
    twice = forward(torch.cat([latents, latents]), steps, embeddings)
    return guide(twice[count:], twice[:count], scale)


def run(scheduler, times: tuple[int, ...], latents: Tensor, epsilon) -> Tensor:
    """Latents at the end of the chain, from `latents` at times[0]; epsilon(z, t) → ε [B,4,h,w]."""
    for t, before in zip(times, (*times[1:], None)):
        latents = ddim_step(scheduler, epsilon(latents, t), latents, t, before)
    return latents
