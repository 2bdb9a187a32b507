"""Group normalization in channels last on CPUs, in evaluation and in training.

torch's bf16 kernel for channels last goes through memory one channel of a group at a time. With
fewer channels than a vector holds it takes up to four times as long as float32 and two casts; its
gradient takes five times as long as that of the contiguous layout, in which convolutions are slow.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDE = 16  # channels per group from which torch's bf16 kernel is as fast
LONG_ROW = 128  # numbers in a row, from which products with one number per channel are fast


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


class ChannelsLastGroupNorm(nn.GroupNorm):
    """nn.GroupNorm with a gradient of its own for images [B,C,H,W] in channels last and bf16."""

    def forward(self, x: Tensor) -> Tensor:
        is_ours = (
            x.ndim == 4
            and x.device.type == "cpu"
            and x.dtype == torch.bfloat16
            and x.is_contiguous(memory_format=torch.channels_last)
            and torch.is_grad_enabled()
        )
        if not is_ours or self.weight is None:
            return super().forward(x)
        return GroupNormFunction.apply(x, self.weight, self.bias, self.num_groups, self.eps)


def train_in_channels_last(network: nn.Module) -> nn.Module:
    """Lay a network out in channels last, with the gradients of its group norms fast there."""
    for module in network.modules():
        if type(module) is nn.GroupNorm:
            module.__class__ = ChannelsLastGroupNorm
    return network.to(memory_format=torch.channels_last)


class GroupNormFunction(torch.autograd.Function):
    """torch's group norm forward; backward by two matrix products and two element-wise passes.

    With x̂ = (x − μ) · r, and the means over a group's L · C/G numbers:
    dx = r · (w · dy − mean(w · dy) − x̂ · mean(w · dy · x̂)), which is p · dy + q · x + s with p, q
    and s per sample and channel.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
        b, c, height, width = x.shape
        y, mean, rstd = torch.native_group_norm(x, weight, bias, b, c, height * width, groups, eps)
        ctx.save_for_backward(x, weight, mean, rstd)
        return y

    @staticmethod
    def backward(ctx, dy: Tensor):
        x, weight, mean, rstd = ctx.saved_tensors
        x_rows, dy_rows = _rows(x), _rows(dy)
        ones = dy_rows.new_ones(len(dy), 1, dy_rows.shape[1])
        dtype = torch.promote_types(rstd.dtype, torch.float32)
        sum_dy = torch.bmm(ones, dy_rows)[:, 0].to(dtype)  # [B,C]
        sum_dy_x = torch.bmm(dy_rows.mT, x_rows).diagonal(dim1=1, dim2=2).to(dtype)

        channels = x.shape[1] // rstd.shape[1]  # of a group
        mean = mean.to(dtype).repeat_interleave(channels, 1)
        rstd = rstd.to(dtype).repeat_interleave(channels, 1)
        sum_dy_xhat = (sum_dy_x - mean * sum_dy) * rstd

        def group_mean(values: Tensor) -> Tensor:
            per_group = values.unflatten(1, (-1, channels)).mean(2) / x_rows.shape[1]
            return per_group.repeat_interleave(channels, 1)

        q = -rstd.square() * group_mean(sum_dy_xhat * weight)
        s = -rstd * group_mean(sum_dy * weight) - q * mean
        dx = _scale_and_shift(dy_rows, rstd * weight, x_rows, q, s)
        dx = dx.view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)
        return dx, sum_dy_xhat.sum(0), sum_dy.sum(0), None, None


def _rows(x: Tensor) -> Tensor:
    """View an image [B,C,H,W] in channels last as [B,H·W,C]; other layouts are copied."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def _scale_and_shift(dy: Tensor, p: Tensor, x: Tensor, q: Tensor, s: Tensor) -> Tensor:
    """Return p · dy + q · x + s for rows [B,L,C] and numbers [B,C], in the dtype of the rows."""
    length, channels = dy.shape[1:]
    fold = math.gcd(length, max(1, LONG_ROW // channels))  # positions joined to a longer row
    p, q, s = (numbers.to(dy.dtype).repeat(1, fold)[:, None] for numbers in (p, q, s))
    dy = dy.reshape(len(dy), length // fold, fold * channels)
    scaled = torch.addcmul(s, dy, p)
    return scaled.addcmul_(x.reshape(dy.shape), q).view(len(dy), length, channels)
