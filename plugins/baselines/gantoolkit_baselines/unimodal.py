"""Uni-modal diffusion models from the zoo: with the text only, the mask only, or neither."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit.core.types import Condition
from gantoolkit.registry import registry


@dataclass(frozen=True)
class NoiseEstimates:
    """ε̂(z_t, t, ·), each [B,4,h,w]."""

    empty: Tensor  # without a condition
    text: Tensor  # with the prompt only
    mask: Tensor  # with the mask only


@dataclass(frozen=True)
class EncodedCondition:
    """What of a condition stays the same over all steps."""

    words: Tensor  # embeddings of the prompts [B,T,D]
    empty_words: Tensor  # of the empty prompt [B,T,D]
    control_image: Tensor  # the ControlNet's input [B,K,R,R]


class UniModal(nn.Module):
    """Estimate noise with the text only, with the mask only, and with neither.

    The text model is the U-Net with a prompt; the mask model has a ControlNet and an empty prompt.

    weights     folder or name of the diffusion model
    controlnet  folder or name of the ControlNet
    steps       DDIM steps
    precision   'fp32' or 'bf16'
    """

    def __init__(
        self, weights: str | Path, controlnet: str | Path, steps: int = 20, precision: str = "fp32"
    ):
        super().__init__()
        spec = {
            "type": "ControlNetEncoder",
            "weights": str(weights),
            "controlnet": str(controlnet),
            "steps": steps,
            "precision": precision,
        }
        self.encoder = registry.build("encoder", spec)

    def encode_condition(self, condition: Condition) -> EncodedCondition:
        """Embed the prompts and prepare the control image of a condition."""
        encoder = self.encoder
        size = (encoder.resolution, encoder.resolution)
        control_image = encoder.controlnets[0].control_image(condition, size)
        return EncodedCondition(
            encoder.text_encoder(condition.text).embedding,
            encoder.text_encoder([""] * len(condition)).embedding,
            control_image.to(encoder.device, encoder.unet.dtype),
        )

    @torch.no_grad()
    def estimate(self, latents: Tensor, t: Tensor, condition: EncodedCondition) -> NoiseEstimates:
        """Predict the noise of latents [B,4,h,w] at t [B] with nothing, the text, the mask.

        Costs three evaluations of the U-Net and one of the ControlNet.
        """
        unet = self.encoder.unet
        latents = latents.to(unet.dtype)
        empty_words = condition.empty_words.to(unet.dtype)
        words = condition.words.to(unet.dtype)
        empty_and_text = unet(
            torch.cat([latents, latents]),
            torch.cat([t, t]),
            torch.cat([empty_words, words]),
            return_dict=False,
        )[0]
        controlnet = self.encoder.controlnets[0]
        down, mid = controlnet.network(
            latents,
            t,
            empty_words,
            condition.control_image,
            controlnet.conditioning_scale,
            return_dict=False,
        )
        mask = unet(
            latents,
            t,
            empty_words,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0]
        empty, text = empty_and_text.float().chunk(2)
        return NoiseEstimates(empty, text, mask.float())
