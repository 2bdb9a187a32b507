"""How every layer convolves: plainly, by Winograd's sums, or with a weight that oneDNN has in its own order.

The last two need frozen weights that a module keeps (`Prepared`), and serve CPUs without gradients.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.networks.cpu import onednn, winograd, winograd_bf16
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache, is_cacheable


def conv2d(
    x: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    padding: tuple[int, int] = (0, 0),
    groups: int = 1,
    kept: FrozenWeightCache | None = None,
) -> Tensor:
    """F.conv2d of x [B,I,H,W] with w [O,I/groups,k,k]; `kept` holds what is made of w."""
    if padding == (1, 1) and groups == 1:
        if winograd.pays(x, w):
            return winograd.conv2d(x, w, bias, kept)
        if winograd_bf16.pays(x, w, kept):
            return winograd_bf16.conv2d(x, w, bias, kept)
    if groups != 1 or not packs(x, w, kept):
        return plain(x, w, bias, (1, 1), padding, groups)
    packed = kept(w, ("packed", onednn.precision(x)), lambda w: onednn.pack(w, padding, x))
    return onednn.conv2d(x, packed, bias, padding)


def plain(
    x: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    groups: int = 1,
) -> Tensor:
    """F.conv2d with w in the precision of x; saves no x where w is frozen."""
    if bias is None and passes(x, w):
        return frozen(x, w, stride, padding, False, groups)
    return F.conv2d(x, w.to(x.dtype), bias, stride, padding, groups=groups)


def transposed(
    x: Tensor, w: Tensor, up: int, groups: int = 1, kept: FrozenWeightCache | None = None
) -> Tensor:
    """Full convolution of the zero-stuffed x [B,I,H,W] with w [O,I/groups,k,k]: [B,O,up·H−up+k,up·W−up+k]."""
    if passes(x, w):
        return frozen(x, swapped(w, groups), (up, up), (0, 0), True, groups)
    if groups != 1 or not packs(x, w, kept):
        return F.conv_transpose2d(x, swapped(w.to(x.dtype), groups), stride=up, groups=groups)
    packed = kept(
        w, ("transposed", onednn.precision(x)), lambda w: onednn.pack_transposed(swapped(w), up, x)
    )
    return onednn.conv_transpose2d(x, packed, up)


def packs(x: Tensor, w: Tensor, kept: FrozenWeightCache | None) -> bool:
    """Whether w is kept in oneDNN's order, to convolve x."""
    return kept is not None and is_cacheable(w) and onednn.serves(x)


def swapped(w: Tensor, groups: int = 1) -> Tensor:
    """[O,I/groups,k,k] as a transposed convolution takes it, [I,O/groups,k,k]."""
    o, i, kh, kw = w.shape
    w = w.reshape(groups, o // groups, i, kh, kw).transpose(1, 2)
    return w.reshape(groups * i, o // groups, kh, kw)


def passes(x: Tensor, w: Tensor) -> bool:
    """Whether a convolution of x with w has a gradient to x alone."""
    return torch.is_grad_enabled() and x.requires_grad and not w.requires_grad


def frozen(
    x: Tensor,
    w: Tensor,
    stride: tuple[int, int],
    padding: tuple[int, int],
    transposed: bool,
    groups: int,
) -> Tensor:
    """A convolution with a frozen w, in the precision of autocast; see FrozenConv."""
    precision = onednn.precision(x)
    return FrozenConv.apply(
        x.to(precision), w.to(precision), stride, padding, (1, 1), transposed, (0, 0), groups
    )


class FrozenConv(torch.autograd.Function):
    """torch.convolution without bias that saves no x: its values matter to the gradient of w alone."""

    @staticmethod
    def forward(ctx, x: Tensor, w: Tensor, *how) -> Tensor:
        ctx.save_for_backward(w)
        ctx.form, ctx.how = (x.shape, x.stride()), how
        return torch.convolution(x, w, None, *how)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, (w,) = (
            gradient.new_empty_strided(*ctx.form),
            ctx.saved_tensors,
        )  # asked for the form of x, never its values
        found = torch.ops.aten.convolution_backward(
            gradient, x, w, None, *ctx.how, (True, False, False)
        )[0]
        return found, *(None,) * (1 + len(ctx.how))
