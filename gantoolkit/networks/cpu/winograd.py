"""3×3 convolutions of large maps with half the multiplications, on CPUs and without gradients.

Winograd's F(4,3) along the rows: four rows of output come from six rows of input by six 1×3
convolutions of sums of rows, instead of by twelve. Lavin & Gray, “Fast Algorithms for Convolutional
Neural Networks”, 2016; the points ±1/√2 and ±√2 in place of their ±1 and ±2 round less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache

MIN_CHANNELS = 128  # from which the transforms cost less than the products that they save
MIN_HEIGHT = 32
STRIP = 2**21  # elements of a map to work on at a time, so that sums of rows stay in the caches
NEAR, FAR = 0.5**0.5, 2**0.5  # the points, with either sign


def is_profitable(x: Tensor, weight: Tensor) -> bool:
    """Say whether `conv2d` is the faster way for x [B,I,H,W], weight [O,I,k,k] and padding 1."""
    return (
        weight.shape[2:] == (3, 3)
        and min(weight.shape[:2]) >= MIN_CHANNELS
        and x.shape[2] >= MIN_HEIGHT
        and x.shape[2] % 4 == 0
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not torch.is_grad_enabled()
    )


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, cache: FrozenWeightCache | None = None
) -> Tensor:
    """Convolve as F.conv2d(x, weight, bias, padding=1), channels last in memory.

    cache  of `weight`, for its transform
    """
    batch, _, height, width = x.shape
    if cache is None:
        kernels = filter_transform(weight)
    else:
        kernels = cache(weight, "winograd", filter_transform)

    rows = x.permute(0, 2, 3, 1)  # [B,H,W,I]
    blocks = height // 4
    out = x.new_empty(batch, blocks, 4, width, len(weight))
    block_elements = 4 * batch * width * max(weight.shape[:2])
    step = max(1, STRIP // block_elements)
    for first in range(0, blocks, step):
        last = min(first + step, blocks)
        strip = rows[:, max(4 * first - 1, 0) : 4 * last + 1]
        at_top, at_bottom = first == 0, last == blocks
        if at_top or at_bottom:
            strip = F.pad(strip, (0, 0, 0, 0, int(at_top), int(at_bottom)))
        _convolve(strip, kernels, bias, out[:, first:last])
    return out.view(batch, height, width, -1).permute(0, 3, 1, 2)


def _convolve(
    strip: Tensor,
    kernels: list[Tensor],
    bias: Tensor | None,
    out: Tensor,
) -> None:
    """Fill out [B,n,4,W,O] from the rows [B,4n+2,W,I] around it."""
    blocks = out.shape[1]
    span = 4 * blocks - 3
    inputs = [strip[:, i : i + span : 4] for i in range(6)]
    products = [strip] * 6
    for index, rows in data_transform(inputs):
        channels_first = rows.permute(0, 3, 1, 2)
        product = F.conv2d(channels_first, kernels[index], padding=(0, 1))
        products[index] = product.permute(0, 2, 3, 1)
    inverse_transform(products, out.unbind(2), bias)


def filter_transform(weight: Tensor) -> list[Tensor]:
    """Return the six kernels [O,I,1,3] of weight [O,I,3,3].

    They are values of the polynomial whose coefficients are the rows, at 0, ±1/√2, ±√2 and ∞.
    """
    top, middle, bottom = weight.split(1, 2)
    near_even = (top + bottom / 2) / -1.5
    near_odd = middle * (NEAR / -1.5)
    far_even = (top + 2 * bottom) / 6
    far_odd = middle * (FAR / 6)
    return [
        top,
        near_even + near_odd,
        near_even - near_odd,
        far_even + far_odd,
        far_even - far_odd,
        bottom,
    ]


def data_transform(
    x: Sequence[Tensor], out: Sequence[Tensor | None] = (None,) * 6
) -> Iterator[tuple[int, Tensor]]:
    """Yield (index of the kernel, what it multiplies) for six successive rows or columns.

    out  where to write them, by index
    """
    even = torch.sub(x[4], x[2], alpha=2)
    odd = torch.sub(x[3], x[1], alpha=2)
    yield 1, torch.add(even, odd, alpha=NEAR, out=out[1])
    yield 2, torch.sub(even, odd, alpha=NEAR, out=out[2])

    torch.sub(x[4], x[2], alpha=0.5, out=even)
    torch.sub(x[3], x[1], alpha=0.5, out=odd)
    yield 3, torch.add(even, odd, alpha=FAR, out=out[3])
    yield 4, torch.sub(even, odd, alpha=FAR, out=out[4])

    zero = torch.sub(x[4], x[2], alpha=2.5, out=out[0])
    yield 0, zero.add_(x[0])
    infinity = torch.sub(x[5], x[3], alpha=2.5, out=out[5])
    yield 5, infinity.add_(x[1])


def inverse_transform(
    products: Sequence[Tensor], out: Sequence[Tensor], bias: Tensor | None = None
) -> None:
    """Fill four successive rows or columns `out` from the six products, which are changed.

    bias  [O]
    """
    zero, near_plus, near_minus, far_plus, far_minus, infinity = products
    if bias is None:
        bias = zero.new_zeros(())
    near_even = near_plus + near_minus
    far_even = far_plus + far_minus
    near_odd = near_plus.sub_(near_minus)
    far_odd = far_plus.sub_(far_minus)

    torch.add(zero.add_(bias), near_even, out=out[0])
    out[0].add_(far_even)
    torch.add(bias, near_odd, alpha=NEAR, out=out[1])
    out[1].add_(far_odd, alpha=FAR)
    torch.add(bias, near_even, alpha=NEAR**2, out=out[2])
    out[2].add_(far_even, alpha=FAR**2)
    torch.add(infinity.add_(bias), near_odd, alpha=NEAR**3, out=out[3])
    out[3].add_(far_odd, alpha=FAR**3)
