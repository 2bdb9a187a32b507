"""Group normalization, which CPUs do faster in float32 where groups are narrow.

torch's bf16 kernel for channels last goes through memory one channel of a group at a time. With
fewer channels than a vector holds it takes up to four times as long as float32 and two casts.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDE = 16  # channels per group from which torch's bf16 kernel is as fast


def group_norm(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Normalize x [B,C,H,W] as `norm` does; the result may be in float32."""
    is_narrow = norm.num_channels < WIDE * norm.num_groups
    if not (is_narrow and x.device.type == "cpu" and x.dtype == torch.bfloat16):
        return norm(x)
    weight, bias = norm.weight.float(), norm.bias.float()
    return F.group_norm(x.float(), norm.num_groups, weight, bias, norm.eps)


def group_norm_silu(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Normalize x [B,C,H,W] and apply SiLU, in the dtype of x."""
    return F.silu(group_norm(x, norm), inplace=True).to(x.dtype)
