"""Encoder E: a frozen, ControlNet-conditioned denoising U-Net that is read at every step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Condition, Features, FeatureShapes
from gantoolkit.encoders import conditioning, sampling
from gantoolkit.encoders.folders import DiffusionModel, load_diffusion_model
from gantoolkit.encoders.offload import CpuOffload
from gantoolkit.encoders.recorder import TAPS, Recorder, StopForward
from gantoolkit.encoders.text_encoder import EncodedPrompts, TextEncoder


class ControlNetEncoder(nn.Module):
    """Diffusion U-Net + ControlNet + VAE + text model from local folders in diffusers' layout.

    weights     folder (or name) with unet/ vae/ text_encoder/ tokenizer/ scheduler/, or Parts
    controlnet  folder (or name) of the ControlNet, or a list of them, whose residuals are added
    condition   'mask' or 'scribble'; None: what the ControlNet's conditioning channels, or its name, say
    palette     colours of a mask for an RGB ControlNet: 'celebamask' or 'ade20k' (19 channels: 'one-hot')
    steps       S, DDIM steps of a trajectory; guidance: scale of classifier-free guidance (1 = none)
    tap         f^n at the last 'attention' of an up block or at the 'block' output
    strength    factor of the ControlNet's residuals (condition, palette and strength may be lists, one each)
    precision   'fp32' or 'bf16' for the U-Net and the ControlNet; features and latents are always fp32
    offload     networks wait in the CPU's memory and are on the device only while they work; same numbers
    """

    def __init__(
        self,
        weights: str | Path | Parts,
        controlnet: str | list[str] | None = None,
        condition: str | list[str] | None = None,
        palette: str | list[str] | None = None,
        steps: int = 10,
        guidance: float = 3.0,
        tap: Literal["attention", "block"] = "attention",
        strength: float | list[float] = 1.0,
        precision: Literal["fp32", "bf16"] = "fp32",
        offload: bool = False,
    ):
        super().__init__()
        parts = weights if isinstance(weights, Parts) else load_diffusion_model(weights, controlnet)
        check_choice("tap", tap, TAPS)
        check_choice("precision", precision, ("fp32", "bf16"))
        self.unet, self.vae = parts.unet, parts.vae
        if condition is None and parts.names:
            condition = [conditioning.kind_by_name(name) for name in parts.names]
        self.controls = conditioning.controls(parts.controlnets, condition, palette, strength)
        self.prompts, self.scheduler = Prompts(parts.text, parts.tokenizer), parts.scheduler
        self.steps, self.guidance, self.tap = steps, guidance, tap
        self.timesteps = sampling.timestep_grid(self.scheduler, steps)
        self.eval().requires_grad_(False)
        if precision == "bf16":
            self.unet.bfloat16(), self.controls.bfloat16()
        networks = dict(unet=self.unet, controls=self.controls, vae=self.vae, text=self.prompts)
        self._sleepers = CpuOffload(networks) if offload else None

    def on_device(self, *names: str) -> AbstractContextManager:
        """A block in which networks ('unet', 'controls', 'vae', 'text') are on the device, where they sleep else."""
        return self._sleepers.on_device(*names) if self._sleepers else nullcontext()

    def to(self, device: torch.device | str):
        """On another device; where networks sleep, they will work there."""
        if self._sleepers is None:
            return super().to(device)
        self._sleepers.move(device)
        return self

    def train(self, mode: bool = True):
        """Always in eval mode: the encoder is frozen."""
        return super().train(False)

    # -- what it is ----------------------------------------------------------------------------------

    @property
    def condition(self) -> str:
        """What a Condition must hold: 'mask', 'scribble', 'both', or 'none'."""
        kinds = {one.kind for one in self.controls}
        return "both" if len(kinds) > 1 else next(iter(kinds), "none")

    @property
    def device(self) -> torch.device:
        """Where the networks work."""
        return self._sleepers.device if self._sleepers else self.unet.device

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape of z_t (4,h,w)."""
        size = self.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        return self.unet.config.in_channels, height, width

    @property
    def resolution(self) -> int:
        """Size of x_0 in pixels."""
        return self.latent_shape[1] * 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def shapes(self) -> FeatureShapes:
        """Shapes of h and f, read from the U-Net's configuration."""
        config, (_, height, width) = self.unet.config, self.latent_shape
        down = 2 ** (len(config.block_out_channels) - 1)
        sizes, maps = (height // down, width // down), []
        for channels, block in zip(reversed(config.block_out_channels), self.unet.up_blocks):
            larger = tuple(s * 2 for s in sizes) if block.upsamplers else sizes
            if getattr(block, "has_cross_attention", False):
                maps.append((channels, *(larger if self.tap == "block" else sizes)))
            sizes = larger
        h = (config.block_out_channels[-1], height // down, width // down)
        return FeatureShapes(h, tuple(maps), self.prompts.tokens, self.timesteps)

    # -- parts of a forward pass ---------------------------------------------------------------------

    def _pictures(self, condition: Condition) -> list[Tensor]:
        """What each ControlNet is shown [B,·,R,R]."""
        size = (self.resolution, self.resolution)
        pictures = (one.picture(condition, size) for one in self.controls)
        return [
            p.to(self.device, self.unet.dtype).contiguous(memory_format=torch.channels_last)
            for p in pictures
        ]

    def _epsilon(
        self, latents: Tensor, t: Tensor, embedding: Tensor, pictures: list[Tensor]
    ) -> Tensor:
        """ε(z_t, t, c, x) [B,4,h,w] in float32: one evaluation of the U-Net and of each ControlNet."""
        kind = self.unet.dtype
        inputs, embedding = (
            latents.to(kind).contiguous(memory_format=torch.channels_last),
            embedding.to(kind),
        )
        with torch.autocast(self.device.type, enabled=False):
            found = [
                one(inputs, t, embedding, picture) for one, picture in zip(self.controls, pictures)
            ]
            down, mid = conditioning.add_up(found) if found else (None, None)
            return self.unet(
                inputs,
                t,
                embedding,
                down_block_additional_residuals=down,
                mid_block_additional_residual=mid,
                return_dict=False,
            )[0].float()

    def _guided(self, latents: Tensor, t: int, both: Tensor, pictures: list[Tensor]) -> Tensor:
        """ε with guidance; `both` holds the embeddings of the empty prompt, then of the prompts."""
        if self.guidance != 1:
            pictures = [torch.cat([picture, picture]) for picture in pictures]
        return sampling.predict_guided(
            lambda z, steps, embedding: self._epsilon(z, steps, embedding, pictures),
            latents,
            t,
            both,
            self.guidance,
        )

    def _encode_text(self, condition: Condition) -> tuple[Prompt, Tensor]:
        """(the prompts, embeddings [2B,T,D] of the empty prompt and of the prompts)."""
        with self.on_device("text"):
            prompt = self.prompts(condition.text)
            empty = self.prompts([""] * len(condition)).embedding
        return prompt, torch.cat([empty, prompt.embedding])

    def _features(self, recorder: Recorder, prompt: Prompt, t: Tensor, latents: Tensor) -> Features:
        h, f, outputs, probabilities = recorder.read()
        return Features(h, f, outputs, probabilities, prompt.words, t, latents)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """z_0 [B,4,h,w] → images in −1..1 [B,3,R,R]."""
        with torch.autocast(self.device.type, enabled=False), self.on_device("vae"):
            images = self.vae.decode(
                latents.float() / self.vae.config.scaling_factor, return_dict=False
            )[0]
        return images.clamp(-1, 1).contiguous()

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Images in −1..1 [B,3,R,R] → z_0 [B,4,h,w] (the posterior's mean)."""
        with torch.autocast(self.device.type, enabled=False), self.on_device("vae"):
            posterior = self.vae.encode(images.to(self.device).float()).latent_dist
        return (posterior.mode() * self.vae.config.scaling_factor).contiguous()

    def noise(self, condition: Condition) -> Tensor:
        """z_T [B,4,h,w]; row b depends on its own seed alone (no seeds: 0 for every sample)."""
        seeds = torch.zeros(len(condition)).long() if condition.seed is None else condition.seed
        return sampling.seeded_noise(seeds, self.latent_shape).to(self.device)

    # -- what others call ----------------------------------------------------------------------------

    @torch.no_grad()
    def features(
        self, latents: Tensor, t: Tensor | int, condition: Condition, only_h: bool = False
    ) -> Features:
        """h, f, a of z_t [B,4,h,w] at steps t ([B] or one for all): one evaluation, without guidance.

        only_h  stop before the up blocks: f and a are empty, which is all that M reads
        """
        t = torch.as_tensor(t, device=self.device).expand(len(condition)).contiguous()
        latents = latents.to(self.device).float()
        with torch.autocast(self.device.type, enabled=False), self.on_device("text"):
            prompt = self.prompts(condition.text)  # in float32, as where trajectories are made
        with (
            self.on_device("unet", "controls"),
            Recorder(self.unet, self.tap, only_h=only_h) as recorder,
        ):
            with suppress(StopForward):
                self._epsilon(latents, t, prompt.embedding, self._pictures(condition))
            return self._features(recorder, prompt, t, latents)

    @torch.no_grad()
    def trace(
        self,
        condition: Condition,
        steps: int | None = None,
        source: str = "trajectory",
        x0: bool = True,
        image: Tensor | None = None,
    ) -> Iterator[Features]:
        """Features at every step from noise to image; the last one carries I^d_0 if `x0`.

        source='trajectory': one DDIM run from noise with guidance; features are its conditional half.
        source='gt_noised': every z_t is q_sample(VAE(image), t), and has an I^d_0 of its own, that z_t denoised to
        the end, which makes S(S+1)/2 evaluations with guidance besides.
        """
        sampling.check_source(source)
        if source == "gt_noised":
            yield from self._trace_noised(condition, self._grid(steps), image, x0)
            return
        (prompt, both), pictures = self._encode_text(condition), self._pictures(condition)
        latents, times = self.noise(condition), self._grid(steps)
        rows = slice(len(condition) if self.guidance != 1 else 0, None)
        with self.on_device("unet", "controls"):
            for t, before in zip(times, (*times[1:], None)):
                with Recorder(self.unet, self.tap, rows) as recorder:
                    epsilon = self._guided(latents, t, both, pictures)
                    found = self._features(recorder, prompt, self._times(condition, t), latents)
                latents = sampling.ddim_step(self.scheduler, epsilon, latents, t, before)
                if before is not None:
                    yield found
        yield replace(found, x0=self.decode(latents)) if x0 else found

    def _trace_noised(self, condition, times, image, x0) -> Iterator[Features]:
        if image is None:
            raise UsageError("source='gt_noised' noises the true image, so it needs `image`.")
        clean, epsilon = self.encode(image), self.noise(condition)
        for place, t in enumerate(times):
            steps = self._times(condition, t)
            latents = sampling.q_sample(self.scheduler, clean, steps, epsilon)
            found = self.features(latents, t, condition)
            yield (
                replace(found, x0=self._denoise(latents, times[place:], condition)) if x0 else found
            )

    @torch.no_grad()
    def denoise(self, latents: Tensor, t: int, condition: Condition) -> Tensor:
        """I^d_0 [B,3,R,R] in −1..1: z_t at the grid's step `t` denoised to the end, with guidance."""
        return self._denoise(latents, tuple(s for s in self.timesteps if s <= int(t)), condition)

    def _denoise(self, latents: Tensor, times: tuple[int, ...], condition: Condition) -> Tensor:
        (_, both), pictures = self._encode_text(condition), self._pictures(condition)
        with self.on_device("unet", "controls"):
            last = sampling.ddim_loop(
                self.scheduler,
                times,
                latents.to(self.device).float(),
                lambda z, now: self._guided(z, now, both, pictures),
            )
        return self.decode(last)

    @torch.no_grad()
    def trajectory(self, condition: Condition, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """(z_t of every step [B,S,4,h,w], I^d_0 [B,3,R,R] in −1..1) of one run from noise with guidance."""
        (_, both), pictures = self._encode_text(condition), self._pictures(condition)
        seen: list[Tensor] = []

        def epsilon(latents: Tensor, t: int) -> Tensor:
            seen.append(latents)
            return self._guided(latents, t, both, pictures)

        with self.on_device("unet", "controls"):
            last = sampling.ddim_loop(self.scheduler, self._grid(steps), self.noise(condition), epsilon)
        return torch.stack(seen, 1), self.decode(last)

    def _times(self, condition: Condition, t: int) -> Tensor:
        """The step t for every sample [B]."""
        return torch.full((len(condition),), t, device=self.device)

    def _grid(self, steps: int | None) -> tuple[int, ...]:
        return (
            self.timesteps if steps in (None, self.steps) else sampling.timestep_grid(self.scheduler, steps)
        )
