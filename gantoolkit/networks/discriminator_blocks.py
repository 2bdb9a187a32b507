"""Blocks of StyleGAN2's discriminator. Parameters and arguments carry NVIDIA's names."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gantoolkit.networks.ops import (
    SQRT2,
    FullyConnected,
    bias_act,
    conv2d_resample,
    normalize_2nd_moment,
    register_resample_filter,
)


class Conv2d(nn.Module):
    """Convolution at equalized learning rate; `down` = 2 halves the size."""

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
        self.activation = activation
        self.down = down
        self.conv_clamp = conv_clamp
        self.padding = kernel // 2
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.weight_gain = 1 / math.sqrt(in_channels * kernel**2)
        register_resample_filter(self)

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        weight = self.weight * self.weight_gain
        f = self.resample_filter
        x = conv2d_resample(x, weight, f, down=self.down, padding=self.padding)
        act_gain = gain * SQRT2 if self.activation == "lrelu" else gain
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain
        return bias_act(x, self.bias, self.activation, gain=act_gain, clamp=clamp)


class DiscriminatorBlock(nn.Module):
    """Two convolutions that halve the size; the first block reads the image.

    in_channels   of the features, 0 for the first block
    width         channels between the two convolutions
    conv_clamp    bound of the features' absolute values, for half precision
    architecture  "resnet" adds a 1×1 skip around the convolutions, "skip" reads the shrunken image
                  in every block, "orig" does neither
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
            from_image = self.fromrgb(img.contiguous(memory_format=torch.channels_last))
            x = from_image if x is None else x + from_image
        if self.architecture != "resnet":
            return self.conv1(self.conv0(x))
        half_variance = math.sqrt(0.5)
        shortcut = self.skip(x, gain=half_variance)
        return shortcut + self.conv1(self.conv0(x), gain=half_variance)


def minibatch_std(x: Tensor, group: int | None = 4, channels: int = 1) -> Tensor:
    """Append `channels` maps to x [B,C,H,W]: the mean standard deviation in groups of samples."""
    b, c, h, w = x.shape
    group = min(group, b) if group else b
    grouped = x.float().reshape(group, -1, channels, c // channels, h, w)
    variance = (grouped - grouped.mean(0)).square().mean(0)
    mean_std = (variance + 1e-8).sqrt().mean([2, 3, 4])  # [B/group,channels]
    maps = mean_std.reshape(-1, channels, 1, 1).repeat(group, 1, h, w)
    return torch.cat([x, maps.to(x.dtype)], 1)


class DiscriminatorEpilogue(nn.Module):
    """The 4×4 block: minibatch statistic, convolution, two layers, projection onto the label.

    cmap_dim      width of the mapped label, 0 without
    img_channels  of the image that the architecture "skip" reads here too
    """

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
        self.cmap_dim = cmap_dim
        self.mbstd_group = mbstd_group
        self.mbstd_channels = mbstd_channels
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
        x = self.conv(x).flatten(1)
        x = self.out(self.fc(x))
        if not self.cmap_dim:
            return x
        return (x * cmap).sum(1, keepdim=True) / math.sqrt(self.cmap_dim)


class LabelMapping(nn.Module):
    """Map labels c [B,c_dim] to cmap [B,width], as the generator's mapping network does."""

    def __init__(
        self,
        c_dim: int,
        width: int,
        num_layers: int = 8,
        lr_multiplier: float = 0.01,
    ):
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
