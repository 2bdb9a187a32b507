"""FLUX.1 as an encoder: text and image in one sequence, rectified flow, guidance as an input."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Condition
from gantoolkit.encoders import control_networks
from gantoolkit.encoders.fixed_inputs import FixedInputs
from gantoolkit.encoders.joint_recorder import check_switches
from gantoolkit.encoders.schedules import Flow
from gantoolkit.encoders.transformer import (
    PATCH,
    PictureControlNet,
    TransformerEncoder,
    sum_lists,
)
from gantoolkit.encoders.transformer_model import FluxModel, load_flux_model

UNION_MODES = {  # what a union is shown → its number
    "canny": 0,
    "tile": 1,
    "depth": 2,
    "blur": 3,
    "pose": 4,
    "gray": 5,
    "lq": 6,
}


class FluxControlNet(PictureControlNet):
    """A ControlNet of FLUX.1: InstantX's layout, XLabs's, or a union of several pictures' types."""

    mode = UNION_MODES["canny"]  # of a union

    @property
    def sees_pixels(self) -> bool:
        """Whether it is shown the picture itself (XLabs), not the picture's latent."""
        return self.network.input_hint_block is not None

    def forward(
        self, latents: Tensor, image: Tensor, guidance: Tensor, **more
    ) -> tuple[list[Tensor] | None, list[Tensor] | None]:
        """Return the residuals of double and of single blocks.

        latents packed [n,N,4C], image as `encode_condition` makes it, guidance [n]
        """
        mode = None
        if self.network.union:
            mode = torch.full((len(latents), 1), self.mode, device=latents.device)
        return self.network(
            hidden_states=latents,
            controlnet_cond=image,
            controlnet_mode=mode,
            conditioning_scale=self.conditioning_scale,
            guidance=guidance if self.network.config.guidance_embeds else None,
            return_dict=False,
            **more,
        )


class FluxEncoder(TransformerEncoder):
    """FLUX.1 (dev or schnell), ControlNets, VAE and text models from folders of diffusers.

    weights     folder (or name) with transformer/ vae/ text_encoder/ text_encoder_2/ tokenizer/
                tokenizer_2/ scheduler/
    controlnet  folder (or name) of the ControlNet, or a list of them, whose residuals are added
    condition   'mask' or 'scribble'; None: what the ControlNet's name says, else a mask
    palette     colors of a mask: 'celebamask' or 'ade20k'
    control_type  what a union takes its picture for, such as 'canny' or 'gray'
    resolution  pixels per side of x_0
    groups      N: the single blocks are shared among the f^n; h enters the first of them
    heads       'max' or 'mean' of the attention probabilities over heads
    mass        probabilities of words as the share of the whole attention ('raw'), or of what goes
                to the text ('text')
    steps       S, the Euler steps of a trajectory
    guidance    what a guidance-distilled transformer is told; there is no doubled batch
    conditioning_scale  factor of the ControlNet's residuals
    precision   'fp32' or 'bf16' for transformer, ControlNets and text models; features and latents
                are always fp32
    offload     keep networks in the CPU's memory, and on the device only while they work

    With several ControlNets, condition, palette and conditioning_scale may be lists of one each.
    """

    text_first = True
    is_doubled = False

    def __init__(
        self,
        weights: str | Path | FluxModel,
        controlnet: str | list[str] | None = None,
        condition: str | list[str] | None = None,
        palette: str | list[str] | None = None,
        control_type: str = "canny",
        resolution: int = 512,
        groups: int = 3,
        heads: Literal["max", "mean"] = "max",
        mass: Literal["raw", "text"] = "raw",
        steps: int = 20,
        guidance: float = 3.5,
        conditioning_scale: float | list[float] = 1.0,
        precision: Literal["fp32", "bf16"] = "fp32",
        offload: bool = False,
    ):
        check_choice("control_type", control_type, UNION_MODES)
        check_switches(heads, mass)
        model = weights if isinstance(weights, FluxModel) else load_flux_model(weights, controlnet)
        factor = PATCH * 2 ** (len(model.vae.config.block_out_channels) - 1)
        image_tokens = (resolution // factor) ** 2
        schedule = Flow(partial(model.sigmas, image_tokens=image_tokens), steps)
        super().__init__(model.vae, model.build_text_encoder(), schedule, guidance)
        self.transformer = model.transformer
        self.controlnets = control_networks.condition_controlnets(
            model, condition, palette, conditioning_scale, FluxControlNet
        )
        for controlnet in self.controlnets:
            controlnet.mode = UNION_MODES[control_type]
        self.set_resolution(resolution)
        self.read_groups(len(self.transformer.transformer_blocks), groups, heads, mass)
        self.freeze(precision, offload)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """All joint blocks, in order."""
        return [*self.transformer.transformer_blocks, *self.transformer.single_transformer_blocks]

    def encode_condition(self, condition: Condition) -> list[Tensor]:
        """Return what each ControlNet is shown: the picture's latent, packed, or the picture."""
        size = (self.resolution, self.resolution)
        images = []
        for controlnet in self.controlnets:
            picture = controlnet.picture(condition, size)
            if controlnet.sees_pixels:
                images.append(picture.to(self.device, self.dtype))
            else:
                images.append(pack(self.encode(picture)).to(self.dtype))
        return images

    def evaluate(self, latents: Tensor, t: int | Tensor, inputs: FixedInputs) -> Tensor:
        """Evaluate the transformer and each ControlNet once: the velocity at z_t [n,C,h,w]."""
        prompts = inputs.prompts
        packed = pack(latents)
        guidance = torch.full((len(latents),), float(self.guidance), device=latents.device)
        more = dict(
            encoder_hidden_states=prompts.embedding,
            pooled_projections=prompts.pooled,
            timestep=inputs.schedule.sigma(self.step_labels(t, len(latents))),
            img_ids=self._image_ids(latents),
            txt_ids=latents.new_zeros(prompts.embedding.shape[1], 3),
        )
        residuals = [
            controlnet(packed, image, guidance, **more)
            for controlnet, image in zip(self.controlnets, inputs.prepared)
        ]
        (velocity,) = self.transformer(
            hidden_states=packed,
            guidance=guidance if self.transformer.config.guidance_embeds else None,
            controlnet_block_samples=sum_lists([double for double, _ in residuals]),
            controlnet_single_block_samples=sum_lists([single for _, single in residuals]),
            controlnet_blocks_repeat=any(each.sees_pixels for each in self.controlnets),
            return_dict=False,
            **more,
        )
        return unpack(velocity, self.grid)

    def _image_ids(self, latents: Tensor) -> Tensor:
        """The places (0, row, column) of image tokens [N,3]."""
        rows, columns = self.grid
        ids = latents.new_zeros(rows, columns, 3)
        ids[..., 1] = torch.arange(rows, device=latents.device)[:, None]
        ids[..., 2] = torch.arange(columns, device=latents.device)
        return ids.flatten(0, 1)


def pack(latents: Tensor) -> Tensor:
    """[B,C,h,w] → [B,(h/2)(w/2),4C]: a token has a channel's 2×2 pixels beside each other.

    >>> pack(torch.arange(8.0).view(1, 2, 2, 2)).tolist()
    [[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]]
    """
    squares = latents.unflatten(3, (-1, PATCH)).unflatten(2, (-1, PATCH))
    return squares.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpack(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Undo `pack`; grid: rows and columns of tokens."""
    squares = tokens.unflatten(1, grid).unflatten(3, (-1, PATCH, PATCH))
    return squares.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)
