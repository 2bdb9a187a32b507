"""The operations of StyleGAN2 in plain torch: FIR resampling, biased activations, convolutions.

They equal the published operations (Karras et al., “Analyzing and Improving the Image Quality of
StyleGAN”, 2020, and its ADA release) up to the order of summation. They need no compiled extension
and run in bf16 autocast. Feature maps are [B,C,H,W]; a filter is [k,k], or [k] where it is applied
along both axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.networks.cpu import conv
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache

FIR_TAPS = (1, 3, 3, 1)  # the low-pass filter of every StyleGAN2 layer
SQRT2 = math.sqrt(2.0)

FourPaddings = tuple[int, int, int, int]  # left, right, top, bottom

# name → (function(x, alpha), default alpha, default gain)
ACTIVATIONS = {
    "linear": (lambda x, alpha: x, 0.0, 1.0),
    "relu": (lambda x, alpha: F.relu(x), 0.0, SQRT2),
    "lrelu": (lambda x, alpha: F.leaky_relu(x, alpha), 0.2, SQRT2),
    "tanh": (lambda x, alpha: torch.tanh(x), 0.0, 1.0),
    "sigmoid": (lambda x, alpha: torch.sigmoid(x), 0.0, 1.0),
    "elu": (lambda x, alpha: F.elu(x), 0.0, 1.0),
    "selu": (lambda x, alpha: F.selu(x), 0.0, 1.0),
    "softplus": (lambda x, alpha: F.softplus(x), 0.0, 1.0),
    "swish": (lambda x, alpha: torch.sigmoid(x) * x, 0.0, SQRT2),
}


def bias_act(
    x: Tensor,
    bias: Tensor | None = None,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
    dim: int = 1,
) -> Tensor:
    """Return clamp(gain · act(x + bias)); `bias` lies along `dim`, defaults are in ACTIVATIONS."""
    function, default_alpha, default_gain = ACTIVATIONS[act]
    if bias is not None:
        shape = [-1 if axis == dim else 1 for axis in range(x.ndim)]
        x = x + bias.to(x.dtype).reshape(shape)
    x = function(x, default_alpha if alpha is None else alpha)
    gain = default_gain if gain is None else gain
    if gain != 1:
        x = x * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def setup_filter(
    taps=FIR_TAPS,
    normalize: bool = True,
    flip_filter: bool = False,
    gain: float = 1.0,
    separable: bool | None = None,
) -> Tensor:
    """Make a filter for `upfirdn2d` from 1-D or 2-D taps; 1-D taps stay separable from 8 taps on.

    >>> setup_filter().sum()
    tensor(1.)
    """
    if taps is None:
        taps = 1
    f = torch.atleast_1d(torch.as_tensor(taps, dtype=torch.float32))
    if separable is None:
        separable = f.ndim == 1 and f.numel() >= 8
    if f.ndim == 1 and not separable:
        f = f.outer(f)
    if normalize:
        f = f / f.sum()
    if flip_filter:
        f = f.flip(list(range(f.ndim)))
    return f * gain ** (f.ndim / 2)


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Return (x, y) of one number or both."""
    if isinstance(value, int):
        return value, value
    return tuple(value)


def _four_paddings(value: int | Sequence[int]) -> FourPaddings:
    """Return the paddings of one number, (x, y) or all four."""
    if isinstance(value, int):
        return value, value, value, value
    if len(value) == 2:
        x, y = value
        return x, x, y, y
    return tuple(value)


def _pad(x: Tensor, padding: FourPaddings) -> tuple[Tensor, tuple[int, int]]:
    """Pad x, unless a convolution can do it; return x and the padding (y, x) left to do."""
    left, right, top, bottom = padding
    is_symmetric = left == right and top == bottom
    if is_symmetric and min(left, top) >= 0:
        return x, (top, left)
    return F.pad(x, padding), (0, 0)


def upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    up: int | Sequence[int] = 1,
    down: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
    bias: Tensor | None = None,
) -> Tensor:
    """Upsample by zeros, pad, filter with `f`, downsample: x [B,C,H,W] to [B,C,·,·].

    up, down     one number or (x, y)
    padding      one number, (x, y) or (left, right, top, bottom); negative ones crop
    flip_filter  correlate instead of convolve
    bias         [C], added at the end
    """
    up_x, up_y = _pair(up)
    down_x, down_y = _pair(down)
    b, c, h, w = x.shape
    if up_x > 1 or up_y > 1:
        x = x.reshape(b, c, h, 1, w, 1)
        x = F.pad(x, (0, up_x - 1, 0, 0, 0, up_y - 1))
        x = x.reshape(b, c, h * up_y, w * up_x)
    if f is None:
        x = F.pad(x, _four_paddings(padding))
        x = x[:, :, ::down_y, ::down_x]
        return x * gain if gain != 1 else x

    x, (pad_y, pad_x) = _pad(x, _four_paddings(padding))
    f = (f * gain ** (f.ndim / 2)).to(x.dtype)
    if not flip_filter:
        f = f.flip(list(range(f.ndim)))
    if f.ndim == 2:
        kernel = f.expand(c, 1, *f.shape)
        return conv.plain_conv2d(x, kernel, bias, (down_y, down_x), (pad_y, pad_x), c)
    across = f.view(1, 1, 1, -1).expand(c, 1, 1, -1)
    along = f.view(1, 1, -1, 1).expand(c, 1, -1, 1)
    x = conv.plain_conv2d(x, across, None, (1, down_x), (0, pad_x), c)
    return conv.plain_conv2d(x, along, bias, (down_y, 1), (pad_y, 0), c)


