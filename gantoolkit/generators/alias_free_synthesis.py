"""Layers of StyleGAN3's synthesis network. Parameters have NVIDIA's names.

Karras et al., “Alias-Free Generative Adversarial Networks”, 2021.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gantoolkit.generators.bands import CRITICAL, Band, make_bands
from gantoolkit.generators.filtered_lrelu import filtered_lrelu
from gantoolkit.generators.fourier_input import FourierInput
from gantoolkit.generators.lowpass import radial_filter, separable_filter
from gantoolkit.generators.synthesis import Affine
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache
from gantoolkit.networks.modulated_conv import modulated_conv2d, new_conv_weight

KERNELS = {"t": 3, "r": 1}  # variant → side of its convolutions
UPSAMPLING = 2  # of the leaky ReLU's rate over the larger of the layer's two
FILTER_SIZE = 6  # taps per step of a filter
OUTPUT_SCALE = 0.25
MAGNITUDE_BETA = 0.999  # decay of the running mean square of inputs, per training batch


class ModulatedLayer(nn.Module):
    """A modulated convolution whose input is divided by its root mean square over training.

    kernel  side of the convolution, of which all overlaps with the input count: it adds
            kernel − 1 pixels
    """

    def __init__(self, in_channels: int, out_channels: int, w_dim: int, kernel: int):
        super().__init__()
        self.kernel = kernel
        self.affine = Affine(w_dim, in_channels)
        self.weight = new_conv_weight(out_channels, in_channels, kernel)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("magnitude_ema", torch.ones([]))  # of the mean square
        self.weight_cache = FrozenWeightCache()

    def convolve(self, x: Tensor, styles: Tensor, demodulate: bool = True) -> Tensor:
        """x [B,I,H,W], styles [B,I] → [B,O,H+kernel−1,W+kernel−1], without the bias."""
        if self.training:
            self.track(x)
        return modulated_conv2d(
            x * self.magnitude_ema.rsqrt(),
            self.weight,
            styles,
            padding=self.kernel - 1,
            demodulate=demodulate,
            cache=self.weight_cache,
        )

    @torch.no_grad()
    def track(self, x: Tensor) -> None:
        """Move magnitude_ema towards the mean square of a training batch."""
        self.magnitude_ema.lerp_(x.float().square().mean(), 1 - MAGNITUDE_BETA)


class AliasFreeLayer(ModulatedLayer):
    """Modulated convolution, then a filtered leaky ReLU that leads from one band to the next.

    before, after  the bands of input and output
    radial         filter before samples are dropped as a disc, not as a square
    conv_clamp     the output of the leaky ReLU stays within ± this; None: no limit
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        before: Band,
        after: Band,
        kernel: int,
        radial: bool = False,
        conv_clamp: float | None = None,
    ):
        super().__init__(in_channels, out_channels, w_dim, kernel)
        self.conv_clamp = conv_clamp
        rate = inner_rate(before, after)
        self.up = rate // before.rate
        self.down = rate // after.rate
        up_filter, down_filter = design_filters(before, after, radial)
        self.register_buffer("up_filter", up_filter)
        self.register_buffer("down_filter", down_filter)
        self.padding = self._padding(before.size, after.size)

    def _padding(self, before: int, after: int) -> tuple[int, int, int, int]:
        """Return what is added around the enlarged map, so that `after` pixels come out.

        Pixels lie symmetrically around the center before and after. Negative numbers crop.
        """
        taps = len(self.up_filter) + len(self.down_filter)
        needed = (after - 1) * self.down + taps - 1
        given = (before + self.kernel - 1) * self.up
        low = (needed - given + self.up) // 2
        high = needed - given - low
        return low, high, low, high

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [B,I,before,before], w [B,w_dim] → [B,O,after,after]."""
        x = self.convolve(x, self.affine(w))
        return filtered_lrelu(
            x,
            self.bias,
            self.up_filter,
            self.down_filter,
            self.up,
            self.down,
            self.padding,
            self.conv_clamp,
        )


class AliasFreeToRGB(ModulatedLayer):
    """Modulated 1×1 convolution to the image, without demodulation."""

    def __init__(
        self, in_channels: int, out_channels: int, w_dim: int, conv_clamp: float | None = None
    ):
        super().__init__(in_channels, out_channels, w_dim, kernel=1)
        self.conv_clamp = conv_clamp
        self.weight_gain = 1 / math.sqrt(in_channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [B,I,R,R], w [B,w_dim] → image [B,O,R,R] in float32."""
        x = self.convolve(x, self.affine(w) * self.weight_gain, demodulate=False)
        x = x + self.bias[:, None, None]  # float32, as the bias
        return x if self.conv_clamp is None else x.clamp(-self.conv_clamp, self.conv_clamp)


class AliasFreeSynthesis(nn.Module):
    """ws → image: Fourier features, then layers L0, L1, …, named after index, size and channels.

    channels  of all layers but the last, which makes the image
    variant   "t" (3×3 convolutions) or "r" (1×1 convolutions and radial filters)
    """

    def __init__(
        self,
        w_dim: int,
        resolution: int,
        img_channels: int,
        channels: Sequence[int],
        variant: str = "t",
        conv_clamp: float | None = None,
    ):
        super().__init__()
        bands = make_bands(resolution, len(channels))
        self.num_ws = len(channels) + 2  # of the input, of the layers, of the image
        self.input = FourierInput(w_dim, channels[0], bands[0])
        self.layer_names: list[str] = []

        in_channels, before = channels[0], bands[0]
        for i, (out_channels, after) in enumerate(zip(channels, bands, strict=True)):
            radial = is_radial(variant, i, len(channels))
            kernel = KERNELS[variant]
            layer = AliasFreeLayer(
                in_channels, out_channels, w_dim, before, after, kernel, radial, conv_clamp
            )
            self._add_layer(f"L{i}_{after.size}_{out_channels}", layer)
            in_channels, before = out_channels, after
        last = AliasFreeToRGB(in_channels, img_channels, w_dim, conv_clamp)
        self._add_layer(f"L{len(channels)}_{resolution}_{img_channels}", last)

    def _add_layer(self, name: str, layer: nn.Module) -> None:
        self.add_module(name, layer)
        self.layer_names.append(name)

    def forward(self, ws: Tensor) -> Tensor:
        """ws [B,num_ws,w_dim] → [B,img_channels,resolution,resolution]."""
        first, *others = ws.unbind(1)
        x = self.input(first)
        for name, w in zip(self.layer_names, others, strict=True):
            x = getattr(self, name)(x, w)
        return x * OUTPUT_SCALE


def design_filters(before: Band, after: Band, radial: bool) -> tuple[Tensor, Tensor]:
    """Return the filters of a layer, after it enlarges and before it shrinks."""
    rate = inner_rate(before, after)
    up_taps = FILTER_SIZE * rate // before.rate
    down_taps = FILTER_SIZE * rate // after.rate
    up_filter = separable_filter(up_taps, before.cutoff, 2 * before.half_width, rate)
    design = radial_filter if radial else separable_filter
    return up_filter, design(down_taps, after.cutoff, 2 * after.half_width, rate)


def inner_rate(before: Band, after: Band) -> int:
    """Return the rate at which the leaky ReLU between two bands is applied."""
    return UPSAMPLING * max(before.rate, after.rate)


def is_radial(variant: str, layer: int, layers: int) -> bool:
    """Say whether the layer with this index has a radial filter; critical ones have none."""
    return variant == "r" and layer < layers - CRITICAL
