"""Encoder E: a frozen, ControlNet-conditioned denoising U-Net that is read at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.text import check_text
from gantoolkit.core.types import Condition, Features, FeatureShapes
from gantoolkit.encoders import conditioning, sampling
from gantoolkit.encoders.folders import DiffusionModel, load_diffusion_model
from gantoolkit.encoders.offload import CpuOffload
from gantoolkit.encoders.recorder import TAPS, FeatureRecorder, StopForward, feature_shapes
from gantoolkit.encoders.text_encoder import EncodedPrompts, TextEncoder

PRECISIONS = ("fp32", "bf16")


class ControlNetEncoder(nn.Module):
    """Diffusion U-Net, ControlNets, VAE and text model from local folders in diffusers' layout.

    weights     folder (or name) with unet/ vae/ text_encoder/ tokenizer/ scheduler/
    controlnet  folder (or name) of the ControlNet, or a list of them, whose residuals are added
    condition   'mask' or 'scribble'; None: what the ControlNet's channels, or its name, say
    palette     colors of a mask for an RGB ControlNet: 'celebamask' or 'ade20k'
                (with 19 channels: 'one-hot')
    steps       S, the DDIM steps of a trajectory
    guidance    scale of classifier-free guidance (1 = none)
    tap         f^n at the last 'attention' of an up block or at the 'block' output
    conditioning_scale  factor of the ControlNet's residuals
    precision   'fp32' or 'bf16' for U-Net and ControlNets; features and latents are always fp32
    offload     keep networks in the CPU's memory, and on the device only while they work;
                the numbers are the same
    negative_prompt  what guidance leads away from; "": the empty prompt

    With several ControlNets, condition, palette and conditioning_scale may be lists of one each.

    >>> from gantoolkit.core.images import one_hot
    >>> encoder = ControlNetEncoder("diffusion", "controlnet-mask", steps=2)
    >>> encoder.condition, encoder.timesteps
    ('mask', (999, 499))
    >>> mask = one_hot(torch.ones(1, 64, 64, dtype=torch.long))
    >>> first, last = encoder.trace(Condition(("blond hair",), mask, seed=torch.tensor([1])))
    >>> first.h.shape, last.x0.shape
    (torch.Size([1, 96, 2, 2]), torch.Size([1, 3, 64, 64]))
    """

    def __init__(
        self,
        weights: str | Path | DiffusionModel,
        controlnet: str | list[str] | None = None,
        condition: str | list[str] | None = None,
        palette: str | list[str] | None = None,
        steps: int = 10,
        guidance: float = 3.0,
        tap: Literal["attention", "block"] = "attention",
        conditioning_scale: float | list[float] = 1.0,
        precision: Literal["fp32", "bf16"] = "fp32",
        offload: bool = False,
        negative_prompt: str = "",
    ):
        super().__init__()
        is_loaded = isinstance(weights, DiffusionModel)
        model = weights if is_loaded else load_diffusion_model(weights, controlnet)
        check_choice("tap", tap, TAPS)
        check_choice("precision", precision, PRECISIONS)
        if condition is None and model.controlnet_names:
            condition = [conditioning.guess_kind(name) for name in model.controlnet_names]

        self.unet = model.unet
        self.vae = model.vae
        self.text_encoder = TextEncoder(model.text_encoder, model.tokenizer)
        self.controlnets = conditioning.condition_controlnets(
            model.controlnets, condition, palette, conditioning_scale
        )
        self.scheduler = model.scheduler
        self.steps = steps
        self.guidance = guidance
        self.negative_prompt = check_text(negative_prompt, "negative_prompt", UsageError)
        self.tap = tap
        self.timesteps = sampling.timestep_grid(self.scheduler, steps)

        self.eval().requires_grad_(False)
        if precision == "bf16":
            self.unet.bfloat16()
            self.controlnets.bfloat16()
        self._offload = CpuOffload(dict(self.named_children())) if offload else None

    # -- where the networks are ----------------------------------------------------------------

    def on_device(self, *names: str) -> AbstractContextManager:
        """Load 'unet', 'controlnets', 'vae' or 'text_encoder' for a block, if `offload`."""
        return self._offload.on_device(*names) if self._offload else nullcontext()

    def to(self, device: torch.device | str):
        """Move to another device; with `offload` the networks will be loaded onto it."""
        if self._offload is None:
            return super().to(device)
        self._offload.set_device(device)
        return self

    def train(self, mode: bool = True):
        """Stay in eval mode: the encoder is frozen."""
        return super().train(False)

    @property
    def device(self) -> torch.device:
        """Where the networks work."""
        return self._offload.device if self._offload else self.unet.device

    # -- shapes --------------------------------------------------------------------------------

    @property
    def condition(self) -> str:
        """What a Condition must hold: 'mask', 'scribble', 'both', or 'none'."""
        kinds = {controlnet.kind for controlnet in self.controlnets}
        return "both" if len(kinds) > 1 else next(iter(kinds), "none")

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape of z_t (4,h,w)."""
        size = self.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        return self.unet.config.in_channels, height, width

    @property
    def resolution(self) -> int:
        """Pixels per side of x_0."""
        vae_downscale = 2 ** (len(self.vae.config.block_out_channels) - 1)
        return self.latent_shape[1] * vae_downscale

    @property
    def shapes(self) -> FeatureShapes:
        """Shapes of h and f, read from the U-Net's configuration."""
        h_shape, f_shapes = feature_shapes(self.unet, self.latent_shape[1:], self.tap)
        return FeatureShapes(h_shape, f_shapes, self.text_encoder.num_tokens, self.timesteps)

    # -- what enters the U-Net -----------------------------------------------------------------

    def encode_prompt(self, condition: Condition) -> tuple[EncodedPrompts, Tensor]:
        """Return the prompts, and embeddings [2B,T,D] of the negative prompt and the prompts."""
        with self.on_device("text_encoder"):
            prompts = self.text_encoder(condition.text)
            negative = self.text_encoder([self.negative_prompt] * len(condition)).embedding
        return prompts, torch.cat([negative, prompts.embedding])

    def encode_condition(self, condition: Condition) -> list[Tensor]:
        """Return the image [B,·,R,R] that each ControlNet is shown."""
        size = (self.resolution, self.resolution)
        images = []
        for controlnet in self.controlnets:
            image = controlnet.control_image(condition, size).to(self.device, self.unet.dtype)
            images.append(image.contiguous(memory_format=torch.channels_last))
        return images

    def initial_latents(self, condition: Condition) -> Tensor:
        """Draw z_T [B,4,h,w]; row b depends only on its own seed (0 where there are no seeds)."""
        seeds = torch.zeros(len(condition)).long() if condition.seed is None else condition.seed
        return sampling.seeded_noise(seeds, self.latent_shape).to(self.device)

    # -- evaluations of the networks -----------------------------------------------------------

    def predict(
        self, latents: Tensor, t: Tensor, embedding: Tensor, images: list[Tensor]
    ) -> Tensor:
        """Predict ε(z_t, t, c, x) [B,4,h,w] in float32: the U-Net and each ControlNet once.

        latents [B,4,h,w], t [B], embedding [B,T,D], images from `encode_condition`
        """
        dtype = self.unet.dtype
        given_latents, latents = latents, latents.to(dtype, memory_format=torch.channels_last)
        embedding = embedding.to(dtype)
        with torch.autocast(self.device.type, enabled=False):
            residuals = [
                controlnet(latents, t, embedding, image)
                for controlnet, image in zip(self.controlnets, images)
            ]
            down, mid = conditioning.sum_residuals(residuals) if residuals else (None, None)
            (prediction,) = self.unet(
                latents,
                t,
                embedding,
                down_block_additional_residuals=down,
                mid_block_additional_residual=mid,
                return_dict=False,
            )
        return sampling.to_epsilon(self.scheduler, prediction.float(), given_latents, t)

    def predict_guided(
        self, latents: Tensor, t: int, embeddings: Tensor, images: list[Tensor]
    ) -> Tensor:
        """Predict ε with guidance; `embeddings` and `images` as the two `encode_…` return them."""
        if self.guidance != 1:
            images = [torch.cat([image, image]) for image in images]
        predict = partial(self.predict, images=images)
        return sampling.predict_guided(predict, latents, t, embeddings, self.guidance)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Decode z_0 [B,4,h,w] to images in −1..1 [B,3,R,R]."""
        scaled = latents.float() / self.vae.config.scaling_factor
        with torch.autocast(self.device.type, enabled=False), self.on_device("vae"):
            (images,) = self.vae.decode(scaled, return_dict=False)
        return images.clamp(-1, 1).contiguous()

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Encode images in −1..1 [B,3,R,R] to z_0 [B,4,h,w] (the posterior's mean)."""
        with torch.autocast(self.device.type, enabled=False), self.on_device("vae"):
            posterior = self.vae.encode(images.to(self.device).float()).latent_dist
        return (posterior.mode() * self.vae.config.scaling_factor).contiguous()

    # -- features and trajectories: what bridges and tasks call --------------------------------

    @torch.no_grad()
    def features(
        self, latents: Tensor, t: Tensor | int, condition: Condition, only_h: bool = False
    ) -> Features:
        """Read h, f, a of z_t [B,4,h,w] at steps t ([B] or one for all) from one evaluation.

        There is no guidance. `only_h`: stop before the up blocks; f and a are empty then.
        """
        t = torch.as_tensor(t, device=self.device).expand(len(condition)).contiguous()
        latents = latents.to(self.device).float()
        with torch.autocast(self.device.type, enabled=False), self.on_device("text_encoder"):
            prompts = self.text_encoder(condition.text)  # in float32, as for trajectories
        with (
            self.on_device("unet", "controlnets"),
            FeatureRecorder(self.unet, self.tap, only_h=only_h) as recorder,
        ):
            with suppress(StopForward):
                images = self.encode_condition(condition)
                self.predict(latents, t, prompts.embedding, images)
            return _recorded_features(recorder, prompts, t, latents)

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

        source='trajectory': one DDIM run from noise with guidance; features are those of its
        conditional half.
        source='gt_noised': every z_t is q_sample(VAE(image), t), and has an I^d_0 of its own, that
        z_t denoised to the end, which makes S(S+1)/2 evaluations with guidance besides.
        """
        sampling.check_source(source)
        times = self._times(steps)
        if source == "gt_noised":
            if image is None:
                raise UsageError("source='gt_noised' noises the true image, so it needs `image`.")
            yield from self._trace_noised(condition, times, image, x0)
        else:
            yield from self._trace_trajectory(condition, times, x0)

    def _trace_trajectory(self, condition, times: tuple[int, ...], x0: bool) -> Iterator[Features]:
        prompts, embeddings = self.encode_prompt(condition)
        images = self.encode_condition(condition)
        latents = self.initial_latents(condition)
        count = len(condition)
        conditional_half = slice(count if self.guidance != 1 else 0, None)
        with self.on_device("unet", "controlnets"):
            for t, t_next in sampling.step_pairs(times):
                steps = torch.full((count,), t, device=self.device)
                with FeatureRecorder(self.unet, self.tap, conditional_half) as recorder:
                    epsilon = self.predict_guided(latents, t, embeddings, images)
                    features = _recorded_features(recorder, prompts, steps, latents)
                latents = sampling.ddim_step(self.scheduler, epsilon, latents, t, t_next)
                if t_next is not None:
                    yield features
        yield replace(features, x0=self.decode(latents)) if x0 else features

    def _trace_noised(
        self, condition, times: tuple[int, ...], image: Tensor, x0: bool
    ) -> Iterator[Features]:
        clean = self.encode(image)
        epsilon = self.initial_latents(condition)
        for index, t in enumerate(times):
            steps = torch.full((len(condition),), t, device=self.device)
            latents = sampling.q_sample(self.scheduler, clean, steps, epsilon)
            features = self.features(latents, t, condition)
            if x0:
                features = replace(features, x0=self._denoise(latents, times[index:], condition))
            yield features

    @torch.no_grad()
    def denoise(self, latents: Tensor, t: int, condition: Condition) -> Tensor:
        """Denoise z_t at the grid's step `t` to the end: I^d_0 [B,3,R,R] in −1..1."""
        times = tuple(step for step in self.timesteps if step <= int(t))
        return self._denoise(latents, times, condition)

    def _denoise(self, latents: Tensor, times: tuple[int, ...], condition: Condition) -> Tensor:
        predict = self._predictor(condition)
        with self.on_device("unet", "controlnets"):
            latents = latents.to(self.device).float()
            clean = sampling.ddim_loop(self.scheduler, times, latents, predict)
        return self.decode(clean)

    @torch.no_grad()
    def trajectory(self, condition: Condition, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """Run once from noise with guidance; return z_t of every step, and I^d_0.

        Shapes: [B,S,4,h,w], and [B,3,R,R] in −1..1.
        """
        predict = self._predictor(condition)
        latents_per_step: list[Tensor] = []

        def predict_and_keep(latents: Tensor, t: int) -> Tensor:
            latents_per_step.append(latents)
            return predict(latents, t)

        times = self._times(steps)
        with self.on_device("unet", "controlnets"):
            noise = self.initial_latents(condition)
            clean = sampling.ddim_loop(self.scheduler, times, noise, predict_and_keep)
        return torch.stack(latents_per_step, 1), self.decode(clean)

    def _predictor(self, condition: Condition) -> Callable[[Tensor, int], Tensor]:
        """(z_t, t) → ε with guidance; prompt and condition are encoded once, here."""
        _, embeddings = self.encode_prompt(condition)
        images = self.encode_condition(condition)
        return partial(self.predict_guided, embeddings=embeddings, images=images)

    def _times(self, steps: int | None) -> tuple[int, ...]:
        """The encoder's own grid, or one of another number of steps."""
        if steps in (None, self.steps):
            return self.timesteps
        return sampling.timestep_grid(self.scheduler, steps)


def _recorded_features(
    recorder: FeatureRecorder, prompts: EncodedPrompts, t: Tensor, latents: Tensor
) -> Features:
    h, f, attn_out, attn_prob = recorder.read()
    return Features(h, f, attn_out, attn_prob, prompts.words, t, latents)
