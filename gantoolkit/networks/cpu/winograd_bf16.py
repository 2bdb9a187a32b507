"""3×3 convolutions in bf16 with a quarter of the multiplications: of frozen weights, on CPUs, without gradients.

Winograd's F(4×4,3×3): 4×4 pixels come of 6×6 by 36 products of sums instead of 144. Rounded to bf16, these come
within 1 to 2 % of the result's spread, as against 0.2 % of a plain convolution.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.networks.cpu import onednn, winograd
from gantoolkit.networks.cpu.weight_cache import FrozenWeightCache, is_cacheable

LEAST, SMALLEST = (
    256,
    32,
)  # channels and pixels from which sums cost less than the products that they save
STRIP = 2**22  # numbers of the sums that are worked on at a time


def pays(x: Tensor, weight: Tensor, kept: FrozenWeightCache | None) -> bool:
    """Whether `conv2d` is the faster way; to make its kernels takes longer than they save in one pass."""
    return (
        kept is not None
        and weight.shape[2:] == (3, 3)
        and min(weight.shape[:2]) >= LEAST
        and x.shape[2] >= SMALLEST
        and x.shape[2] % 4 == x.shape[3] % 4 == 0
        and is_cacheable(weight)
        and onednn.precision(x) == torch.bfloat16
        and onednn.serves(x)
    )


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, kept: FrozenWeightCache) -> Tensor:
    """F.conv2d(x, weight, bias, padding=1) of x [B,I,H,W], channels last in memory."""
    b, _, h, w = x.shape
    kernels, o = kept(weight, "squares", squares), len(weight)
    rows = F.pad(x.to(torch.bfloat16).permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))  # [B,H+2,W+2,I]
    out = rows.new_empty(b, h // 4, 4, w // 4, 4, o)
    step = max(1, STRIP // (9 * b * w * max(weight.shape[:2])))
    for first in range(0, h // 4, step):
        last = min(first + step, h // 4)
        sums = spread(rows[:, 4 * first : 4 * last + 2])
        products = torch.bmm(sums.flatten(2, 4).flatten(0, 1), kernels).view(*sums.shape[:-1], o)
        gather(products, out[:, first:last])
    out = out.view(b, h, w, o).permute(0, 3, 1, 2)
    return out if bias is None else out.add_(bias.to(out.dtype)[:, None, None])


def squares(weight: Tensor) -> Tensor:
    """The kernels [36,I,O] in bf16: for each of six sums of rows, six of columns."""
    made = weight.new_empty(6, 6, *weight.shape[1::-1], dtype=torch.bfloat16)
    for row, kernel in enumerate(winograd.transformed(weight)):  # [O,I,1,3]
        for column, number in enumerate(winograd.transformed(kernel.transpose(2, 3))):  # [O,I,1,1]
            made[row, column] = number[:, :, 0, 0].t()
    return made.flatten(0, 1)


def spread(strip: Tensor) -> Tensor:
    """Sums [6,6,B,n,m,I] of the squares of 6×6 pixels, 4 apart, of [B,4n+2,4m+2,I]."""
    b, height, width, i = strip.shape
    n, m = height // 4, width // 4
    across = strip.new_empty(b, height, 6, m, i)
    _fill([strip[:, :, k : k + 4 * m - 3 : 4] for k in range(6)], across.unbind(2))
    sums = strip.new_empty(6, 6, b, n, m, i)
    _fill(
        [across[:, k : k + 4 * n - 3 : 4] for k in range(6)],
        [s.permute(1, 2, 0, 3, 4) for s in sums],
    )
    return sums


def _fill(x: list[Tensor], out) -> None:
    for _ in winograd.sums(x, out):
        pass


def gather(products: Tensor, out: Tensor) -> None:
    """Fill out [B,n,4,m,4,O] from products [6,6,B,n,m,O], which are changed."""
    rows = products.new_empty(4, *products.shape[1:])
    winograd.pixels(products, rows)
    for i, row in enumerate(rows):
        winograd.pixels(row, [out[:, :, i, :, k] for k in range(4)])
