"""Layers and blocks of StyleGAN2's synthesis network. Parameters have NVIDIA's names.

Karras et al., “Analyzing and Improving the Image Quality of StyleGAN”, 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.generators.sample_noise import Streams, sample_noise
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache
from gantoolkit.networks.modulated_conv import modulated_conv2d, new_conv_weight
from gantoolkit.networks.ops import (
    SQRT2,
    FullyConnected,
    conv2d_resample,
    register_resample_filter,
    upsample2d_bilinear,
)

NOISES = ("const", "random", "none")
Noise = str | Sequence[Tensor]  # one of NOISES, or one [B,1,r,r] map per layer, coarse to fine


class Affine(FullyConnected):
    """w [B,w_dim] → styles [B,channels], around 1.

    Frozen and without gradients, w is scaled instead of the weights, which is less work; the result
    may differ in rounding.
    """

    def __init__(self, w_dim: int, channels: int):
        super().__init__(w_dim, channels)
        nn.init.ones_(self.bias)

    def forward(self, w: Tensor) -> Tensor:
        if self.weight.requires_grad or torch.is_grad_enabled():
            return super().forward(w)
        with torch.autocast(w.device.type, enabled=False):
            return F.linear(w.float() * self.weight_gain, self.weight, self.bias)


class SynthesisLayer(nn.Module):
    """Modulated 3×3 convolution, noise, bias, leaky ReLU.

    up          2 doubles the resolution first
    conv_clamp  the output stays within ± this; None: no limit
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        up: int = 1,
        conv_clamp: float | None = None,
    ):
        super().__init__()
        self.up = up
        self.resolution = resolution
        self.conv_clamp = conv_clamp
        self.affine = Affine(w_dim, in_channels)
        self.weight = new_conv_weight(out_channels, in_channels, 3, up)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.weight_cache = FrozenWeightCache()
        register_resample_filter(self)

    def forward(
        self,
        x: Tensor,
        w: Tensor,
        noise: str | Tensor = "const",
        gain: float = 1.0,
        generator: Streams = None,
    ) -> Tensor:
        """x [B,I,r,r] (r/2 when up = 2), w [B,w_dim] → [B,O,r,r].

        The gain of the activation is applied to the demodulation, the noise and the bias, because
        leaky ReLU is homogeneous.
        """
        full_gain = gain * SQRT2
        noise = self._noise_map(noise, len(x), x.device, generator)
        if noise is not None:
            noise = noise * (self.noise_strength * full_gain)
        x = x.contiguous(memory_format=torch.channels_last)
        x = modulated_conv2d(
            x,
            self.weight,
            self.affine(w),
            noise,
            self.up,
            padding=1,
            f=self.resample_filter,
            flip_weight=self.up == 1,
            bias=self.bias * full_gain,
            gain=full_gain,
            cache=self.weight_cache,
        )
        x = F.leaky_relu(x, 0.2, inplace=True)
        if self.conv_clamp is None:
            return x
        limit = self.conv_clamp * gain
        return x.clamp(-limit, limit) if x.requires_grad else x.clamp_(-limit, limit)

    def _noise_map(self, noise: str | Tensor, batch: int, device, generator) -> Tensor | None:
        if isinstance(noise, Tensor):
            return noise
        if noise == "none":
            return None
        if noise == "const":
            return self.noise_const
        shape = (batch, 1, self.resolution, self.resolution)
        return sample_noise(torch.randn, shape, generator, device)


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to the image (or to feature planes), without demodulation."""

    def __init__(
        self, in_channels: int, out_channels: int, w_dim: int, conv_clamp: float | None = None
    ):
        super().__init__()
        self.conv_clamp = conv_clamp
        self.weight_gain = 1 / math.sqrt(in_channels)
        self.affine = Affine(w_dim, in_channels)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Features x [B,I,r,r], w [B,w_dim] → image [B,O,r,r] in float32."""
        styles = self.affine(w) * self.weight_gain
        y = modulated_conv2d(x, self.weight, styles, demodulate=False)
        y = y + self.bias[:, None, None]  # float32, as the bias
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)


class UpsamplingSkip(nn.Module):
    """1×1 convolution around a block of the architecture "resnet"; it doubles the resolution."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.gain = math.sqrt(0.5 / in_channels)
        register_resample_filter(self)

    def forward(self, x: Tensor) -> Tensor:
        """x [B,I,r,r] → [B,O,2r,2r]."""
        return conv2d_resample(x, self.weight * self.gain, self.resample_filter, up=2)


class SynthesisBlock(nn.Module):
    """Two layers at one resolution, and their contribution to the image.

    in_channels   of the features that come in; 0: the first block, which starts from a learned
                  constant and has one layer
    img_channels  of the image, or of the feature planes
    up            2 doubles the resolution, 1 keeps it
    conv_clamp    limit of the layers' outputs
    architecture  "skip": every block adds to the image; "resnet" and "orig": only the last does
    last          whether it is the last block

    Features are channels last in memory, which is a quarter faster on CPUs.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        img_channels: int,
        up: int = 2,
        conv_clamp: float | None = None,
        architecture: str = "skip",
        last: bool = True,
    ):
        super().__init__()
        self.in_channels = in_channels
        self.up = up
        self.num_conv = 1 if in_channels == 0 else 2
        register_resample_filter(self)
        if in_channels == 0:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
        else:
            self.conv0 = SynthesisLayer(
                in_channels, out_channels, w_dim, resolution, up, conv_clamp
            )
        self.conv1 = SynthesisLayer(out_channels, out_channels, w_dim, resolution, 1, conv_clamp)

        self.torgb = self.skip = None
        if last or architecture == "skip":
            self.torgb = ToRGB(out_channels, img_channels, w_dim, conv_clamp)
        if in_channels and architecture == "resnet":
            self.skip = UpsamplingSkip(in_channels, out_channels)

    def forward(
        self,
        x: Tensor | None,
        img: Tensor | None,
        ws: Tensor,
        noise: Noise = "const",
        generator: Streams = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the features and the image of this block.

        x [B,I,r/up,r/up] and img come from the block before; ws [B,num_conv+1,w_dim]
        """
        noise_maps = [noise] * self.num_conv if isinstance(noise, str) else noise
        shortcut = None if self.skip is None else self.skip(x)
        if self.in_channels == 0:
            x = self.const.expand(len(ws), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        else:
            x = self.conv0(x, ws[:, 0], noise_maps[0], generator=generator)

        gain = 1.0 if shortcut is None else math.sqrt(0.5)
        x = self.conv1(x, ws[:, self.num_conv - 1], noise_maps[-1], gain, generator)
        if shortcut is not None:
            x = shortcut + x
        return x, self._add_to_image(x, img, ws[:, self.num_conv])

    def _add_to_image(self, x: Tensor, img: Tensor | None, w: Tensor) -> Tensor | None:
        if img is not None and self.up == 2:
            img = upsample2d_bilinear(img)
        if self.torgb is None:
            return img
        rgb = self.torgb(x, w)
        return rgb if img is None else img + rgb
