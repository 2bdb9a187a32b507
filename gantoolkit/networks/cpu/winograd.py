"""3×3 convolutions of large maps with half the multiplications, on CPUs and without gradients.

Winograd's F(4,3) along the rows: four rows of output come of six rows of input by six 1×3 convolutions of
sums of rows, instead of by twelve. Lavin & Gray, “Fast Algorithms for Convolutional Neural Networks”, 2016; the
points ±1/√2 and ±√2 in place of their ±1 and ±2 round less.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache

LEAST = 128  # channels from which sums cost less than the products that they save
STRIP = (
    2**21
)  # numbers of a map that are worked on at a time, so that sums of rows stay in the caches
NEAR, FAR = 0.5**0.5, 2**0.5


def pays(x: Tensor, weight: Tensor) -> bool:
    """Whether `conv2d` is the faster way to convolve x [B,I,H,W] with weight [O,I,k,k] at padding 1."""
    return (
        weight.shape[2:] == (3, 3)
        and min(weight.shape[:2]) >= LEAST
        and x.shape[2] >= 32
        and x.shape[2] % 4 == 0
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not torch.is_grad_enabled()
    )


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, kept: FrozenWeightCache | None = None
) -> Tensor:
    """F.conv2d(x, weight, bias, padding=1), channels last in memory; `kept` holds what is made of the weight."""
    b, _, h, w = x.shape
    kernels = transformed(weight) if kept is None else kept(weight, "rows", transformed)
    rows = x.permute(0, 2, 3, 1)  # [B,H,W,I]
    out = x.new_empty(b, h // 4, 4, w, len(weight))
    step = max(1, STRIP // (4 * b * w * max(weight.shape[:2])))
    for first in range(0, h // 4, step):
        last = min(first + step, h // 4)
        strip = rows[:, max(4 * first - 1, 0) : 4 * last + 1]
        if first == 0 or last == h // 4:
            strip = F.pad(strip, (0, 0, 0, 0, int(first == 0), int(last == h // 4)))
        _convolve(strip, kernels, bias, out[:, first:last])
    return out.view(b, h, w, -1).permute(0, 3, 1, 2)


def _convolve(strip: Tensor, kernels: list[Tensor], bias: Tensor | None, out: Tensor) -> None:
    """Fill out [B,n,4,W,O] from the rows [B,4n+2,W,I] around it."""
    n, products = out.shape[1], [strip] * 6
    for number, rows in sums([strip[:, i : i + 4 * n - 3 : 4] for i in range(6)]):
        found = F.conv2d(rows.permute(0, 3, 1, 2), kernels[number], padding=(0, 1))
        products[number] = found.permute(0, 2, 3, 1)
    pixels(products, out.unbind(2), bias)


def transformed(weight: Tensor) -> list[Tensor]:
    """The six kernels [O,I,1,3]: the polynomial whose coefficients are the rows, at 0, ±1/√2, ±√2 and ∞."""
    top, middle, bottom = weight.split(1, 2)
    even, odd = (top + bottom / 2) / -1.5, middle * (NEAR / -1.5)
    wide, far = (top + 2 * bottom) / 6, middle * (FAR / 6)
    return [top, even + odd, even - odd, wide + far, wide - far, bottom]


def sums(x: list[Tensor], out=(None,) * 6) -> Iterator[tuple[int, Tensor]]:
    """What the six kernels are to multiply, from six numbers in a row; with the number of the kernel."""
    even, odd = torch.sub(x[4], x[2], alpha=2), torch.sub(x[3], x[1], alpha=2)
    yield 1, torch.add(even, odd, alpha=NEAR, out=out[1])
    yield 2, torch.sub(even, odd, alpha=NEAR, out=out[2])
    torch.sub(x[4], x[2], alpha=0.5, out=even)
    torch.sub(x[3], x[1], alpha=0.5, out=odd)
    yield 3, torch.add(even, odd, alpha=FAR, out=out[3])
    yield 4, torch.sub(even, odd, alpha=FAR, out=out[4])
    yield 0, torch.sub(x[4], x[2], alpha=2.5, out=out[0]).add_(x[0])
    yield 5, torch.sub(x[5], x[3], alpha=2.5, out=out[5]).add_(x[1])


def pixels(products, out, bias: Tensor | None = None) -> None:
    """Fill out, four numbers in a row, from the six products; these are changed. bias [O]."""
    zero, plus, minus, wide_plus, wide_minus, infinity = products
    near, far = plus + minus, wide_plus + wide_minus
    plus, wide_plus = plus.sub_(minus), wide_plus.sub_(wide_minus)
    bias = zero.new_zeros(()) if bias is None else bias
    torch.add(zero.add_(bias), near, out=out[0]).add_(far)
    torch.add(bias, plus, alpha=NEAR, out=out[1]).add_(wide_plus, alpha=FAR)
    torch.add(bias, near, alpha=NEAR**2, out=out[2]).add_(far, alpha=FAR**2)
    torch.add(infinity.add_(bias), plus, alpha=NEAR**3, out=out[3]).add_(wide_plus, alpha=FAR**3)
