"""How every layer convolves: plainly, by Winograd's sums, or with a weight that oneDNN has in its own order.

The last two need frozen weights that a module keeps (`Prepared`), and serve CPUs without gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.networks import onednn, winograd, winograd_bf16
from gantoolkit.networks.prepared import Prepared, followed


def conv2d(x: Tensor, w: Tensor, bias: Tensor | None = None, padding: tuple[int, int] = (0, 0), groups: int = 1,
           kept: Prepared | None = None) -> Tensor:
    """F.conv2d of x [B,I,H,W] with w [O,I/groups,k,k]; `kept` holds what is made of w."""
    if padding == (1, 1) and groups == 1:
        if winograd.pays(x, w):
            return winograd.conv2d(x, w, bias, kept)
        if winograd_bf16.pays(x, w, kept):
            return winograd_bf16.conv2d(x, w, bias, kept)
    if groups != 1 or not packs(x, w, kept):
        return F.conv2d(x, w.to(x.dtype), bias, padding=padding, groups=groups)
    packed = kept(w, ("packed", onednn.precision(x)), lambda w: onednn.pack(w, padding, x))
    return onednn.conv2d(x, packed, bias, padding)


def transposed(x: Tensor, w: Tensor, up: int, groups: int = 1, kept: Prepared | None = None) -> Tensor:
    """Full convolution of the zero-stuffed x [B,I,H,W] with w [O,I/groups,k,k]: [B,O,up·H−up+k,up·W−up+k]."""
    if groups != 1 or not packs(x, w, kept):
        return F.conv_transpose2d(x, swapped(w.to(x.dtype), groups), stride=up, groups=groups)
    packed = kept(w, ("transposed", onednn.precision(x)), lambda w: onednn.pack_transposed(swapped(w), up, x))
    return onednn.conv_transpose2d(x, packed, up)


def packs(x: Tensor, w: Tensor, kept: Prepared | None) -> bool:
    """Whether w is kept in oneDNN's order, to convolve x."""
    return kept is not None and followed(w) and onednn.serves(x)


def swapped(w: Tensor, groups: int = 1) -> Tensor:
    """[O,I/groups,k,k] as a transposed convolution takes it, [I,O/groups,k,k]."""
    o, i, kh, kw = w.shape
    w = w.reshape(groups, o // groups, i, kh, kw).transpose(1, 2)
    return w.reshape(groups * i, o // groups, kh, kw)


@contextmanager
def saving(x: Tensor, scaled: Tensor, w: Tensor) -> Iterator[None]:
    """Let convolutions of `scaled` with w inside save x for the backward pass, which something else saves anyway.

    Values of a convolution's input matter to the gradient of its weight alone, so that those of another tensor of
    the same form do where that is frozen. Checkpoints, which save by such hooks themselves, are left alone.
    """
    hooked = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", lambda _: True)
    if not torch.is_grad_enabled() or w.requires_grad or torch.compiler.is_compiling() or hooked(True):
        yield
        return
    place, form = scaled.data_ptr(), (x.shape, x.dtype, x.stride())  # a reference to `scaled` would keep it alive

    def pack(saved: Tensor) -> Tensor:
        return x if saved.data_ptr() == place and (saved.shape, saved.dtype, saved.stride()) == form else saved

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved):
        yield
