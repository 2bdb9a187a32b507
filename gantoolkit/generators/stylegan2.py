"""StyleGAN2: z → mapping → w → synthesis → image. Parameters carry NVIDIA's names.

Karras et al., “Analyzing and Improving the Image Quality of StyleGAN”, 2020. Nothing but the layout of
the parameters follows the published code; every width is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.types import Latent, Render
from gantoolkit.generators.sample_noise import Streams, drawn
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache
from gantoolkit.networks.modulated_conv import modulated_conv2d, new_conv_weight
from gantoolkit.networks.ops import (
    SQRT2,
    FullyConnected,
    conv2d_resample,
    normalize_2nd_moment,
    register_resample_filter,
    upsample2d_bilinear,
)

NOISES = ("const", "random", "none")
Noise = str | Sequence[Tensor]  # one of NOISES, or one [B,1,r,r] map per layer, coarse to fine


def channel_table(resolution: int, base: int, maximum: int) -> tuple[int, ...]:
    """Channels of the blocks 4, 8, …, resolution: min(base / r, maximum)."""
    return tuple(min(base >> level, maximum) for level in range(2, int(math.log2(resolution)) + 1))


class MappingNetwork(nn.Module):
    """z (and a label c) → w, repeated for every layer; keeps the running mean `w_avg` of w."""

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int | None,
        num_layers: int = 8,
        lr_multiplier: float = 0.01,
        features: int | None = None,
        w_avg_beta: float | None = 0.995,
    ):
        super().__init__()
        self.z_dim, self.c_dim, self.num_ws, self.num_layers = z_dim, c_dim, num_ws, num_layers
        self.w_avg_beta = w_avg_beta
        width = features or w_dim
        sizes = [z_dim + (w_dim if c_dim else 0)] + [width] * (num_layers - 1) + [w_dim]
        if c_dim:
            self.embed = FullyConnected(c_dim, w_dim)
        for i in range(num_layers):
            layer = FullyConnected(sizes[i], sizes[i + 1], "lrelu", lr_multiplier)
            setattr(self, f"fc{i}", layer)
        if num_ws is not None and w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: Tensor | None,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """ws [B,num_ws,w_dim] (or w [B,w_dim] without `num_ws`), pulled towards w_avg by 1−psi."""
        parts = [normalize_2nd_moment(z.float())] if self.z_dim else []
        if self.c_dim:
            parts.append(normalize_2nd_moment(self.embed(c)))
        x = torch.cat(parts, 1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        if self.num_ws is None:
            return x
        ws = x[:, None].expand(-1, self.num_ws, -1)
        return ws if truncation_psi == 1 else self.truncate(ws, truncation_psi, truncation_cutoff)

    def truncate(self, ws: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """The first `cutoff` codes (all by default) moved towards w_avg."""
        cutoff = self.num_ws if cutoff is None else cutoff
        near = self.w_avg.lerp(ws[:, :cutoff], psi)
        return torch.cat([near, ws[:, cutoff:]], 1)

    @torch.no_grad()
    def track(self, w: Tensor) -> None:
        """Move w_avg towards the mean of a batch w [B,w_dim] of training."""
        self.w_avg.lerp_(w.detach().float().mean(0), 1 - self.w_avg_beta)


class Affine(FullyConnected):
    """w [B,w_dim] → styles [B,channels], around 1.

    Where frozen and without gradients, w is scaled in place of the weights; it may round otherwise.
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
    """Modulated 3×3 convolution, noise, bias, leaky ReLU."""

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
        self.up, self.resolution, self.conv_clamp = up, resolution, conv_clamp
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

        The activation's gain rides on the demodulation and the bias, because leaky ReLU is homogeneous.
        """
        full = gain * SQRT2
        noise = self._noise(noise, len(x), x.device, generator)
        noise = None if noise is None else noise * (self.noise_strength * full)
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
            bias=self.bias * full,
            gain=full,
            cache=self.weight_cache,
        )
        x = F.leaky_relu(x, 0.2, inplace=True)
        if self.conv_clamp is None:
            return x
        limit = self.conv_clamp * gain
        return x.clamp(-limit, limit) if x.requires_grad else x.clamp_(-limit, limit)

    def _noise(self, noise, batch: int, device, generator) -> Tensor | None:
        if isinstance(noise, Tensor):
            return noise
        if noise == "none":
            return None
        if noise == "const":
            return self.noise_const
        return drawn(torch.randn, (batch, 1, self.resolution, self.resolution), generator, device)


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to the image (or to feature planes), without demodulation."""

    def __init__(
        self, in_channels: int, out_channels: int, w_dim: int, conv_clamp: float | None = None
    ):
        super().__init__()
        self.conv_clamp, self.weight_gain = conv_clamp, 1 / math.sqrt(in_channels)
        self.affine = Affine(w_dim, in_channels)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w) * self.weight_gain
        y = (
            modulated_conv2d(x, self.weight, styles, demodulate=False).float()
            + self.bias[:, None, None]
        )
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)


