"""Noise schedules: how much noise is in z_t, and one deterministic step of taking some away.

    Diffusion   z_t = √ᾱ_t z_0 + √(1−ᾱ_t) ε; networks predict ε or v; DDIM steps
    Flow        z_t = (1−σ) z_0 + σ ε; networks predict the velocity ε − z_0; Euler steps

Steps have integer labels, 999 (noise) to 0 (image): `Features.t`, `t_out` and figures name them.
What a schedule needs exactly, such as σ, it keeps beside the labels. Both offer:

    timesteps                      the labels of the S steps, from noise to image
    num_labels                     how many labels there are, of which S are steps
    with_steps(steps)              the same schedule with another number of steps
    noised(clean, t, epsilon)      z_t of z_0 at t [B]
    estimate(prediction, z_t, t)   what `step` takes, from what a network predicts at t [B]
    step(estimate, z_t, t, t_next) z at the next step `t_next` (None: z_0)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, Self

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError

MOST_STEPS = 1000
LAST_LABEL = MOST_STEPS - 1


class Schedule(Protocol):
    """What an encoder asks of a noise schedule."""

    timesteps: tuple[int, ...]
    num_labels: int

    def with_steps(self, steps: int) -> Self: ...

    def noised(self, clean: Tensor, t: Tensor, epsilon: Tensor) -> Tensor: ...

    def estimate(self, prediction: Tensor, latents: Tensor, t: Tensor) -> Tensor: ...

    def step(self, estimate: Tensor, latents: Tensor, t: int, t_next: int | None) -> Tensor: ...


class Diffusion:
    """The noise schedule of a diffusers scheduler, with steps of DDIM (eta 0).

    scheduler  diffusers' DDIMScheduler, of a network that predicts epsilon or v
    steps      S
    """

    def __init__(self, scheduler, steps: int):
        check_steps(steps, scheduler.config.num_train_timesteps)
        scheduler.set_timesteps(steps)
        self.scheduler = scheduler
        self.num_labels = scheduler.config.num_train_timesteps
        self.timesteps = tuple(int(t) for t in scheduler.timesteps)

    def with_steps(self, steps: int) -> Diffusion:
        """Return the same schedule with a grid of `steps` steps."""
        return Diffusion(self.scheduler, steps)

    def levels(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return √ᾱ_t and √(1−ᾱ_t), each [B,1,1,1], on the device and in the dtype of `like`."""
        alphas = self.scheduler.alphas_cumprod.to(like.device)
        alpha = alphas[t.to(like.device)].to(like.dtype).view(-1, 1, 1, 1)
        return alpha.sqrt(), (1 - alpha).sqrt()

    def noised(self, clean: Tensor, t: Tensor, epsilon: Tensor) -> Tensor:
        """Return z_t = √ᾱ_t z_0 + √(1−ᾱ_t) ε for t [B]."""
        signal, sigma = self.levels(t, clean)
        return signal * clean + sigma * epsilon

    def estimate(self, prediction: Tensor, latents: Tensor, t: Tensor) -> Tensor:
        """Return ε: the prediction itself, or √ᾱ_t v + √(1−ᾱ_t) z_t (Salimans and Ho, 2022)."""
        if self.scheduler.config.prediction_type != "v_prediction":
            return prediction
        signal, sigma = self.levels(t, prediction)
        return signal * prediction + sigma * latents.to(prediction)

    def step(self, estimate: Tensor, latents: Tensor, t: int, t_next: int | None) -> Tensor:
        """Return z at `t_next` from ε(z_t) and z_t.

        Song et al., "Denoising Diffusion Implicit Models", 2021, Eq. 12 with σ = 0.
        """
        alphas = self.scheduler.alphas_cumprod
        alpha = float(alphas[t])
        last = self.scheduler.final_alpha_cumprod
        alpha_next = float(last if t_next is None else alphas[t_next])
        clean = (latents - (1 - alpha) ** 0.5 * estimate) / alpha**0.5
        return alpha_next**0.5 * clean + (1 - alpha_next) ** 0.5 * estimate


def ddim_scheduler():
    """Make Stable Diffusion's noise schedule; its grid runs from pure noise to the first step."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=0,
        prediction_type="epsilon",
        timestep_spacing="trailing",
    )


class Flow:
    """Straight lines from noise to image (rectified flow), with Euler steps.

    grid   number of steps S → their S exact σ, from 1 (noise) towards 0; the last step ends at 0
    steps  S

    A step's label is its σ in thousandths, at most 999. Other labels mean their thousandths.

    >>> flow = Flow(lambda steps: torch.linspace(1, 1 / steps, steps), 3)
    >>> flow.timesteps, flow.sigma(torch.tensor([999, 500]))
    ((999, 667, 333), tensor([1.0000, 0.5000]))
    """

    def __init__(self, grid: Callable[[int], Sequence[float] | Tensor], steps: int):
        check_steps(steps, MOST_STEPS)
        sigmas = torch.as_tensor(grid(steps), dtype=torch.float32)
        labels = (sigmas * MOST_STEPS).round().long().clamp(max=LAST_LABEL)
        if len(labels.unique()) < steps:
            raise UsageError(
                f"{steps} steps are too many for this flow: some would share a label of 0 to "
                f"{LAST_LABEL}."
            )
        self.grid = grid
        self.num_labels = MOST_STEPS
        self.timesteps = tuple(labels.tolist())
        self.sigmas = torch.arange(MOST_STEPS) / MOST_STEPS
        self.sigmas[labels] = sigmas

    def with_steps(self, steps: int) -> Flow:
        """Return the same schedule with a grid of `steps` steps."""
        return Flow(self.grid, steps)

    def sigma(self, t: Tensor) -> Tensor:
        """Return σ [B] in float32 of the labels t [B], on their device."""
        return self.sigmas.to(t.device)[t]

    def noised(self, clean: Tensor, t: Tensor, epsilon: Tensor) -> Tensor:
        """Return z_t = (1−σ) z_0 + σ ε for t [B]."""
        sigma = self.sigma(t.to(clean.device)).to(clean.dtype).view(-1, 1, 1, 1)
        return (1 - sigma) * clean + sigma * epsilon

    def estimate(self, prediction: Tensor, latents: Tensor, t: Tensor) -> Tensor:
        """Return the velocity ε − z_0, which is what networks predict."""
        return prediction

    def step(self, estimate: Tensor, latents: Tensor, t: int, t_next: int | None) -> Tensor:
        """Return z at `t_next` from the velocity at z_t, and z_t."""
        sigma_next = 0.0 if t_next is None else float(self.sigmas[t_next])
        return latents + (sigma_next - float(self.sigmas[t])) * estimate


def check_steps(steps: int, most: int) -> None:
    """Refuse a number of denoising steps that no schedule has."""
    if not 1 <= steps <= most:
        raise UsageError(f"An encoder takes from 1 to {most} denoising steps, not {steps}.")
