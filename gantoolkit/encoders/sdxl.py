"""Stable Diffusion XL as an encoder: two text models, a pooled text, and the picture's size."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from gantoolkit.encoders.control_networks import ConditionedUnion
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.diffusion_model import SDXLModel, load_sdxl_model
from gantoolkit.encoders.folders import as_list
from gantoolkit.encoders.frozen_unet import Told
from gantoolkit.encoders.text_encoder import EncodedPrompts


class SDXLEncoder(ControlNetEncoder):
    """Stable Diffusion XL's U-Net, ControlNets, VAE and text models from folders of diffusers.

    weights     folder (or name) with unet/ vae/ text_encoder/ text_encoder_2/ tokenizer/
                tokenizer_2/ scheduler/
    controlnet  folder (or name) of a ControlNet or ControlNet-Union, or a list of them, whose
                residuals are added
    condition   'mask' or 'scribble', for a ControlNet-Union also 'both'; None: what the
                ControlNet's channels, or its name, say
    palette     colors of a mask for an RGB ControlNet: 'celebamask' or 'ade20k'
                (with 19 channels: 'one-hot')
    control_type  what a ControlNet-Union takes its pictures for, such as 'segment' or 'lineart', or
                a list for masks and scribbles; None: 'segment' for masks, 'scribble' for scribbles
    resolution  pixels per side of x_0; None: those that the U-Net was trained for (1024)
    steps       S, the DDIM steps of a trajectory
    guidance    scale of classifier-free guidance (1 = none)
    tap         f^n at the last 'attention' of an up block or at the 'block' output
    conditioning_scale  factor of the ControlNet's residuals
    precision   'fp32' or 'bf16' for U-Net and ControlNets; features and latents are always fp32
    offload     keep networks in the CPU's memory, and on the device only while they work
    negative_prompt  what guidance leads away from; "": nothing, for which the published model
                reads zeros

    The original size that the U-Net is told is `resolution`, and the crop begins at 0.
    With several ControlNets, condition, palette and conditioning_scale may be lists of one each.
    """

    def __init__(
        self,
        weights: str | Path | SDXLModel,
        controlnet: str | list[str] | None = None,
        condition: str | list[str] | None = None,
        palette: str | list[str] | None = None,
        control_type: str | list[str] | None = None,
        resolution: int | None = None,
        steps: int = 20,
        guidance: float = 5.0,
        tap: Literal["attention", "block"] = "attention",
        conditioning_scale: float | list[float] = 1.0,
        precision: Literal["fp32", "bf16"] = "fp32",
        offload: bool = False,
        negative_prompt: str = "",
    ):
        model = weights if isinstance(weights, SDXLModel) else load_sdxl_model(weights, controlnet)
        super().__init__(
            model,
            None,
            condition,
            palette,
            steps,
            guidance,
            tap,
            conditioning_scale,
            precision,
            offload,
            negative_prompt,
        )
        self.has_zero_empty_prompt = model.has_zero_empty_prompt
        for controlnet in self.controlnets:
            if control_type is not None and isinstance(controlnet, ConditionedUnion):
                controlnet.choose_types(as_list(control_type))
        self._side = self._latent_side(resolution)

    def _latent_side(self, resolution: int | None) -> int:
        """h = w of z_t."""
        if resolution is None:
            return super().latent_shape[1]
        halvings = len(self.vae.config.block_out_channels) + len(
            self.unet.config.block_out_channels
        )
        return self.latent_side(resolution, 2 ** (halvings - 2))

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape of z_t (4,h,w)."""
        return self.unet.config.in_channels, self._side, self._side

    def encode_negative(self, count: int) -> EncodedPrompts:
        """Encode the negative prompt `count` times; of no prompt, zeros if trained so."""
        encoded = super().encode_negative(count)
        if self.negative_prompt or not self.has_zero_empty_prompt:
            return encoded
        zeros = torch.zeros_like(encoded.embedding), torch.zeros_like(encoded.pooled)
        return EncodedPrompts(zeros[0], encoded.words, zeros[1])

    def told(self, prompts: EncodedPrompts) -> Told:
        """Return the text, the pooled text, and size, crop and size again of the picture."""
        pooled = prompts.pooled
        side = float(self.resolution)
        sizes = pooled.new_tensor([side, side, 0, 0, side, side]).expand(len(pooled), -1)
        return Told(prompts.embedding, pooled, sizes)
