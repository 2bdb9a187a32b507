"""Stable Diffusion 3 and 3.5 as encoders: joint attention of image and text, rectified flow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from gantoolkit.core.types import Condition
from gantoolkit.encoders import control_networks
from gantoolkit.encoders.fixed_inputs import FixedInputs
from gantoolkit.encoders.joint_recorder import check_switches
from gantoolkit.encoders.schedules import Flow
from gantoolkit.encoders.text_encoder import EncodedPrompts
from gantoolkit.encoders.transformer import PictureControlNet, TransformerEncoder, sum_lists
from gantoolkit.encoders.transformer_model import SD3Model, load_sd3_model


class SD3ControlNet(PictureControlNet):
    """A ControlNet of Stable Diffusion 3, which is shown the picture's latent."""

    @property
    def has_shift(self) -> bool:
        """Whether the VAE's shift is taken off the picture's latent."""
        return not self.network.config.force_zeros_for_pooled_projection

    def forward(
        self, latents: Tensor, tokens: Tensor, time: Tensor, prompts: EncodedPrompts, image: Tensor
    ) -> list[Tensor]:
        """Return the residuals of its blocks, each [n,N,C].

        tokens  the latents as the transformer embeds them, which some ControlNets share
        """
        config = self.network.config
        pooled = prompts.pooled
        if config.force_zeros_for_pooled_projection:
            pooled = torch.zeros_like(pooled)
        (residuals,) = self.network(
            hidden_states=tokens if self.network.pos_embed is None else latents,
            controlnet_cond=image,
            conditioning_scale=self.conditioning_scale,
            encoder_hidden_states=None if config.joint_attention_dim is None else prompts.embedding,
            pooled_projections=pooled,
            timestep=time,
            return_dict=False,
        )
        return residuals


class SD3Encoder(TransformerEncoder):
    """Stable Diffusion 3 or 3.5, ControlNets, VAE and text models from folders of diffusers.

    weights     folder (or name) with transformer/ vae/ text_encoder/ text_encoder_2/ tokenizer/
                tokenizer_2/ scheduler/, and text_encoder_3/ tokenizer_3/ unless T5 is to be zeros
    controlnet  folder (or name) of the ControlNet, or a list of them, whose residuals are added
    condition   'mask' or 'scribble'; None: what the ControlNet's name says, else a mask
    palette     colors of a mask: 'celebamask' or 'ade20k'
    resolution  pixels per side of x_0
    groups      N: the second half of the blocks is shared among the f^n; h enters that half
    heads       'max' or 'mean' of the attention probabilities over heads
    mass        probabilities of words as the share of the whole attention ('raw'), or of what goes
                to the text ('text')
    steps       S, the Euler steps of a trajectory
    guidance    scale of classifier-free guidance (1 = none)
    conditioning_scale  factor of the ControlNet's residuals
    precision   'fp32' or 'bf16' for transformer, ControlNets and text models; features and latents
                are always fp32
    offload     keep networks in the CPU's memory, and on the device only while they work
    negative_prompt  what guidance leads away from; "": the empty prompt

    With several ControlNets, condition, palette and conditioning_scale may be lists of one each.
    """

    def __init__(
        self,
        weights: str | Path | SD3Model,
        controlnet: str | list[str] | None = None,
        condition: str | list[str] | None = None,
        palette: str | list[str] | None = None,
        resolution: int = 512,
        groups: int = 3,
        heads: Literal["max", "mean"] = "max",
        mass: Literal["raw", "text"] = "raw",
        steps: int = 20,
        guidance: float = 4.5,
        conditioning_scale: float | list[float] = 1.0,
        precision: Literal["fp32", "bf16"] = "fp32",
        offload: bool = False,
        negative_prompt: str = "",
    ):
        check_switches(heads, mass)
        model = weights if isinstance(weights, SD3Model) else load_sd3_model(weights, controlnet)
        schedule = Flow(model.sigmas, steps)
        text_encoder = model.build_text_encoder()
        super().__init__(model.vae, text_encoder, schedule, guidance, negative_prompt)
        self.transformer = model.transformer
        self.controlnets = control_networks.condition_controlnets(
            model, condition, palette, conditioning_scale, SD3ControlNet
        )
        self.set_resolution(resolution)
        self.read_groups(len(self.blocks) // 2, groups, heads, mass)
        self.freeze(precision, offload)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """All joint blocks, in order."""
        return list(self.transformer.transformer_blocks)

    def encode_condition(self, condition: Condition) -> list[Tensor]:
        """Return the latent [B,C,h,w] of the picture that each ControlNet is shown."""
        size = (self.resolution, self.resolution)
        images = []
        for controlnet in self.controlnets:
            latents = self.encode(controlnet.picture(condition, size))
            if not controlnet.has_shift:
                latents = latents + self.latent_shift * self.vae.config.scaling_factor
            images.append(latents.to(self.dtype))
        return images

    def evaluate(self, latents: Tensor, t: int | Tensor, inputs: FixedInputs) -> Tensor:
        """Evaluate the transformer and each ControlNet once: the velocity at z_t [n,C,h,w]."""
        time = inputs.schedule.sigma(self.step_labels(t, len(latents))) * 1000
        prompts = inputs.prompts
        tokens = self.transformer.pos_embed(latents) if inputs.images else latents
        residuals = [
            controlnet(latents, tokens, time, prompts, image)
            for controlnet, image in zip(self.controlnets, inputs.prepared)
        ]
        (velocity,) = self.transformer(
            hidden_states=latents,
            encoder_hidden_states=prompts.embedding,
            pooled_projections=prompts.pooled,
            timestep=time,
            block_controlnet_hidden_states=sum_lists(residuals),
            return_dict=False,
        )
        return velocity
