"""StyleGAN2: z → mapping → w → synthesis → image. Parameters have NVIDIA's names.

Karras et al., “Analyzing and Improving the Image Quality of StyleGAN”, 2020. Only the layout of the
parameters follows the published code; every width is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from gantoolkit.core.types import Latent, Render
from gantoolkit.generators.mapping_network import MappingNetwork
from gantoolkit.generators.sample_noise import Streams
from gantoolkit.generators.synthesis import NOISES, Noise, SynthesisBlock


def channel_table(resolution: int, base: int, maximum: int) -> tuple[int, ...]:
    """Return the channels of the blocks 4, 8, …, resolution: min(base / r, maximum).

    >>> channel_table(32, 512, 64)
    (64, 64, 32, 16)
    """
    return tuple(min(base // size, maximum) for size in block_resolutions(resolution))


def block_resolutions(resolution: int) -> list[int]:
    """Return 4, 8, …, resolution.

    >>> block_resolutions(32)
    [4, 8, 16, 32]
    """
    return [2**level for level in range(2, int(math.log2(resolution)) + 1)]


class SynthesisNetwork(nn.Module):
    """ws → image: blocks b4, b8, …, b{resolution}, with `channels` each."""

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
        self.resolutions = block_resolutions(resolution)
        self.num_ws = 2 * len(self.resolutions)
        in_channels = 0
        for out_channels, size in zip(channels, self.resolutions, strict=False):
            block = SynthesisBlock(
                in_channels,
                out_channels,
                w_dim,
                size,
                img_channels,
                conv_clamp=conv_clamp,
                architecture=architecture,
                last=size == resolution,
            )
            setattr(self, f"b{size}", block)
            in_channels = out_channels

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
            end = first + block.num_conv
            block_ws = ws[
                :, first : end + 1
            ]  # the last one is for torgb, and the next block's first
            block_noise = noise if isinstance(noise, str) else noise[first:end]
            x, img = block(x, img, block_ws, block_noise, generator)
            first = end
            yield size, x, img

    def forward(self, ws: Tensor, noise: Noise = "const", generator: Streams = None) -> Tensor:
        """ws [B,num_ws,w_dim] → [B,img_channels,resolution,resolution]."""
        *_, (_, _, img) = self.blocks(ws, noise, generator)
        return img


class StyleGAN2(nn.Module):
    """The 2D generator; `render` makes images of codes ws [B,num_ws,w_dim], and gradients reach ws.

    z_dim, w_dim      sizes of z and w
    resolution        pixels per side: 4 · 2ⁿ
    c_dim             size of the label c; 0: there is none
    channel_base, channel_max  block r has min(channel_base / r, channel_max) channels
    channels          channels of the blocks 4, 8, …, resolution, instead
    img_channels      of the image
    mapping_layers    fully connected layers of the mapping network
    mapping_lr_mul    factor of their learning rate
    mapping_features  their width (default: w_dim)
    conv_clamp        the outputs of layers stay within ± this; None: no limit
    architecture      "skip", "resnet" or "orig", as in NVIDIA's code

    >>> import torch
    >>> generator = StyleGAN2(z_dim=8, w_dim=8, resolution=16, channels=(8, 8, 4)).eval()
    >>> ws = generator.mapping(torch.randn(2, 8), truncation_psi=0.7)
    >>> ws.shape
    torch.Size([2, 6, 8])
    >>> generator.render(ws).image.shape
    torch.Size([2, 3, 16, 16])
    """

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
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.w_dim = w_dim
        self.resolution = resolution
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
        """Render the codes ws [B,num_ws,w_dim] as images in −1..1.

        camera         ignored: this generator has none
        noise          one of NOISES, or one [B,1,r,r] map per layer, coarse to fine
        generator      source of random noise: one torch.Generator, one per sample, or torch's own
        deterministic  use the constant noise instead of random noise
        """
        ws = ws.ws if isinstance(ws, Latent) else ws
        if deterministic and noise == "random":
            noise = "const"
        return Render(self.synthesis(ws, noise, generator))

    forward = render
