"""StyleGAN2's modulated convolution: weights scaled per sample, then demodulated.

Karras et al., “Analyzing and Improving the Image Quality of StyleGAN”, 2020, section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache
from gantoolkit.networks.ops import conv2d_resample

CHUNK = 64  # channels whose taps fit into a cache


def new_conv_weight(
    out_channels: int,
    in_channels: int,
    kernel: int,
    up: int = 1,
) -> nn.Parameter:
    """Draw normal weights [O,I,k,k], channels last in memory.

    Where the layer enlarges, the input channels come first in memory.
    """
    if up > 1:
        weight = torch.randn(in_channels, out_channels, kernel, kernel)
        weight = weight.contiguous(memory_format=torch.channels_last)
        return nn.Parameter(weight.transpose(0, 1))
    weight = torch.randn(out_channels, in_channels, kernel, kernel)
    return nn.Parameter(weight.contiguous(memory_format=torch.channels_last))


def energy(weight: Tensor) -> Tensor:
    """Sum the squares over the taps of weight [O,I,k,k]: [I,O], in float32."""
    has_inputs_first = weight.stride(0) < weight.stride(1)
    in_memory_order = weight.transpose(0, 1) if has_inputs_first else weight
    chunks = in_memory_order.split(CHUNK)
    energies = torch.cat([chunk.float().square().sum([2, 3]) for chunk in chunks])
    return energies if has_inputs_first else energies.t()


def demodulation(energies: Tensor, styles: Tensor) -> Tensor:
    """Return 1 / ‖w·s‖ per sample and output channel [B,O], in float32.

    energies  [I,O] of the weight
    """
    return (styles.float().square() @ energies + 1e-8).rsqrt()


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    noise: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int | Sequence[int] = 0,
    f: Tensor | None = None,
    demodulate: bool = True,
    flip_weight: bool = True,
    bias: Tensor | None = None,
    gain: float = 1.0,
    cache: FrozenWeightCache | None = None,
) -> Tensor:
    """Convolve x [B,I,H,W] with gain·weight·styles, then add noise and bias.

    Input channels are scaled before and output channels after one shared convolution, which equals
    per-sample weights.

    weight      [O,I,k,k]
    styles      [B,I]
    noise       broadcastable to the output
    demodulate  scale the weight to norm `gain` per output channel
    bias        [O]
    cache       of `weight`, for what follows from it alone
    """
    resampling = dict(f=f, up=up, down=down, padding=padding, flip_weight=flip_weight)
    scale = None
    if demodulate:
        energies = energy(weight) if cache is None else cache(weight, "energy", energy)
        scale = demodulation(energies, styles)
    if gain != 1:
        scale = styles.new_tensor([[gain]]) if scale is None else scale * gain

    if weight.shape[2:] == (1, 1) and up == down == 1 and padding == 0:
        factors = styles[:, None] if scale is None else styles[:, None] * scale[:, :, None]
        x = multiply_pixels(x, weight[:, :, 0, 0] * factors)
        return _add_shift(x, bias, noise)
    if _should_scale_weight(x, weight):
        factors = styles[0, :, None, None]
        if scale is not None:
            factors = factors * scale[0, :, None, None, None]
        x = conv2d_resample(x, weight * factors, bias=bias, **resampling)
        return x if noise is None else x.add_(noise.to(x.dtype))

    x = x * styles.to(x.dtype)[:, :, None, None]
    x = conv2d_resample(x, weight, cache=cache, **resampling)
    if scale is None:
        return _add_shift(x, bias, noise)
    scale = scale.to(x.dtype)[:, :, None, None]
    if torch.is_grad_enabled() or noise is None:
        return ScaleAndShift.apply(x, scale, _sum_bias_and_noise(bias, noise, x))
    shift = _sum_bias_and_noise(bias, None, x)
    return torch.addcmul(shift, x, scale).add_(noise.to(x.dtype))


def multiply_pixels(x: Tensor, matrices: Tensor) -> Tensor:
    """Multiply the channels of every pixel of x [B,I,H,W] by its sample's matrix [B,O,I].

    A modulated 1×1 convolution is this; no map is scaled, forward or backward.
    """
    b, _, height, width = x.shape
    pixels = x.permute(0, 2, 3, 1).flatten(1, 2)
    products = pixels @ matrices.to(x.dtype).transpose(1, 2)
    return products.unflatten(1, (height, width)).permute(0, 3, 1, 2)


class ScaleAndShift(torch.autograd.Function):
    """x · scale + shift; scale [B,C,1,1] or [1,1,1,1], shift broadcastable to x [B,C,H,W].

    It is torch.addcmul, whose backward pass reads and writes x once more than needed.
    """

    @staticmethod
    def forward(ctx, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        ctx.save_for_backward(x, scale)
        ctx.shift_shape = shift.shape
        return torch.addcmul(shift, x, scale)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, scale = ctx.saved_tensors
        x_gradient = scale_gradient = shift_gradient = None
        if ctx.needs_input_grad[0]:
            x_gradient = gradient * scale
        if ctx.needs_input_grad[1]:
            scale_gradient = (gradient * x).sum_to_size(scale.shape)
        if ctx.needs_input_grad[2]:
            shift_gradient = gradient.sum_to_size(ctx.shift_shape)
        return x_gradient, scale_gradient, shift_gradient


def _should_scale_weight(x: Tensor, weight: Tensor) -> bool:
    """Say whether to scale the weight in place of the maps: for one sample, where it is smaller.

    Not where that would cost a second convolution for the gradient of the scaled weight.
    """
    return len(x) == 1 and weight.numel() < x.numel() and not torch.is_grad_enabled()


def _add_shift(x: Tensor, bias: Tensor | None, noise: Tensor | None) -> Tensor:
    """Return x [B,O,H,W] + bias + noise."""
    return x if bias is None and noise is None else x + _sum_bias_and_noise(bias, noise, x)


def _sum_bias_and_noise(bias: Tensor | None, noise: Tensor | None, x: Tensor) -> Tensor:
    """Return bias + noise, broadcastable to x [B,O,H,W] and, like it, channels last in memory."""
    if noise is None:
        return x.new_zeros(()) if bias is None else bias.to(x.dtype)[:, None, None]
    if bias is None:
        return noise.to(x.dtype)
    if noise.ndim <= 2:
        noise = noise[None]
    channels_last = noise.movedim(-3, -1) + bias
    return channels_last.to(x.dtype).movedim(-1, -3)
