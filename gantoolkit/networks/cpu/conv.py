"""How every layer convolves: plainly, or with a weight packed by oneDNN.

Only this module imports the special way. It serves CPUs without gradients, and needs a frozen
weight and the FrozenWeightCache of the module that owns it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.networks.cpu import onednn
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache, is_cacheable

Pair = tuple[int, int]  # (vertical, horizontal)


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    padding: Pair = (0, 0),
    groups: int = 1,
    cache: FrozenWeightCache | None = None,
    stride: Pair = (1, 1),
) -> Tensor:
    """Convolve x [B,I,H,W] with weight [O,I/groups,k,k] as F.conv2d, by the fastest way that fits.

    cache  of `weight`, for what is made of it once
    """
    if groups != 1 or not is_packable(x, weight, cache):
        return plain_conv2d(x, weight, bias, stride, padding, groups)

    name = ("packed", onednn.conv_dtype(x))
    packed = cache(weight, name, lambda weight: onednn.pack(weight, padding, x, stride))
    return onednn.conv2d(x, packed, bias, padding, stride)


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    up: int,
    groups: int = 1,
    cache: FrozenWeightCache | None = None,
) -> Tensor:
    """Convolve x [B,I,H,W], zeros inserted `up` times, with weight [O,I/groups,k,k].

    The result is the full convolution [B,O,up·H−up+k,up·W−up+k].
    """
    if needs_input_gradient_only(x, weight):
        swapped = swap_channels(weight, groups)
        return frozen_convolution(x, swapped, (up, up), (0, 0), True, groups)
    if groups != 1 or not is_packable(x, weight, cache):
        swapped = swap_channels(weight.to(x.dtype), groups)
        return F.conv_transpose2d(x, swapped, stride=up, groups=groups)

    name = ("packed_transposed", onednn.conv_dtype(x))
    packed = cache(
        weight, name, lambda weight: onednn.pack_transposed(swap_channels(weight), up, x)
    )
    return onednn.conv_transpose2d(x, packed, up)


def plain_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    groups: int = 1,
) -> Tensor:
    """Convolve as F.conv2d with `weight` in the dtype of x; a frozen weight saves no x."""
    if bias is None and needs_input_gradient_only(x, weight):
        return frozen_convolution(x, weight, stride, padding, False, groups)
    return F.conv2d(x, weight.to(x.dtype), bias, stride, padding, groups=groups)


def is_packable(x: Tensor, weight: Tensor, cache: FrozenWeightCache | None) -> bool:
    """Say whether `weight` is cached in oneDNN's layout to convolve x."""
    return cache is not None and is_cacheable(weight) and onednn.can_convolve(x)


def swap_channels(weight: Tensor, groups: int = 1) -> Tensor:
    """Reorder [O,I/groups,k,k] to [I,O/groups,k,k], as a transposed convolution takes it."""
    o, i, height, width = weight.shape
    by_group = weight.reshape(groups, o // groups, i, height, width).transpose(1, 2)
    return by_group.reshape(groups * i, o // groups, height, width)


def needs_input_gradient_only(x: Tensor, weight: Tensor) -> bool:
    """Say whether a convolution has a gradient for x and none for `weight`."""
    return torch.is_grad_enabled() and x.requires_grad and not weight.requires_grad


def frozen_convolution(
    x: Tensor, weight: Tensor, stride: Pair, padding: Pair, transposed: bool, groups: int
) -> Tensor:
    """Convolve with a frozen weight in the dtype of autocast; see FrozenConvolution."""
    dtype = onednn.conv_dtype(x)
    dilation, output_padding = (1, 1), (0, 0)
    settings = (stride, padding, dilation, transposed, output_padding, groups)
    return FrozenConvolution.apply(x.to(dtype), weight.to(dtype), *settings)


class FrozenConvolution(torch.autograd.Function):
    """torch.convolution that saves no x, which only the gradient of the weight would need."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, *settings) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.input_shape = x.shape
        ctx.input_stride = x.stride()
        ctx.settings = settings
        return torch.convolution(x, weight, None, *settings)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        # the operation asks for x; of its shape only, never its values
        x = gradient.new_empty_strided(ctx.input_shape, ctx.input_stride)
        output_mask = (True, False, False)  # gradients of x, weight and bias
        input_gradient, _, _ = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, *ctx.settings, output_mask
        )
        return input_gradient, None, *(None for _ in ctx.settings)
