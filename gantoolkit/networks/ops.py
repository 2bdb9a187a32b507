"""The operations of StyleGAN2 in plain torch: FIR resampling, biased activations, (modulated) convolutions.

They equal the published operations (Karras et al., “Analyzing and Improving the Image Quality of StyleGAN”,
2020, and its ADA release) up to the order of summation, need no compiled extension and run in bf16 autocast.
Feature maps are [B,C,H,W]; a filter is [k,k], or [k] where it is applied along both axes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.networks.cpu import conv, winograd_bf16
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache

FIR_TAPS = (1, 3, 3, 1)  # the low-pass filter of every StyleGAN2 layer
SQRT2 = math.sqrt(2.0)

# name → (function(x, alpha), default alpha, default gain)
ACTIVATIONS = {
    "linear": (lambda x, a: x, 0.0, 1.0),
    "relu": (lambda x, a: F.relu(x), 0.0, SQRT2),
    "lrelu": (lambda x, a: F.leaky_relu(x, a), 0.2, SQRT2),
    "tanh": (lambda x, a: torch.tanh(x), 0.0, 1.0),
    "sigmoid": (lambda x, a: torch.sigmoid(x), 0.0, 1.0),
    "elu": (lambda x, a: F.elu(x), 0.0, 1.0),
    "selu": (lambda x, a: F.selu(x), 0.0, 1.0),
    "softplus": (lambda x, a: F.softplus(x), 0.0, 1.0),
    "swish": (lambda x, a: torch.sigmoid(x) * x, 0.0, SQRT2),
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
    """clamp(gain · act(x + bias)); `bias` lies along `dim`, defaults come from ACTIVATIONS."""
    function, default_alpha, default_gain = ACTIVATIONS[act]
    if bias is not None:
        x = x + bias.to(x.dtype).reshape([-1 if i == dim else 1 for i in range(x.ndim)])
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
    """A filter for `upfirdn2d` from 1-D or 2-D taps; 1-D taps stay separable from 8 taps on."""
    f = torch.atleast_1d(torch.as_tensor(1 if taps is None else taps, dtype=torch.float32))
    if separable is None:
        separable = f.ndim == 1 and f.numel() >= 8
    if f.ndim == 1 and not separable:
        f = f.outer(f)
    if normalize:
        f = f / f.sum()
    if flip_filter:
        f = f.flip(list(range(f.ndim)))
    return f * gain ** (f.ndim / 2)


def _pair(value) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _padding(value) -> tuple[int, int, int, int]:
    """(left, right, top, bottom) from one number, (x, y) or all four."""
    if isinstance(value, int):
        return (value,) * 4
    return (value[0], value[0], value[1], value[1]) if len(value) == 2 else tuple(value)


def _framed(x: Tensor, padding: tuple[int, int, int, int]) -> tuple[Tensor, tuple[int, int]]:
    """x, and the padding (y, x) that a convolution adds itself where both sides agree, or x padded."""
    left, right, top, bottom = padding
    if (left, top) == (right, bottom) and min(left, top) >= 0:
        return x, (top, left)
    return F.pad(x, padding), (0, 0)


def upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    up=1,
    down=1,
    padding=0,
    flip_filter: bool = False,
    gain: float = 1.0,
    bias: Tensor | None = None,
) -> Tensor:
    """Insert zeros (`up`, one number or (x, y)), pad or crop, convolve with `f` (`flip_filter` correlates instead),
    keep every `down`-th pixel, add `bias` [C].
    """
    (up_x, up_y), (down_x, down_y) = _pair(up), _pair(down)
    b, c, h, w = x.shape
    if up_x > 1 or up_y > 1:
        x = F.pad(x.reshape(b, c, h, 1, w, 1), (0, up_x - 1, 0, 0, 0, up_y - 1))
        x = x.reshape(b, c, h * up_y, w * up_x)
    if f is None:
        x = F.pad(x, _padding(padding))[:, :, ::down_y, ::down_x]
        return x * gain if gain != 1 else x
    x, (pad_y, pad_x) = _framed(x, _padding(padding))
    f = (f * gain ** (f.ndim / 2)).to(x.dtype)
    f = f if flip_filter else f.flip(list(range(f.ndim)))
    if f.ndim == 2:
        return conv.plain(x, f.expand(c, 1, *f.shape), bias, (down_y, down_x), (pad_y, pad_x), c)
    x = conv.plain(x, f.view(1, 1, 1, -1).expand(c, 1, 1, -1), None, (1, down_x), (0, pad_x), c)
    return conv.plain(x, f.view(1, 1, -1, 1).expand(c, 1, -1, 1), bias, (down_y, 1), (pad_y, 0), c)


def filter2d(x: Tensor, f: Tensor, flip_filter: bool = False, gain: float = 1.0) -> Tensor:
    """Filter without changing the size."""
    k = f.shape[-1]
    return upfirdn2d(x, f, padding=[k // 2, (k - 1) // 2] * 2, flip_filter=flip_filter, gain=gain)


def upsample2d(x: Tensor, f: Tensor, up: int = 2, gain: float = 1.0) -> Tensor:
    """Enlarge `up` times, centred (even filters shift by nothing)."""
    k = f.shape[-1]
    pad = [(k + up - 1) // 2, (k - up) // 2] * 2
    return upfirdn2d(x, f, up=up, padding=pad, gain=gain * up**2)


def downsample2d(x: Tensor, f: Tensor, down: int = 2, gain: float = 1.0) -> Tensor:
    """Shrink `down` times, centred."""
    k = f.shape[-1]
    return upfirdn2d(x, f, down=down, padding=[(k - down + 1) // 2, (k - down) // 2] * 2, gain=gain)


def double(x: Tensor) -> Tensor:
    """`upsample2d` by 2 with the taps 1-3-3-1.

    These taps are bilinear interpolation, except that the border fades to 0: hence the zero frame.
    """
    x = F.interpolate(F.pad(x, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return x[:, :, 2:-2, 2:-2]


def conv2d_resample(
    x: Tensor,
    w: Tensor,
    f: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding=0,
    groups: int = 1,
    flip_weight: bool = True,
    bias: Tensor | None = None,
    kept: FrozenWeightCache | None = None,
) -> Tensor:
    """Convolve with `w` [O,I/groups,k,k] while enlarging or shrinking with the low-pass filter `f`.

    `padding` counts in pixels of the enlarged input; `flip_weight=True` is correlation, as in `F.conv2d`.
    """
    left, right, top, bottom = _padding(padding)
    k, taps = w.shape[-1], 1 if f is None else f.shape[-1]
    before = (taps + up - 1) // 2 * (up > 1) + (taps - down + 1) // 2 * (down > 1)
    after = (taps - up) // 2 * (up > 1) + (taps - down) // 2 * (down > 1)
    left, right, top, bottom = left + before, right + after, top + before, bottom + after
    w = w if flip_weight != (up > 1) else w.flip([2, 3])
    if up > 1:
        x = conv.transposed(x, w, up, groups, kept)
        around = left - k + 1, right - k + up, top - k + 1, bottom - k + up
        x = upfirdn2d(x, f, padding=around, gain=up**2, bias=bias if down == 1 else None)
        return upfirdn2d(x, f, down=down, bias=bias) if down > 1 else x
    if down > 1:
        x = upfirdn2d(x, f, padding=[left, right, top, bottom])
        return conv.plain(x, w, bias, (down, down), groups=groups)
    x, pad = _framed(x, (left, right, top, bottom))
    return conv.conv2d(x, w, bias, pad, groups, kept)


def conv_weight(out_channels: int, in_channels: int, kernel: int, up: int = 1) -> nn.Parameter:
    """Normal weights [O,I,k,k], in memory channels last, and the input channels first where it enlarges."""
    shape = (in_channels, out_channels) if up > 1 else (out_channels, in_channels)
    weight = torch.randn(*shape, kernel, kernel).contiguous(memory_format=torch.channels_last)
    return nn.Parameter(weight.transpose(0, 1) if up > 1 else weight)


def energy(weight: Tensor) -> Tensor:
    """‖w‖² over the taps of a kernel [I,O], in float32."""
    turned = weight.stride(0) < weight.stride(1)
    # sums are fast in the order of memory, in parts that fit a cache
    parts = (weight.transpose(0, 1) if turned else weight).split(64)
    found = torch.cat([part.float().square().sum([2, 3]) for part in parts])
    return found if turned else found.t()


def demodulation(energies: Tensor, styles: Tensor) -> Tensor:
    """1 / ‖w·s‖ for each sample and output channel [B,O], in float32; `energies` [I,O] of the weight."""
    return (styles.float().square() @ energies + 1e-8).rsqrt()


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    noise: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding=0,
    f: Tensor | None = None,
    demodulate: bool = True,
    flip_weight: bool = True,
    bias: Tensor | None = None,
    gain: float = 1.0,
    kept: FrozenWeightCache | None = None,
) -> Tensor:
    """Convolution with gain·weight·styles (of norm `gain` per output channel when `demodulate`), noise, bias.

    Input channels are scaled before and output channels after one shared convolution, which equals per-sample
    weights. A single sample's scales go into the weights where these are fewer numbers, unless that costs a second
    convolution for their gradient, or what is kept of the plain ones. weight [O,I,k,k], styles [B,I], noise
    broadcastable to the output, bias [O]; `kept` holds what follows from the weight alone.
    """
    how, scale = (
        dict(f=f, up=up, down=down, padding=padding, flip_weight=flip_weight),
        styles.new_tensor([[gain]]),
    )
    if demodulate:
        scale = scale * demodulation(
            kept(weight, "energy", energy) if kept else energy(weight), styles
        )
    plain = torch.is_grad_enabled() or up == down == 1 and winograd_bf16.pays(x, weight, kept)
    if len(x) == 1 and weight.numel() < x.numel() and (weight.shape[-1] == 1 or not plain):
        weight = weight * (styles[0, :, None, None] * scale[0, :, None, None, None])
        x = conv2d_resample(x, weight, bias=bias, **how)
        return x if noise is None else x.add_(noise.to(x.dtype))
    x = conv2d_resample(x * styles.to(x.dtype)[:, :, None, None], weight, kept=kept, **how)
    scale = scale.to(x.dtype)[:, :, None, None]
    if torch.is_grad_enabled() or noise is None:
        return torch.addcmul(_shift(bias, noise, x), x, scale)
    return torch.addcmul(_shift(bias, None, x), x, scale).add_(noise.to(x.dtype))


def _shift(bias: Tensor | None, noise: Tensor | None, x: Tensor) -> Tensor:
    """bias + noise, broadcastable to x [B,O,H,W] and, like it, with channels last in memory."""
    if noise is None:
        return x.new_zeros(()) if bias is None else bias.to(x.dtype)[:, None, None]
    if bias is None:
        return noise.to(x.dtype)
    noise = noise if noise.ndim > 2 else noise[None]
    return (noise.movedim(-3, -1) + bias).to(x.dtype).movedim(-1, -3)


def normalize_2nd_moment(x: Tensor, eps: float = 1e-8) -> Tensor:
    """x scaled so that the mean of its squares along dim 1 is 1."""
    return x * (x.square().mean(1, keepdim=True) + eps).rsqrt()


class FullyConnected(nn.Module):
    """Linear layer whose weights are stored at unit variance (equalised learning rate).

    In float32 even under autocast, unless `autocast` allows it.
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
        self.activation, self.autocast = activation, autocast
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        bias = self.bias * self.bias_gain
        if self.autocast:
            return bias_act(F.linear(x, self.weight * self.weight_gain, bias), act=self.activation)
        with torch.autocast(x.device.type, enabled=False):
            return bias_act(
                F.linear(x.float(), self.weight * self.weight_gain, bias), act=self.activation
            )


def fir_buffer(module: nn.Module) -> None:
    """Give `module` the constant `resample_filter`; published files carry it, ours do not."""
    module.register_buffer("resample_filter", setup_filter(), persistent=False)
