"""U-Nets and ControlNets of diffusers as a frozen encoder evaluates them, step after step.

The numbers are those of diffusers' own forward pass. What only depends on the prompts, the picture
and the grid of steps is computed once, by `prepare`; each evaluation then does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.encoders.fixed_inputs import Times
from gantoolkit.encoders.recorder import UNetRecorder
from gantoolkit.encoders.unet_blocks import (
    Convolution,
    DownLevel,
    Level,
    MidLevel,
    ResnetBlock,
    StepInputs,
    UpLevel,
)
from gantoolkit.encoders.unet_settings import check_settings
from gantoolkit.networks.cpu.group_norm import group_norm_silu


@dataclass(frozen=True)
class Told:
    """What a network is told, the same at every step."""

    text: Tensor  # [n,T,D]
    pooled: Tensor | None = None  # [n,P] text as one vector, where a network reads one
    sizes: Tensor | None = None  # [n,6] original size, crop and size of the picture, likewise


@dataclass(frozen=True)
class NetworkInputs:
    """What a network makes of what it is told, once for all steps."""

    times: Times
    shifts: dict[ResnetBlock, Tensor]  # a row for each of `times`: [·,C], or [S,n,C]
    attentions: dict  # attention → what it prepared

    def at(self, t: int | Tensor) -> StepInputs:
        """Return what blocks are given at a step of `times`, or at all of them, one per row."""
        if isinstance(self.times, Tensor):
            return StepInputs(self.shifts, self.attentions)
        index = self.times.index(int(t))
        shifts = {resnet: rows[index] for resnet, rows in self.shifts.items()}
        return StepInputs(shifts, self.attentions)


class DownHalf:
    """The first half of a U-Net, which ControlNets copy: the way down, and the middle.

    network  diffusers' UNet2DConditionModel or ControlNetModel
    """

    def __init__(self, network: nn.Module):
        check_settings(network)
        self.network = network
        self.conv_in = Convolution(network.conv_in)
        self.down = [DownLevel(block) for block in network.down_blocks]
        self.mid = [MidLevel(network.mid_block)] if network.mid_block is not None else []

    @property
    def levels(self) -> list[Level]:
        """All levels, in order."""
        return [*self.down, *self.mid]

    @torch.no_grad()
    def prepare(self, times: Times, told: Told) -> NetworkInputs:
        """Compute what stays the same over the steps `times`."""
        activated_time = F.silu(embed_times(self.network, times, told))
        shifts = {}
        attentions = {}
        for level in self.levels:
            for resnet in level.resnets:
                shifts[resnet] = resnet.shift(activated_time)
            for transformer in level.transformers:
                for attention in transformer.attentions:
                    attentions[attention] = attention.prepare(told.text)
        return NetworkInputs(times, shifts, attentions)

    def descend(self, x: Tensor, step: StepInputs) -> tuple[Tensor, list[Tensor]]:
        """Return the end of the middle, and what the way up reads, of x [n,C,h,w]."""
        skips = [x]
        for level in self.down:
            x = level(x, step, skips)
        for level in self.mid:
            x = level(x, step)
        return x, skips


class FrozenControlNet(DownHalf):
    """A ControlNet: residuals for a U-Net.

    network  diffusers' ControlNetModel
    """

    def __init__(self, network: nn.Module):
        super().__init__(network)
        self.down_ends = [Convolution(conv) for conv in network.controlnet_down_blocks]
        self.mid_end = Convolution(network.controlnet_mid_block)

    def embed(self, image: Tensor) -> Tensor:
        """Embed the picture [n,·,R,R] as [n,C,h,w]."""
        if self.network.config.controlnet_conditioning_channel_order == "bgr":
            image = image.flip(1)
        return self.network.controlnet_cond_embedding(image)

    def __call__(
        self, latents: Tensor, t: int | Tensor, inputs: NetworkInputs, embedded: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """Return the residuals of the way down and of the middle for z_t [n,C,h,w].

        embedded  what `embed` made of the picture [n,C,h,w]
        """
        start = self.conv_in(latents).add_(embedded)
        x, skips = self.descend(start, inputs.at(t))
        down = [end(skip) for end, skip in zip(self.down_ends, skips, strict=True)]
        mid = self.mid_end(x)
        if self.network.config.global_pool_conditions:
            down = [residual.mean((2, 3), keepdim=True) for residual in down]
            mid = mid.mean((2, 3), keepdim=True)
        return down, mid


class FrozenUNet(DownHalf):
    """A denoising U-Net, which a UNetRecorder may read.

    network  diffusers' UNet2DConditionModel
    """

    def __init__(self, network: nn.Module):
        super().__init__(network)
        self.up = [UpLevel(block) for block in network.up_blocks]
        self.conv_out = Convolution(network.conv_out)
        self.recorder: UNetRecorder | None = None

    @property
    def levels(self) -> list[Level]:
        """All levels, in order."""
        return [*super().levels, *self.up]

    @property
    def recorded_levels(self) -> list[UpLevel]:
        """The levels of the way up with cross-attention."""
        return [level for level in self.up if level.transformers]

    def __call__(
        self,
        latents: Tensor,
        t: int | Tensor,
        inputs: NetworkInputs,
        residuals: tuple[list[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Predict [n,C,h,w] from z_t [n,C,h,w] and the residuals of ControlNets."""
        step = inputs.at(t)
        x, skips = self.descend(self.conv_in(latents), step)
        if residuals is not None:
            down, mid = residuals
            skips = [skip + residual for skip, residual in zip(skips, down, strict=True)]
            x = x + mid
        x = self.ascend(x, skips, step)
        return self.conv_out(group_norm_silu(x, self.network.conv_norm_out))

    def ascend(self, x: Tensor, skips: list[Tensor], step: StepInputs) -> Tensor:
        """Return the end of the way up [n,C,h,w] of h; the recorder sees it, f and a."""
        recorder = self.recorder
        if recorder is not None:
            recorder.see_h(x)
        for level in self.up:
            record = recorder.record_of(level) if recorder is not None else None
            x = level(x, step, skips, record)
            if record is not None:
                record.see("attention", x)
            x = level.enlarge(x, skips)
            if record is not None:
                record.see("block", x)
        return x


def embed_times(network: nn.Module, times: Times, told: Told) -> Tensor:
    """Embed times, and what is told beside the text.

    Shapes: [S,D], or [S,n,D] where rows are told different things; one time per row: [n,D].
    """
    text = told.text
    labels = torch.as_tensor(times, device=text.device)
    embedding = network.time_embedding(network.time_proj(labels).to(text.dtype))
    if told.pooled is None:
        return embedding
    sizes = network.add_time_proj(told.sizes.flatten()).unflatten(0, told.sizes.shape).flatten(1)
    added = network.add_embedding(torch.cat([told.pooled, sizes], 1).to(text.dtype))
    return embedding + added if isinstance(times, Tensor) else embedding[:, None] + added
