"""Encoder E: a frozen, ControlNet-conditioned denoising U-Net that is read at every step."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Condition, FeatureShapes
from gantoolkit.encoders import control_networks
from gantoolkit.encoders.base import FrozenEncoder
from gantoolkit.encoders.diffusion_model import DiffusionModel, load_diffusion_model
from gantoolkit.encoders.fixed_inputs import FixedInputs
from gantoolkit.encoders.frozen_unet import FrozenUNet, NetworkInputs, Told
from gantoolkit.encoders.recorder import TAPS, UNetRecorder, feature_shapes
from gantoolkit.encoders.schedules import Diffusion
from gantoolkit.encoders.text_encoder import EncodedPrompts


class ControlNetEncoder(FrozenEncoder):
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
    >>> mask = one_hot(torch.ones(1, 128, 128, dtype=torch.long))
    >>> first, last = encoder.trace(Condition(("blond hair",), mask, seed=torch.tensor([1])))
    >>> first.h.shape, last.x0.shape
    (torch.Size([1, 112, 4, 4]), torch.Size([1, 3, 128, 128]))
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
        is_loaded = isinstance(weights, DiffusionModel)
        model = weights if is_loaded else load_diffusion_model(weights, controlnet)
        check_choice("tap", tap, TAPS)
        schedule = Diffusion(model.scheduler, steps)
        super().__init__(model.vae, model.build_text_encoder(), schedule, guidance, negative_prompt)

        self.tap = tap
        self.unet = model.unet
        self.frozen_unet = FrozenUNet(model.unet)
        self.controlnets = control_networks.condition_controlnets(
            model, condition, palette, conditioning_scale
        )
        self.freeze(precision, offload)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape of z_t (4,h,w)."""
        size = self.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        return self.unet.config.in_channels, height, width

    @property
    def shapes(self) -> FeatureShapes:
        """Shapes of h and f, read from the U-Net's configuration."""
        h_shape, f_shapes = feature_shapes(self.unet, self.latent_shape[1:], self.tap)
        return FeatureShapes(h_shape, f_shapes, self.text_encoder.num_tokens, self.timesteps)

    def encode_condition(self, condition: Condition) -> list[Tensor]:
        """Return the image [B,·,R,R] that each ControlNet is shown."""
        size = (self.resolution, self.resolution)
        images = []
        for controlnet in self.controlnets:
            image = controlnet.control_image(condition, size).to(self.device, self.dtype)
            images.append(image.contiguous(memory_format=torch.channels_last))
        return images

    def prepare(self, inputs: FixedInputs) -> tuple[NetworkInputs, list]:
        """Compute what the U-Net, and each ControlNet, needs at every step."""
        told = self.told(inputs.prompts)
        for_controlnets = [
            controlnet.prepare(inputs.times, told, image)
            for controlnet, image in zip(self.controlnets, inputs.images)
        ]
        return self.frozen_unet.prepare(inputs.times, told), for_controlnets

    def told(self, prompts: EncodedPrompts) -> Told:
        """Return what the networks of a family are told of the prompts."""
        return Told(prompts.embedding)

    def evaluate(self, latents: Tensor, t: int | Tensor, inputs: FixedInputs) -> Tensor:
        """Evaluate the U-Net and each ControlNet once: ε, or v, of z_t [n,4,h,w]."""
        latents = latents.contiguous(memory_format=torch.channels_last)
        for_unet, for_controlnets = inputs.prepared
        residuals = [
            controlnet(latents, t, prepared)
            for controlnet, prepared in zip(self.controlnets, for_controlnets)
        ]
        summed = control_networks.sum_residuals(residuals) if residuals else None
        return self.frozen_unet(latents, t, for_unet, summed)

    def recorder(self, samples: slice = slice(None), only_h: bool = False) -> UNetRecorder:
        """Record h, f and a of the rows `samples`; `only_h` stops before the up blocks."""
        return UNetRecorder(self.frozen_unet, self.tap, samples, only_h)
