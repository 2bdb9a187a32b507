"""Discriminators: StyleGAN2's residual network, and EG3D's dual one that also sees the raw render.

Parameters carry NVIDIA's names. Logits are [B,1]; a larger logit means “real”.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.networks.ops import (
    FullyConnected,
    bias_act,
    conv2d_resample,
    downsample2d,
    normalize_2nd_moment,
    register_resample_filter,
)


class Conv2d(nn.Module):
    """Convolution at equalised learning rate, halving the size where down = 2."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        bias: bool = True,
        activation: str = "linear",
        down: int = 1,
        conv_clamp: float | None = None,
    ):
        super().__init__()
        self.activation, self.down, self.conv_clamp, self.padding = (
            activation,
            down,
            conv_clamp,
            kernel // 2,
        )
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.weight_gain = 1 / math.sqrt(in_channels * kernel**2)
        register_resample_filter(self)

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        x = conv2d_resample(
            x,
            self.weight * self.weight_gain,
            self.resample_filter,
            down=self.down,
            padding=self.padding,
        )
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain
        act_gain = gain * (math.sqrt(2) if self.activation == "lrelu" else 1)
        return bias_act(x, self.bias, self.activation, gain=act_gain, clamp=clamp)


class DiscriminatorBlock(nn.Module):
    """Two convolutions, halving the size; the first block reads the image.

    architecture: "resnet" adds a 1×1 skip around the two, "skip" reads the shrunken image in every block, "orig"
    has neither.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        out_channels: int,
        img_channels: int,
        conv_clamp: float | None = None,
        architecture: str = "resnet",
    ):
        super().__init__()
        self.architecture = architecture
        register_resample_filter(self)
        if in_channels == 0 or architecture == "skip":
            self.fromrgb = Conv2d(img_channels, width, 1, activation="lrelu", conv_clamp=conv_clamp)
        self.conv0 = Conv2d(width, width, 3, activation="lrelu", conv_clamp=conv_clamp)
        self.conv1 = Conv2d(
            width, out_channels, 3, activation="lrelu", down=2, conv_clamp=conv_clamp
        )
        if architecture == "resnet":
            self.skip = Conv2d(width, out_channels, 1, bias=False, down=2)

    def forward(self, x: Tensor | None, img: Tensor) -> Tensor:
        if hasattr(self, "fromrgb"):
            drawn = self.fromrgb(img.contiguous(memory_format=torch.channels_last))
            x = drawn if x is None else x + drawn
        if self.architecture != "resnet":
            return self.conv1(self.conv0(x))
        half = math.sqrt(0.5)
        return self.skip(x, gain=half) + self.conv1(self.conv0(x), gain=half)


def minibatch_std(x: Tensor, group: int | None = 4, channels: int = 1) -> Tensor:
    """x [B,C,H,W] with `channels` more: the standard deviation within groups of samples, averaged."""
    b, c, h, w = x.shape
    group = min(group, b) if group else b
    y = x.float().reshape(group, -1, channels, c // channels, h, w)
    y = (y - y.mean(0)).square().mean(0)
    y = (y + 1e-8).sqrt().mean([2, 3, 4])
    y = y.reshape(-1, channels, 1, 1).repeat(group, 1, h, w)
    return torch.cat([x, y.to(x.dtype)], 1)


class DiscriminatorEpilogue(nn.Module):
    """Minibatch statistic, one convolution, two layers, projection onto the mapped label."""

    def __init__(
        self,
        in_channels: int,
        cmap_dim: int,
        mbstd_group: int | None = 4,
        mbstd_channels: int = 1,
        conv_clamp: float | None = None,
        img_channels: int = 0,
    ):
        super().__init__()
        if img_channels:  # architecture "skip"
            self.fromrgb = Conv2d(
                img_channels, in_channels, 1, activation="lrelu", conv_clamp=conv_clamp
            )
        self.cmap_dim, self.mbstd_group, self.mbstd_channels = cmap_dim, mbstd_group, mbstd_channels
        self.conv = Conv2d(
            in_channels + mbstd_channels, in_channels, 3, activation="lrelu", conv_clamp=conv_clamp
        )
        self.fc = FullyConnected(in_channels * 16, in_channels, "lrelu")
        self.out = FullyConnected(in_channels, cmap_dim or 1)

    def forward(self, x: Tensor, cmap: Tensor | None, img: Tensor | None = None) -> Tensor:
        if hasattr(self, "fromrgb"):
            x = x + self.fromrgb(img)
        if self.mbstd_channels:
            x = minibatch_std(x, self.mbstd_group, self.mbstd_channels)
        x = self.out(self.fc(self.conv(x).flatten(1)))
        return (x * cmap).sum(1, keepdim=True) / math.sqrt(self.cmap_dim) if self.cmap_dim else x


class LabelMapping(nn.Module):
    """c → cmap [B,width]: an embedding and `num_layers` layers, as in the generator's mapping."""

    def __init__(self, c_dim: int, width: int, num_layers: int = 8, lr_multiplier: float = 0.01):
        super().__init__()
        self.num_layers = num_layers
        self.embed = FullyConnected(c_dim, width)
        for i in range(num_layers):
            setattr(self, f"fc{i}", FullyConnected(width, width, "lrelu", lr_multiplier))

    def forward(self, c: Tensor) -> Tensor:
        x = normalize_2nd_moment(self.embed(c))
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        return x


