"""Discriminators: StyleGAN2's, EG3D's dual one that also sees the raw render, and one of codes.

Parameters and arguments carry NVIDIA's names. Logits are [B,1]; a larger logit means “real”.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.networks.discriminator_blocks import (
    DiscriminatorBlock,
    DiscriminatorEpilogue,
    LabelMapping,
    minibatch_std,
)
from gantoolkit.networks.ops import downsample2d


class Discriminator(nn.Module):
    """StyleGAN2's discriminator, conditioned on a label c [B,c_dim] where c_dim > 0.

    resolution      pixels of the image, a power of 2
    c_dim           numbers of a label; 0: there is none
    img_channels    channels of the image
    channel_base    channels at size r are channel_base / r, at most `channel_max`
    channel_max     the most channels of any size
    channels        of the sizes 4, 8, …, resolution, in place of that rule
    mapping_layers  of the label's mapping
    mbstd_group     samples per group of the minibatch statistic (None = all)
    mbstd_channels  its number of maps, 0 without
    conv_clamp      bound of the features' absolute values, for half precision
    architecture    "resnet", "skip" or "orig"; see DiscriminatorBlock

    >>> discriminator = Discriminator(resolution=16, channels=(8, 8, 8))
    >>> discriminator(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 1])
    """

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
        self.c_dim = c_dim
        self.resolution = resolution
        self.architecture = architecture

        levels = range(2, int(math.log2(resolution)) + 1)
        rule = [min(channel_base >> level, channel_max) for level in levels]
        widths = tuple(channels or rule)  # from 4 px up
        self.resolutions = [2**level for level in reversed(levels)][:-1]
        for i, size in enumerate(self.resolutions):
            in_channels = 0 if i == 0 else widths[-1 - i]
            block = DiscriminatorBlock(
                in_channels, widths[-1 - i], widths[-2 - i], img_channels, conv_clamp, architecture
            )
            setattr(self, f"b{size}", block)
        if c_dim:
            self.mapping = LabelMapping(c_dim, widths[0], mapping_layers)
        self.b4 = DiscriminatorEpilogue(
            in_channels=widths[0],
            cmap_dim=widths[0] if c_dim else 0,
            mbstd_group=mbstd_group,
            mbstd_channels=mbstd_channels,
            conv_clamp=conv_clamp,
            img_channels=img_channels if architecture == "skip" else 0,
        )

    def features(self, image: Tensor) -> list[Tensor]:
        """Return the output of every block but the last, fine to coarse."""
        features: list[Tensor] = []
        x = None
        for size in self.resolutions:
            image = self._downsample(image, size)
            x = getattr(self, f"b{size}")(x, image)
            features.append(x)
        return features

    def _downsample(self, image: Tensor, size: int) -> Tensor:
        """Shrink the image to `size` pixels for "skip", which reads it more than once."""
        while self.architecture == "skip" and image.shape[-1] > size:
            image = downsample2d(image, self.b4.conv.resample_filter)
        return image

    def forward(self, image: Tensor, c: Tensor | None = None) -> Tensor:
        """Return the logits [B,1] of images [B,img_channels,R,R] and labels c."""
        return self.epilogue(self.features(image)[-1], c, image)

    def epilogue(self, x: Tensor, c: Tensor | None = None, image: Tensor | None = None) -> Tensor:
        """Return the logits of the last of `features` (and, for "skip", the image)."""
        if image is not None:
            image = self._downsample(image, 4)
        cmap = self.mapping(c) if self.c_dim else None
        return self.b4(x, cmap, image)


def resize_filtered(image: Tensor, size: int) -> Tensor:
    """Resize bilinearly to size×size, antialiased when it shrinks (EG3D's `filtered_resizing`)."""
    return F.interpolate(
        image, size=[size, size], mode="bilinear", align_corners=False, antialias=True
    )


class DualDiscriminator(Discriminator):
    """EG3D's discriminator: it sees the image beside the enlarged raw render, which must agree.

    resolution      pixels of the image, a power of 2
    c_dim           numbers of a label: 25 of a camera
    channel_base, channel_max, channels  widths, as in Discriminator
    mapping_layers  of the label's mapping
    mbstd_group     samples per group of the minibatch statistic (None = all)
    mbstd_channels  its number of maps, 0 without
    conv_clamp      bound of the features' absolute values, for half precision
    """

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
            img_channels=6,
            channel_base=channel_base,
            channel_max=channel_max,
            channels=channels,
            mapping_layers=mapping_layers,
            mbstd_group=mbstd_group,
            mbstd_channels=mbstd_channels,
            conv_clamp=conv_clamp,
        )

    def pair(self, image: Tensor, image_raw: Tensor) -> Tensor:
        """Stack the image [B,3,R,R] and a raw render of any size: [B,6,R,R]."""
        enlarged = resize_filtered(image_raw, image.shape[-1])
        return torch.cat([image, enlarged], 1)

    def forward(
        self, image: Tensor, c: Tensor | None = None, image_raw: Tensor | None = None
    ) -> Tensor:
        """Return the logits [B,1]; without `image_raw`, `image` is what `pair` returned."""
        if image_raw is not None:
            image = self.pair(image, image_raw)
        return super().forward(image, c)


class CodeDiscriminator(nn.Module):
    """Classify codes w [B,w_dim]: logits [B,1].

    Beside each code it sees how far a group of codes spreads, which betrays a mapping network that
    draws few faces.

    width        of the hidden layers
    layers       number of hidden layers
    mbstd_group  codes per group, at most
    """

    def __init__(
        self,
        w_dim: int,
        width: int = 384,
        layers: int = 3,
        mbstd_group: int = 32,
    ):
        super().__init__()
        self.mbstd_group = mbstd_group
        widths = [w_dim, *[width] * layers]
        self.layers = nn.ModuleList(map(nn.Linear, widths[:-1], widths[1:]))
        self.head = nn.Linear(width + 1, 1)

    def forward(self, w: Tensor) -> Tensor:
        for layer in self.layers:
            w = F.leaky_relu(layer(w), 0.2)
        group = math.gcd(len(w), self.mbstd_group)
        with_spread = minibatch_std(w[:, :, None, None], group)
        return self.head(with_spread.flatten(1))
