"""Frozen encoders: a denoising model run from noise to image, and the features read on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Condition, Features
from gantoolkit.encoders import sampling
from gantoolkit.encoders.denoiser import Denoiser
from gantoolkit.encoders.fixed_inputs import FixedInputs
from gantoolkit.encoders.recorder import StopForward
from gantoolkit.encoders.schedules import Schedule


class FrozenEncoder(Denoiser):
    """What bridges and tasks call; families of models fill in what `Denoiser` lists."""

    @torch.no_grad()
    def features(
        self, latents: Tensor, t: Tensor | int, condition: Condition, only_h: bool = False
    ) -> Features:
        """Read h, f, a of z_t [B,C,h,w] at steps t ([B] or one for all) from one evaluation.

        No doubled batch is evaluated. `only_h`: stop early if possible; f and a are empty then.
        """
        labels = self.step_labels(t, len(latents))
        with self.denoising(condition, doubled=False, times=labels) as inputs:
            return self._features(latents, labels, inputs, only_h)

    def _features(
        self, latents: Tensor, t: Tensor | int, inputs: FixedInputs, only_h: bool = False
    ) -> Features:
        labels = self.step_labels(t, len(latents))
        latents = latents.to(self.device).float()
        with self.recorder(only_h=only_h) as recorder:
            with suppress(StopForward):
                self.predict(latents, t, inputs)
            return Features(*recorder.read(), inputs.prompts.words, labels, latents)

    @torch.no_grad()
    def trace(
        self,
        condition: Condition,
        steps: int | None = None,
        source: str = "trajectory",
        x0: bool = True,
        image: Tensor | None = None,
    ) -> Iterator[Features]:
        """Yield the features of every step from noise to image; the last has I^d_0 if `x0`.

        source='trajectory': one run from noise with guidance; features are those of its
        conditional half.
        source='gt_noised': every z_t is VAE(image) with noise, and has an I^d_0 of its own, that
        z_t denoised to the end, which makes S(S+1)/2 evaluations with guidance besides.
        """
        sampling.check_source(source)
        schedule = self._schedule(steps)
        if source == "gt_noised":
            if image is None:
                raise UsageError("source='gt_noised' noises the true image, so it needs `image`.")
            yield from self._trace_noised(condition, schedule, image, x0)
        else:
            yield from self._trace_trajectory(condition, schedule, x0)

    def _trace_trajectory(
        self, condition: Condition, schedule: Schedule, x0: bool
    ) -> Iterator[Features]:
        latents = self.initial_latents(condition)
        with self.denoising(condition, schedule=schedule) as inputs:
            words = inputs.prompts.words[inputs.conditional]
            for t, t_next in sampling.step_pairs(schedule.timesteps):
                labels = self.step_labels(t, len(condition))
                with self.recorder(inputs.conditional) as recorder:
                    estimate = self.predict_guided(latents, t, inputs)
                    features = Features(*recorder.read(), words, labels, latents)
                latents = schedule.step(estimate, latents, t, t_next)
                if t_next is not None:
                    yield features
        yield replace(features, x0=self.decode(latents)) if x0 else features

    def _trace_noised(
        self, condition: Condition, schedule: Schedule, image: Tensor, x0: bool
    ) -> Iterator[Features]:
        clean = self.encode(image)
        epsilon = self.initial_latents(condition)
        inputs = self.fixed_inputs(condition, doubled=False, schedule=schedule)
        guided_inputs = self.fixed_inputs(condition, schedule=schedule) if x0 else None
        for index, t in enumerate(schedule.timesteps):
            latents = schedule.noised(clean, self.step_labels(t, len(condition)), epsilon)
            with self.on_device(*self.denoisers):
                features = self._features(latents, t, inputs)
            if x0:
                end = self._denoise(latents, schedule.timesteps[index:], guided_inputs)
                features = replace(features, x0=end)
            yield features

    @torch.no_grad()
    def noised(self, image: Tensor, t: int, condition: Condition) -> Tensor:
        """Add the noise of the condition's seeds to an image [B,3,R,R]: z_t [B,C,h,w] at step t."""
        labels = self.step_labels(t, len(condition))
        return self.schedule.noised(self.encode(image), labels, self.initial_latents(condition))

    @torch.no_grad()
    def denoise(self, latents: Tensor, t: int, condition: Condition) -> Tensor:
        """Denoise z_t at the grid's step `t` to the end: I^d_0 [B,3,R,R] in −1..1."""
        times = tuple(step for step in self.timesteps if step <= int(t))
        return self._denoise(latents, times, self.fixed_inputs(condition))

    def _denoise(self, latents: Tensor, times: tuple[int, ...], inputs: FixedInputs) -> Tensor:
        predict = partial(self.predict_guided, inputs=inputs)
        with self.on_device(*self.denoisers):
            latents = latents.to(self.device).float()
            clean = sampling.denoise(inputs.schedule, times, latents, predict)
        return self.decode(clean)

    @torch.no_grad()
    def trajectory(self, condition: Condition, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """Run once from noise with guidance; return z_t of every step, and I^d_0.

        Shapes: [B,S,C,h,w], and [B,3,R,R] in −1..1.
        """
        schedule = self._schedule(steps)
        latents_per_step: list[Tensor] = []

        def predict_and_keep(latents: Tensor, t: int) -> Tensor:
            latents_per_step.append(latents)
            return self.predict_guided(latents, t, inputs)

        with self.denoising(condition, schedule=schedule) as inputs:
            noise = self.initial_latents(condition)
            clean = sampling.denoise(schedule, schedule.timesteps, noise, predict_and_keep)
        return torch.stack(latents_per_step, 1), self.decode(clean)

    def _schedule(self, steps: int | None) -> Schedule:
        """The encoder's own schedule, or the same one with another number of steps."""
        if steps in (None, len(self.timesteps)):
            return self.schedule
        return self.schedule.with_steps(steps)