class Discriminator(nn.Module):
    """StyleGAN2's discriminator, conditioned on a label c [B,c_dim] where c_dim > 0."""

    def __init__(
        self,
        resolution: int,
        c_dim: int = 0,
        img_channels: int = 3,
        channel_base: int = 32768,
        channel_max: int = 512,
        channels: Sequence[int] | None = None,
        mapping_layers: int = 8,
        mbstd_group: int | None = 4,
        mbstd_channels: int = 1,
        conv_clamp: float | None = None,
        architecture: str = "resnet",
    ):
        super().__init__()
        self.c_dim, self.resolution, self.architecture = c_dim, resolution, architecture
        levels = range(2, int(math.log2(resolution)) + 1)
        widths = [min(channel_base >> level, channel_max) for level in levels]
        widths = tuple(channels or widths)  # from 4 px up
        self.resolutions = [2**level for level in reversed(levels)][:-1]
        for i, size in enumerate(self.resolutions):
            before = 0 if i == 0 else widths[-1 - i]
            block = DiscriminatorBlock(
                before, widths[-1 - i], widths[-2 - i], img_channels, conv_clamp, architecture
            )
            setattr(self, f"b{size}", block)
        if c_dim:
            self.mapping = LabelMapping(c_dim, widths[0], mapping_layers)
        self.b4 = DiscriminatorEpilogue(
            widths[0],
            widths[0] if c_dim else 0,
            mbstd_group,
            mbstd_channels,
            conv_clamp,
            img_channels if architecture == "skip" else 0,
        )

    def features(self, image: Tensor) -> list[Tensor]:
        """Output of every block, fine to coarse."""
        found = []
        for size in self.resolutions:
            image = self._shrink(image, size)
            found.append(getattr(self, f"b{size}")(found[-1] if found else None, image))
        return found

    def _shrink(self, image: Tensor, size: int) -> Tensor:
        """The image at `size` pixels, for the architecture that reads it more than once."""
        while self.architecture == "skip" and image.shape[-1] > size:
            image = downsample2d(image, self.b4.conv.resample_filter)
        return image

    def forward(self, image: Tensor, c: Tensor | None = None) -> Tensor:
        return self.conclude(self.features(image)[-1], c, image)

    def conclude(self, x: Tensor, c: Tensor | None = None, image: Tensor | None = None) -> Tensor:
        """Logits from the last of `features` (and, in the skip architecture, the image)."""
        image = None if image is None else self._shrink(image, 4)
        return self.b4(x, self.mapping(c) if self.c_dim else None, image)


def resize_filtered(image: Tensor, size: int) -> Tensor:
    """Bilinear to size × size, antialiased when it shrinks (EG3D's `filtered_resizing`)."""
    return F.interpolate(
        image, size=[size, size], mode="bilinear", align_corners=False, antialias=True
    )


class DualDiscriminator(Discriminator):
    """EG3D's: six channels, the image and the enlarged raw render, so that the two must agree."""

    def __init__(
        self,
        resolution: int,
        c_dim: int = 25,
        channel_base: int = 32768,
        channel_max: int = 512,
        channels: Sequence[int] | None = None,
        mapping_layers: int = 8,
        mbstd_group: int | None = 4,
        mbstd_channels: int = 1,
        conv_clamp: float | None = None,
    ):
        super().__init__(
            resolution,
            c_dim,
            6,
            channel_base,
            channel_max,
            channels,
            mapping_layers,
            mbstd_group,
            mbstd_channels,
            conv_clamp,
        )

    def pair(self, image: Tensor, image_raw: Tensor) -> Tensor:
        """[B,6,R,R] from the image and a raw render of any size."""
        return torch.cat([image, resize_filtered(image_raw, image.shape[-1])], 1)

    def forward(
        self, image: Tensor, c: Tensor | None = None, image_raw: Tensor | None = None
    ) -> Tensor:
        return super().forward(image if image_raw is None else self.pair(image, image_raw), c)


class CodeDiscriminator(nn.Module):
    """Codes w [B,w_dim] → logits [B,1]; beside each code stands how far `together` codes spread.

    The spread betrays a mapping that draws few faces.
    """

    def __init__(self, w_dim: int, width: int = 384, layers: int = 3, together: int = 32):
        super().__init__()
        self.together = together
        self.layers = nn.ModuleList(
            nn.Linear(w_dim if n == 0 else width, width) for n in range(layers)
        )
        self.conclude = nn.Linear(width + 1, 1)

    def forward(self, w: Tensor) -> Tensor:
        for layer in self.layers:
            w = F.leaky_relu(layer(w), 0.2)
        group = math.gcd(len(w), self.together)
        return self.conclude(minibatch_std(w[:, :, None, None], group).flatten(1))
