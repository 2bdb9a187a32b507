"""Blocks of diffusers' U-Nets as a frozen encoder evaluates them.

diffusers' modules own the weights. What is here computes the same numbers from them, but takes what
stays the same at every step from StepInputs, and convolves with weights packed for CPUs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.encoders.recorder import LevelRecord
from gantoolkit.encoders.unet_attention import Transformer
from gantoolkit.networks.cpu.conv import conv2d
from gantoolkit.networks.cpu.group_norm import group_norm_silu
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache


@dataclass(frozen=True)
class StepInputs:
    """What the blocks of one network are given at one step."""

    shifts: dict[ResnetBlock, Tensor]  # by the time: [C], or [n,C] where it differs by row
    attentions: dict  # attention → what it prepared


class Convolution:
    """A frozen convolution of diffusers, with a weight packed for CPUs.

    conv  torch's Conv2d
    """

    def __init__(self, conv: nn.Module):
        self.conv = conv
        self.cache = FrozenWeightCache()

    def __call__(self, x: Tensor) -> Tensor:
        """Convolve x [n,I,H,W]."""
        return self.with_bias(x, self.conv.bias)

    def with_bias(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve x [n,I,H,W] with a bias [O] in place of its own."""
        conv = self.conv
        return conv2d(x, conv.weight, bias, conv.padding, stride=conv.stride, cache=self.cache)


class ResnetBlock:
    """Two convolutions, between which the time shifts all channels.

    block  diffusers' ResnetBlock2D
    """

    def __init__(self, block: nn.Module):
        self.block = block
        self.first = Convolution(block.conv1)
        self.second = Convolution(block.conv2)
        self.shortcut = None if block.conv_shortcut is None else Convolution(block.conv_shortcut)

    def shift(self, activated_time: Tensor) -> Tensor:
        """Return what is added after the first convolution, its bias included, [...,C]."""
        return self.block.time_emb_proj(activated_time) + self.block.conv1.bias

    def __call__(self, x: Tensor, shift: Tensor) -> Tensor:
        """Transform x [n,I,H,W]; shift [C] or [n,C]."""
        block = self.block
        y = group_norm_silu(x, block.norm1)
        if shift.ndim == 1:
            y = self.first.with_bias(y, shift)
        else:
            y = self.first.with_bias(y, None).add_(shift[:, :, None, None])
        y = self.second(group_norm_silu(y, block.norm2))
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return y.add_(shortcut)


class Level:
    """The resnet blocks of one resolution, with transformers after the first of them or all.

    block  diffusers' block of a U-Net
    """

    def __init__(self, block: nn.Module):
        self.resnets = [ResnetBlock(resnet) for resnet in block.resnets]
        self.transformers = [Transformer(each) for each in getattr(block, "attentions", ())]
        self.pairs = list(zip_longest(self.resnets, self.transformers))


class MidLevel(Level):
    """The middle of a U-Net."""

    def __call__(self, x: Tensor, step: StepInputs) -> Tensor:
        """Transform x [n,C,H,W]."""
        for resnet, transformer in self.pairs:
            x = resnet(x, step.shifts[resnet])
            if transformer is not None:
                x = transformer(x, step.attentions)
        return x


class DownLevel(Level):
    """A block on the way down."""

    def __init__(self, block: nn.Module):
        super().__init__(block)
        self.samplers = [Convolution(sampler.conv) for sampler in block.downsamplers or ()]

    def __call__(self, x: Tensor, step: StepInputs, skips: list[Tensor]) -> Tensor:
        """Transform x [n,I,H,W] to half the size; all that the way up reads goes into `skips`."""
        for resnet, transformer in self.pairs:
            x = resnet(x, step.shifts[resnet])
            if transformer is not None:
                x = transformer(x, step.attentions)
            skips.append(x)
        for sampler in self.samplers:
            x = sampler(x)
            skips.append(x)
        return x


class UpLevel(Level):
    """A block on the way up."""

    def __init__(self, block: nn.Module):
        super().__init__(block)
        self.samplers = [Convolution(sampler.conv) for sampler in block.upsamplers or ()]

    def __call__(
        self, x: Tensor, step: StepInputs, skips: list[Tensor], record: LevelRecord | None
    ) -> Tensor:
        """Transform x [n,I,H,W] with as many of the last `skips` as it has resnet blocks."""
        for resnet, transformer in self.pairs:
            x = resnet(torch.cat([x, skips.pop()], 1), step.shifts[resnet])
            if transformer is not None:
                x = transformer(x, step.attentions, record)
        return x

    def enlarge(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Enlarge x [n,C,H,W] to the size of the next skip, at all but the last level."""
        for sampler in self.samplers:
            x = sampler(F.interpolate(x, size=skips[-1].shape[-2:], mode="nearest"))
        return x