def filter2d(
    x: Tensor,
    f: Tensor,
    flip_filter: bool = False,
    gain: float = 1.0,
) -> Tensor:
    """Filter x [B,C,H,W] with `f` without changing the size."""
    taps = f.shape[-1]
    padding = [taps // 2, (taps - 1) // 2] * 2
    return upfirdn2d(x, f, padding=padding, flip_filter=flip_filter, gain=gain)


def upsample2d(
    x: Tensor,
    f: Tensor,
    up: int = 2,
    gain: float = 1.0,
) -> Tensor:
    """Enlarge x [B,C,H,W] `up` times, centered (even filters shift by nothing)."""
    taps = f.shape[-1]
    padding = [(taps + up - 1) // 2, (taps - up) // 2] * 2
    return upfirdn2d(x, f, up=up, padding=padding, gain=gain * up**2)


def downsample2d(
    x: Tensor,
    f: Tensor,
    down: int = 2,
    gain: float = 1.0,
) -> Tensor:
    """Shrink x [B,C,H,W] `down` times, centered."""
    taps = f.shape[-1]
    padding = [(taps - down + 1) // 2, (taps - down) // 2] * 2
    return upfirdn2d(x, f, down=down, padding=padding, gain=gain)


def upsample2d_bilinear(x: Tensor) -> Tensor:
    """Enlarge x [B,C,H,W] twice, as `upsample2d` with the taps 1-3-3-1.

    It works in the dtype of x even under autocast: CPUs are slow at it in bf16.
    """
    taps = x.new_tensor(FIR_TAPS) / 4
    kernel = taps.outer(taps).expand(x.shape[1], 1, -1, -1)
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast(x.device.type, enabled=False):
        return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


def conv2d_resample(
    x: Tensor,
    w: Tensor,
    f: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int | Sequence[int] = 0,
    groups: int = 1,
    flip_weight: bool = True,
    bias: Tensor | None = None,
    cache: FrozenWeightCache | None = None,
) -> Tensor:
    """Convolve with `w` [O,I/groups,k,k] while resampling with the low-pass filter `f`.

    up, down     the size is multiplied by `up` and divided by `down`
    padding      in pixels of the enlarged input
    flip_weight  True is correlation, as in `F.conv2d`
    cache        of `w`, where it is frozen
    """
    taps = 1 if f is None else f.shape[-1]
    before = after = 0
    if up > 1:
        before += (taps + up - 1) // 2
        after += (taps - up) // 2
    if down > 1:
        before += (taps - down + 1) // 2
        after += (taps - down) // 2
    left, right, top, bottom = _four_paddings(padding)
    left, right, top, bottom = left + before, right + after, top + before, bottom + after

    k = w.shape[-1]
    if flip_weight == (up > 1):
        w = w.flip([2, 3])
    if up > 1:
        x = conv.conv_transpose2d(x, w, up, groups, cache)
        around = left - k + 1, right - k + up, top - k + 1, bottom - k + up
        if down == 1:
            return upfirdn2d(x, f, padding=around, gain=up**2, bias=bias)
        x = upfirdn2d(x, f, padding=around, gain=up**2)
        return upfirdn2d(x, f, down=down, bias=bias)
    if down > 1:
        x = upfirdn2d(x, f, padding=[left, right, top, bottom])
        return conv.plain_conv2d(x, w, bias, (down, down), groups=groups)
    x, remaining = _pad(x, (left, right, top, bottom))
    return conv.conv2d(x, w, bias, remaining, groups, cache)


def normalize_2nd_moment(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Scale x so that the mean of its squares along dim 1 is 1."""
    mean = x.square().mean(1, keepdim=True)
    return x * (mean + eps).rsqrt()


class FullyConnected(nn.Module):
    """Linear layer whose weights are stored at unit variance (equalized learning rate).

    It works in float32 even under autocast, unless `autocast` allows less.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str = "linear",
        lr_multiplier: float = 1.0,
        autocast: bool = False,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.activation = activation
        self.autocast = autocast
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,I] to [B,O]."""
        bias = self.bias * self.bias_gain
        if self.autocast:
            x = F.linear(x, self.weight * self.weight_gain, bias)
            return bias_act(x, act=self.activation)
        with torch.autocast(x.device.type, enabled=False):
            x = F.linear(x.float(), self.weight * self.weight_gain, bias)
            return bias_act(x, act=self.activation)


def register_resample_filter(module: nn.Module) -> None:
    """Give `module` the constant `resample_filter`; published files carry it, ours do not."""
    module.register_buffer("resample_filter", setup_filter(), persistent=False)
