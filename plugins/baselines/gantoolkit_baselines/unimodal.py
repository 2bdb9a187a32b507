"""Uni-modal diffusion models from the zoo's parts: one that reads text, one that reads masks, and neither."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit.core.types import Condition
from gantoolkit.registry import registry


@dataclass(frozen=True)
class Estimates:
    """ε̂(z_t, t, ·), each [B,4,h,w]."""

    empty: Tensor  # no condition
    text: Tensor  # the prompt alone
    mask: Tensor  # the mask alone


@dataclass(frozen=True)
class Prepared:
    """What of a condition stays the same over all steps."""

    words: Tensor  # embeddings of the prompts [B,T,D]
    silence: Tensor  # of the empty prompt [B,T,D]
    picture: Tensor  # the ControlNet's [B,K,R,R]


class UniModal(nn.Module):
    """The text model is the U-Net with a prompt; the mask model is the ControlNet beside it, without words.

    weights, controlnet   folders or names; steps: DDIM steps; precision: 'fp32' or 'bf16'
    """

    def __init__(
        self, weights: str | Path, controlnet: str | Path, steps: int = 20, precision: str = "fp32"
    ):
        super().__init__()
        self.encoder = registry.build(
            "encoder",
            dict(
                type="ControlNetEncoder",
                weights=str(weights),
                controlnet=str(controlnet),
                steps=steps,
                precision=precision,
            ),
        )

    def prepare(self, condition: Condition) -> Prepared:
        """Embeddings and picture of a condition."""
        encoder = self.encoder
        picture = encoder.controlnets[0].control_image(condition, (encoder.resolution, encoder.resolution))
        return Prepared(
            encoder.text_encoder(condition.text).embedding,
            encoder.text_encoder([""] * len(condition)).embedding,
            picture.to(encoder.device, encoder.unet.dtype),
        )

    @torch.no_grad()
    def estimates(self, latents: Tensor, t: Tensor, given: Prepared) -> Estimates:
        """Three evaluations of the U-Net, one of the ControlNet; t [B]."""
        unet, count = self.encoder.unet, len(latents)
        latents, silence, words = (x.to(unet.dtype) for x in (latents, given.silence, given.words))
        both = unet(
            torch.cat([latents, latents]),
            torch.cat([t, t]),
            torch.cat([silence, words]),
            return_dict=False,
        )[0]
        down, mid = self.encoder.controlnets[0](latents, t, silence, given.picture)
        mask = unet(
            latents,
            t,
            silence,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0]
        return Estimates(both[:count].float(), both[count:].float(), mask.float())
