"""Convolutions with weights in oneDNN's own memory layout.

oneDNN copies a weight into blocks at every call; at 4 to 16 px that takes as long as the
convolution. These are the operations by which torch.compile avoids it. They serve only CPUs and
have no gradients.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from gantoolkit.core.precision import computes_bf16

OPERATIONS = (
    "_reorder_convolution_weight",
    "_convolution_pointwise",
    "_reorder_convolution_transpose_weight",
    "_convolution_transpose_pointwise",
    "_is_mkldnn_bf16_supported",
)
NO_STRIDE = NO_DILATION = (1, 1)
NO_PADDING = (0, 0)
NO_POINTWISE = ("none", [], "")  # nothing is applied to the result


@cache
def supported_dtypes() -> tuple[torch.dtype, ...]:
    """List the dtypes that this build of torch and this machine have the operations for."""
    has_operations = all(hasattr(torch.ops.mkldnn, name) for name in OPERATIONS)
    if not torch.backends.mkldnn.is_available() or not has_operations:
        return ()
    if computes_bf16("cpu"):
        return torch.float32, torch.bfloat16
    return (torch.float32,)


def conv_dtype(x: Tensor) -> torch.dtype:
    """Return the dtype in which a convolution of x works."""
    device = x.device.type  # "meta" has no autocast
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return x.dtype


def can_convolve(x: Tensor) -> bool:
    """Say whether the operations below can convolve x in the present mode of torch."""
    return (
        x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and conv_dtype(x) in supported_dtypes()
        and torch.backends.mkldnn.enabled
        and not torch.jit.is_tracing()
        and not torch.compiler.is_compiling()
    )


def pack(
    weight: Tensor, padding: tuple[int, int], like: Tensor, stride: tuple[int, int] = NO_STRIDE
) -> Tensor:
    """Pack weight [O,I,k,k] in the layout and dtype for maps `like` [B,I,H,W]."""
    return torch.ops.mkldnn._reorder_convolution_weight(
        weight.to(conv_dtype(like)), padding, stride, NO_DILATION, 1, like.shape
    )


def conv2d(
    x: Tensor,
    packed: Tensor,
    bias: Tensor | None,
    padding: tuple[int, int],
    stride: tuple[int, int] = NO_STRIDE,
) -> Tensor:
    """Convolve as F.conv2d, with the weight that `pack` made."""
    dtype = conv_dtype(x)
    if bias is not None:
        bias = bias.to(dtype)
    return torch.ops.mkldnn._convolution_pointwise(
        x.to(dtype), packed, bias, padding, stride, NO_DILATION, 1, *NO_POINTWISE
    )


def pack_transposed(weight: Tensor, stride: int, like: Tensor) -> Tensor:
    """Pack weight [I,O,k,k] in the layout and dtype to enlarge maps `like` [B,I,H,W]."""
    return torch.ops.mkldnn._reorder_convolution_transpose_weight(
        weight.to(conv_dtype(like)),
        NO_PADDING,
        NO_PADDING,  # of the output
        (stride, stride),
        NO_DILATION,
        1,
        like.shape,
    )


def conv_transpose2d(x: Tensor, packed: Tensor, stride: int) -> Tensor:
    """Convolve as F.conv_transpose2d, with the weight that `pack_transposed` made."""
    return torch.ops.mkldnn._convolution_transpose_pointwise(
        x.to(conv_dtype(x)),
        packed,
        None,
        NO_PADDING,
        NO_PADDING,  # of the output
        (stride, stride),
        NO_DILATION,
        1,
        *NO_POINTWISE,
    )