class EnlargingSkip(nn.Module):
    """1×1 convolution around the two layers of a block of the resnet architecture, doubling the size."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.gain = math.sqrt(0.5 / in_channels)
        register_resample_filter(self)

    def forward(self, x: Tensor) -> Tensor:
        return conv2d_resample(x, self.weight * self.gain, self.resample_filter, up=2)


class SynthesisBlock(nn.Module):
    """Two layers at one resolution and the sum of what they draw onto the image (skip architecture).

    The first block starts from a learnt constant and has one layer; `up=1` keeps the size. Features lie channels
    last in memory, a quarter faster on CPUs. In the architectures "resnet" and "orig" only the `last` draws.
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
        self.in_channels, self.up = in_channels, up
        register_resample_filter(self)
        if in_channels == 0:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
        else:
            self.conv0 = SynthesisLayer(
                in_channels, out_channels, w_dim, resolution, up, conv_clamp
            )
        self.conv1 = SynthesisLayer(out_channels, out_channels, w_dim, resolution, 1, conv_clamp)
        draws, skips = last or architecture == "skip", in_channels and architecture == "resnet"
        self.torgb = ToRGB(out_channels, img_channels, w_dim, conv_clamp) if draws else None
        self.skip = EnlargingSkip(in_channels, out_channels) if skips else None
        self.num_conv = 1 if in_channels == 0 else 2

    def forward(
        self,
        x: Tensor | None,
        img: Tensor | None,
        ws: Tensor,
        noise: Noise = "const",
        generator: Streams = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Features and image of this block; ws [B,num_conv+1,w_dim]."""
        maps = [noise] * self.num_conv if isinstance(noise, str) else noise
        around = None if self.skip is None else self.skip(x)
        if self.in_channels == 0:
            x = self.const.expand(len(ws), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        else:
            x = self.conv0(x, ws[:, 0], maps[0], generator=generator)
        gain = 1.0 if around is None else math.sqrt(0.5)
        x = self.conv1(x, ws[:, self.num_conv - 1], maps[-1], gain, generator)
        x = x if around is None else around + x
        return x, self._draw(x, img, ws[:, self.num_conv])

    def _draw(self, x: Tensor, img: Tensor | None, w: Tensor) -> Tensor | None:
        img = upsample2d_bilinear(img) if img is not None and self.up == 2 else img
        if self.torgb is None:
            return img
        return self.torgb(x, w) if img is None else img + self.torgb(x, w)


class SynthesisNetwork(nn.Module):
    """ws → image: blocks b4, b8, …, b{resolution}."""

    def __init__(
        self,
        w_dim: int,
        resolution: int,
        img_channels: int,
        channels: Sequence[int],
        conv_clamp: float | None = None,
        architecture: str = "skip",
    ):
        super().__init__()
        self.resolutions = [2**level for level in range(2, int(math.log2(resolution)) + 1)]
        self.num_ws = 2 * len(self.resolutions)
        for before, width, size in zip([0, *channels], channels, self.resolutions, strict=False):
            block = SynthesisBlock(
                before,
                width,
                w_dim,
                size,
                img_channels,
                2,
                conv_clamp,
                architecture,
                size == resolution,
            )
            setattr(self, f"b{size}", block)

    def blocks(self, ws: Tensor, noise: Noise = "const", generator: Streams = None):
        """Yield (resolution, features, image) block by block."""
        if isinstance(noise, str) and noise not in NOISES:
            raise ValueError(
                f"noise is '{noise}', expected one of {', '.join(NOISES)} or a list of maps"
            )
        x = img = None
        first = 0
        for size in self.resolutions:
            block = getattr(self, f"b{size}")
            last = first + block.num_conv
            part = noise if isinstance(noise, str) else noise[first:last]
            x, img = block(x, img, ws[:, first : last + 1], part, generator)
            first = last
            yield size, x, img

    def forward(self, ws: Tensor, noise: Noise = "const", generator: Streams = None) -> Tensor:
        *_, (_, _, img) = self.blocks(ws, noise, generator)
        return img


class StyleGAN2(nn.Module):
    """The generator. `render` draws codes ws [B,num_ws,w_dim]; gradients reach ws."""

    is_3d = False

    def __init__(
        self,
        z_dim: int = 512,
        w_dim: int = 512,
        resolution: int = 1024,
        c_dim: int = 0,
        channel_base: int = 32768,
        channel_max: int = 512,
        channels: Sequence[int] | None = None,
        img_channels: int = 3,
        mapping_layers: int = 8,
        mapping_lr_mul: float = 0.01,
        mapping_features: int | None = None,
        conv_clamp: float | None = None,
        architecture: str = "skip",
    ):
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.resolution = z_dim, c_dim, w_dim, resolution
        channels = tuple(channels or channel_table(resolution, channel_base, channel_max))
        self.synthesis = SynthesisNetwork(
            w_dim, resolution, img_channels, channels, conv_clamp, architecture
        )
        self.num_ws = self.synthesis.num_ws
        self.mapping = MappingNetwork(
            z_dim, c_dim, w_dim, self.num_ws, mapping_layers, mapping_lr_mul, mapping_features
        )

    @property
    def mean_w(self) -> Tensor:
        """w̄ [w_dim]."""
        return self.mapping.w_avg

    def render(
        self,
        ws: Tensor | Latent,
        camera=None,
        noise: Noise = "const",
        generator: Streams = None,
        deterministic: bool = False,
    ) -> Render:
        """Draw ws. The camera is ignored: this generator has none. `deterministic` forbids random noise."""
        ws = ws.ws if isinstance(ws, Latent) else ws
        noise = "const" if deterministic and noise == "random" else noise
        return Render(self.synthesis(ws, noise, generator))

    forward = render
