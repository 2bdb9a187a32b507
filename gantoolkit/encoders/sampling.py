"""Deterministic sampling (DDIM, eta 0) with classifier-free guidance, and noise by a seed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice

SOURCES = ("trajectory", "gt_noised")  # of z_t: one DDIM run from noise, or q_sample of the truth


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


def timestep_grid(scheduler, steps: int) -> tuple[int, ...]:
    """Return the S denoising steps of a diffusers scheduler, from noise to image."""
    most = scheduler.config.num_train_timesteps
    if not 1 <= steps <= most:
        raise UsageError(f"An encoder takes from 1 to {most} denoising steps, not {steps}.")
    scheduler.set_timesteps(steps)
    return tuple(int(t) for t in scheduler.timesteps)


def step_pairs(times: tuple[int, ...]) -> list[tuple[int, int | None]]:
    """Pair each step with the one that follows it, the last with None.

    >>> step_pairs((900, 500, 100))
    [(900, 500), (500, 100), (100, None)]
    """
    return list(zip(times, (*times[1:], None)))


def signal_and_noise_levels(scheduler, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return √ᾱ_t and √(1−ᾱ_t), each [B,1,1,1], on the device and in the dtype of `like`."""
    alphas = scheduler.alphas_cumprod.to(like.device)
    alpha = alphas[t.to(like.device)].to(like.dtype).view(-1, 1, 1, 1)
    return alpha.sqrt(), (1 - alpha).sqrt()


def q_sample(scheduler, clean: Tensor, t: Tensor, epsilon: Tensor) -> Tensor:
    """Return z_t = √ᾱ_t z_0 + √(1−ᾱ_t) ε for t [B]."""
    signal, sigma = signal_and_noise_levels(scheduler, t, clean)
    return signal * clean + sigma * epsilon


def to_epsilon(scheduler, prediction: Tensor, latents: Tensor, t: Tensor) -> Tensor:
    """Return ε of what a U-Net predicts, by its scheduler: ε itself, or v."""
    if scheduler.config.prediction_type == "v_prediction":
        return epsilon_of_v(scheduler, prediction, latents, t)
    return prediction


def epsilon_of_v(scheduler, velocity: Tensor, latents: Tensor, t: Tensor) -> Tensor:
    """Return ε = √ᾱ_t v + √(1−ᾱ_t) z_t of a v-prediction (Salimans and Ho, 2022)."""
    signal, sigma = signal_and_noise_levels(scheduler, t, velocity)
    return signal * velocity + sigma * latents.to(velocity)


def ddim_step(scheduler, epsilon: Tensor, latents: Tensor, t: int, t_next: int | None) -> Tensor:
    """Return z at the next smaller step `t_next` (None: the end of the chain) from ε(z_t) and z_t.

    Song et al., "Denoising Diffusion Implicit Models", 2021, Eq. 12 with σ = 0.
    """
    alphas = scheduler.alphas_cumprod
    alpha = float(alphas[t])
    alpha_next = float(scheduler.final_alpha_cumprod if t_next is None else alphas[t_next])
    clean = (latents - (1 - alpha) ** 0.5 * epsilon) / alpha**0.5
    return alpha_next**0.5 * clean + (1 - alpha_next) ** 0.5 * epsilon


def apply_guidance(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Apply classifier-free guidance: ε_∅ + s (ε_c − ε_∅) (Ho and Salimans, 2022)."""
    return unconditional + scale * (conditional - unconditional)


def predict_guided(
    predict: Callable[[Tensor, Tensor, Tensor], Tensor],
    latents: Tensor,
    t: int,
    embeddings: Tensor,
    scale: float,
) -> Tensor:
    """Predict ε with guidance by one evaluation of a doubled batch.

    predict     (z [2B,…], t [2B], embeddings) → ε
    embeddings  [2B,T,D] of the empty prompt, then of the prompts
    scale       of the guidance; 1 evaluates the prompts only
    """
    count = len(latents)
    steps = torch.full((2 * count,), t, device=latents.device)
    if scale == 1:
        return predict(latents, steps[:count], embeddings[count:])
    epsilon = predict(torch.cat([latents, latents]), steps, embeddings)
    return apply_guidance(epsilon[count:], epsilon[:count], scale)


def ddim_loop(
    scheduler, times: tuple[int, ...], latents: Tensor, predict: Callable[[Tensor, int], Tensor]
) -> Tensor:
    """Denoise `latents` from times[0] to the end of the chain; predict(z, t) → ε [B,4,h,w]."""
    for t, t_next in step_pairs(times):
        latents = ddim_step(scheduler, predict(latents, t), latents, t, t_next)
    return latents
