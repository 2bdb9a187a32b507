"""Convolutions with weights that oneDNN has in its own order.

oneDNN copies a weight into blocks at every call; at 4 to 16 px that takes as long as the convolution. These are
the operations by which torch.compile avoids it; they serve CPUs alone and know no gradients.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

OPERATIONS = (
    "_reorder_convolution_weight",
    "_convolution_pointwise",
    "_reorder_convolution_transpose_weight",
    "_convolution_transpose_pointwise",
    "_is_mkldnn_bf16_supported",
)
ONE, NONE = (1, 1), ("none", [], "")  # stride or dilation; nothing to be done to the result


@cache
def precisions() -> tuple[torch.dtype, ...]:
    """That this build of torch and this machine have operations for."""
    if not torch.backends.mkldnn.is_available() or not all(
        hasattr(torch.ops.mkldnn, n) for n in OPERATIONS
    ):
        return ()
    bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return (torch.float32, torch.bfloat16) if bf16 else (torch.float32,)


def precision(x: Tensor) -> torch.dtype:
    """In which a convolution of x works."""
    device = x.device.type  # "meta" has no autocast
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return x.dtype


def serves(x: Tensor) -> bool:
    """Whether the operations below can convolve x here and now."""
    return (
        x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and precision(x) in precisions()
        and torch.backends.mkldnn.enabled
        and not torch.jit.is_tracing()
        and not torch.compiler.is_compiling()
    )


def pack(weight: Tensor, padding: tuple[int, int], like: Tensor) -> Tensor:
    """weight [O,I,k,k] in the order and the precision for maps `like` [B,I,H,W]."""
    weight = weight.to(precision(like))
    return torch.ops.mkldnn._reorder_convolution_weight(weight, padding, ONE, ONE, 1, like.shape)


def conv2d(x: Tensor, packed: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
    """F.conv2d with what `pack` made."""
    x, bias = x.to(precision(x)), None if bias is None else bias.to(precision(x))
    return torch.ops.mkldnn._convolution_pointwise(x, packed, bias, padding, ONE, ONE, 1, *NONE)


def pack_transposed(weight: Tensor, stride: int, like: Tensor) -> Tensor:
    """weight [I,O,k,k] in the order and the precision to enlarge maps `like` [B,I,H,W]."""
    weight, none = weight.to(precision(like)), (0, 0)
    return torch.ops.mkldnn._reorder_convolution_transpose_weight(
        weight, none, none, (stride, stride), ONE, 1, like.shape
    )


def conv_transpose2d(x: Tensor, packed: Tensor, stride: int) -> Tensor:
    """F.conv_transpose2d with what `pack_transposed` made."""
    return torch.ops.mkldnn._convolution_transpose_pointwise(
        x.to(precision(x)), packed, None, (0, 0), (0, 0), (stride, stride), ONE, 1, *NONE
    )
