"""A frozen denoising model: its networks, what it is given, and one evaluation of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gantoolkit.core.errors import UsageError
from gantoolkit.core.precision import PRECISIONS, is_bf16
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.text import check_text
from gantoolkit.core.types import Condition, FeatureShapes
from gantoolkit.encoders import sampling
from gantoolkit.encoders.fixed_inputs import FixedInputs, Times, repeat_rows
from gantoolkit.encoders.offload import CpuOffload
from gantoolkit.encoders.schedules import Schedule
from gantoolkit.encoders.text_encoder import EncodedPrompts, join_prompts


class Denoiser(nn.Module):
    """A frozen text-conditioned denoising model; `FrozenEncoder` runs it from noise to image.

    vae              diffusers' AutoencoderKL
    text_encoder     texts → EncodedPrompts
    schedule         Diffusion or Flow
    guidance         scale of classifier-free guidance (1 = none)
    negative_prompt  what guidance leads away from; "": the empty prompt

    A family of models sets its networks as children, `controlnets` among them, calls `freeze`, and
    fills in:

        denoisers         names of the children that work at every step, the main network first
        latent_shape      (C,h,w) of z_t
        shapes            FeatureShapes of h and f
        encode_condition  Condition → what each ControlNet is shown, once per trajectory
        prepare           FixedInputs → what the networks make of it, once per trajectory
        evaluate          (z_t, t, FixedInputs) → what the network predicts, once per step
        recorder          context manager around `evaluate`; its `read()` gives h, f, a
    """

    denoisers: tuple[str, ...] = ("unet", "controlnets")
    text_follows_precision = False  # whether the text model is bf16 where the denoisers are

    def __init__(
        self,
        vae: nn.Module,
        text_encoder: nn.Module,
        schedule: Schedule,
        guidance: float,
        negative_prompt: str = "",
    ):
        super().__init__()
        self.vae = vae
        self.text_encoder = text_encoder
        self.schedule = schedule
        self.guidance = guidance
        self.negative_prompt = check_text(negative_prompt, "negative_prompt", UsageError)
        self._offload: CpuOffload | None = None
        self._precision = "fp32"

    # -- what a family fills in ----------------------------------------------------------------

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape of z_t (C,h,w)."""
        raise NotImplementedError

    @property
    def shapes(self) -> FeatureShapes:
        """Shapes of h and f."""
        raise NotImplementedError

    def encode_condition(self, condition: Condition) -> list[Tensor]:
        """Return what each ControlNet is shown [B,…]."""
        raise NotImplementedError

    def prepare(self, inputs: FixedInputs) -> Any:
        """Compute what the networks would else compute at every step; they are on the device.

        By itself: the images for all rows of the prompts.
        """
        return [repeat_rows(image, len(inputs.prompts.words)) for image in inputs.images]

    def evaluate(self, latents: Tensor, t: int | Tensor, inputs: FixedInputs) -> Tensor:
        """Evaluate the network and its ControlNets once; latents [n,C,h,w], t of inputs.times."""
        raise NotImplementedError

    def recorder(self, samples: slice = slice(None), only_h: bool = False):
        """Record h, f and a of the rows `samples`; `only_h` may stop the evaluation early."""
        raise NotImplementedError

    # -- where the networks are ----------------------------------------------------------------

    def freeze(self, precision: str, offload: bool) -> None:
        """Freeze all networks, choose the precision of the denoisers, and offload them.

        precision  'fp32' or 'bf16', which a device without bfloat16 computes in float32 too
        """
        check_choice("precision", precision, PRECISIONS)
        self.eval().requires_grad_(False)
        self._precision = precision
        self._set_dtype(self.device)
        if offload:
            self._offload = CpuOffload(dict(self.named_children()))

    def _set_dtype(self, device: torch.device) -> None:
        """Let the denoisers of precision bf16 work in what the device computes."""
        if self._precision != "bf16":
            return
        convert = nn.Module.bfloat16 if is_bf16("bf16", device.type) else nn.Module.float
        for name in self.denoisers:
            convert(self.get_submodule(name))
        if self.text_follows_precision:
            convert(self.text_encoder)

    def on_device(self, *names: str) -> AbstractContextManager:
        """Load children, such as 'vae' and 'text_encoder', for a block, if `offload`."""
        return self._offload.on_device(*names) if self._offload else nullcontext()

    def to(self, device: torch.device | str):
        """Move to another device; with `offload` the networks will be loaded onto it."""
        self._set_dtype(torch.device(device))
        if self._offload is None:
            return super().to(device)
        self._offload = CpuOffload(dict(self.named_children()))
        self._offload.set_device(device)
        return self

    def train(self, mode: bool = True):
        """Stay in eval mode: the encoder is frozen."""
        return super().train(False)

    @property
    def device(self) -> torch.device:
        """Where the networks work."""
        return self._offload.device if self._offload else self._weight.device

    @property
    def dtype(self) -> torch.dtype:
        """What the denoisers compute in."""
        return self._weight.dtype

    @property
    def _weight(self) -> Tensor:
        """Any weight of the main network."""
        return next(self.get_submodule(self.denoisers[0]).parameters())

    @property
    def timesteps(self) -> tuple[int, ...]:
        """The grid of denoising steps, from noise to image."""
        return self.schedule.timesteps

    @property
    def condition(self) -> str:
        """What a Condition must hold: 'mask', 'scribble', 'both', or 'none'."""
        kinds = {controlnet.kind for controlnet in self.controlnets}
        return "both" if len(kinds) > 1 else next(iter(kinds), "none")

    @property
    def vae_downscale(self) -> int:
        """Pixels per side of an image for one of z_t."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def resolution(self) -> int:
        """Pixels per side of x_0."""
        return self.latent_shape[1] * self.vae_downscale

    def latent_side(self, resolution: int, multiple: int) -> int:
        """Return h = w of z_t for x_0 of `resolution` pixels, which must be a multiple."""
        if resolution < multiple or resolution % multiple:
            raise UsageError(f"resolution={resolution} should be a multiple of {multiple}.")
        return resolution // self.vae_downscale

    @property
    def latent_shift(self) -> float:
        """What is taken off the VAE's latents before they are scaled."""
        return self.vae.config.shift_factor or 0.0

    @property
    def is_doubled(self) -> bool:
        """Whether guidance evaluates a doubled batch: the negative prompt, then the prompts."""
        return self.guidance != 1

    # -- what enters the network ---------------------------------------------------------------

    def encode_prompt(self, condition: Condition, doubled: bool = False) -> EncodedPrompts:
        """Encode the prompts [B]; if `doubled`, [2B], the negative prompt first."""
        with self.on_device("text_encoder"):
            prompts = self.text_encoder(condition.text)
            if not doubled:
                return prompts
            return join_prompts(self.encode_negative(len(condition)), prompts)

    def encode_negative(self, count: int) -> EncodedPrompts:
        """Encode the negative prompt `count` times."""
        return self.text_encoder([self.negative_prompt] * count)

    @contextmanager
    def denoising(
        self,
        condition: Condition,
        doubled: bool | None = None,
        schedule: Schedule | None = None,
        times: Times | None = None,
    ) -> Iterator[FixedInputs]:
        """Load the denoisers for a block, and compute all that stays the same over its steps.

        doubled   with the negative prompt before the prompts; None: if guidance asks for it
        schedule  None: the encoder's own
        times     the steps of the block; None: those of the schedule
        """
        doubled = self.is_doubled if doubled is None else doubled
        schedule = schedule or self.schedule
        times = schedule.timesteps if times is None else times
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            prompts = self.encode_prompt(condition, doubled).to(self.dtype)
            images = self.encode_condition(condition)
        conditional = slice(len(condition) if doubled else 0, None)
        inputs = FixedInputs(prompts, images, schedule, conditional, times)
        with self.on_device(*self.denoisers):
            with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
                inputs = replace(inputs, prepared=self.prepare(inputs))
            yield inputs

    def fixed_inputs(self, *args, **kwargs) -> FixedInputs:
        """Compute all that stays the same over the steps, as `denoising` does."""
        with self.denoising(*args, **kwargs) as inputs:
            return inputs

    def initial_latents(self, condition: Condition) -> Tensor:
        """Draw z_T [B,C,h,w]; row b depends only on its own seed (0 where there are no seeds)."""
        seeds = torch.zeros(len(condition)).long() if condition.seed is None else condition.seed
        return sampling.seeded_noise(seeds, self.latent_shape).to(self.device)

    # -- evaluations of the networks -----------------------------------------------------------

    def step_labels(self, t: int | Tensor, count: int) -> Tensor:
        """Return one step for all rows, or one for each, as a tensor [count] on the device."""
        return torch.as_tensor(t, device=self.device).expand(count).contiguous()

    def predict(self, latents: Tensor, t: int | Tensor, inputs: FixedInputs) -> Tensor:
        """Predict what the schedule's `step` takes [n,C,h,w] in float32, by one evaluation.

        latents [n,C,h,w], t one of inputs.times or, where these are one per row, all of them [n]
        """
        with torch.autocast(self.device.type, enabled=False):
            prediction = self.evaluate(latents.to(self.dtype), t, inputs)
        labels = self.step_labels(t, len(latents))
        return inputs.schedule.estimate(prediction.float(), latents, labels)

    def predict_guided(self, latents: Tensor, t: int, inputs: FixedInputs) -> Tensor:
        """Predict with guidance; latents [B,C,h,w], inputs as `fixed_inputs` makes them."""
        scale = self.guidance if self.is_doubled else 1
        return sampling.predict_guided(partial(self.predict, inputs=inputs), latents, t, scale)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Decode z_0 [B,C,h,w] to images in −1..1 [B,3,R,R]."""
        scaled = latents.float() / self.vae.config.scaling_factor + self.latent_shift
        with torch.autocast(self.device.type, enabled=False), self.on_device("vae"):
            (images,) = self.vae.decode(scaled, return_dict=False)
        return images.clamp(-1, 1).contiguous()

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Encode images in −1..1 [B,3,R,R] to z_0 [B,C,h,w] (the posterior's mean)."""
        with torch.autocast(self.device.type, enabled=False), self.on_device("vae"):
            posterior = self.vae.encode(images.to(self.device).float()).latent_dist
        latents = (posterior.mode() - self.latent_shift) * self.vae.config.scaling_factor
        return latents.contiguous()
