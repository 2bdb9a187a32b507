"""3×3 convolutions of large maps with half the multiplications, on CPUs and without gradients.

Winograd's F(4,3) along the rows: four rows of output come of six rows of input by six 1×3 convolutions of
sums of rows, instead of by twelve. Lavin & Gray, “Fast Algorithms for Convolutional Neural Networks”, 2016.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.networks import onednn
from gantoolkit.networks.prepared import Prepared

LEAST = 128  # channels from which sums cost less than the products that they save
STRIP = 2**21  # numbers of a map that are worked on at a time, so that sums of rows stay in the caches


def pays(x: Tensor, weight: Tensor) -> bool:
    """Whether `conv2d` is the faster way to convolve x [B,I,H,W] with weight [O,I,k,k] at padding 1."""
    return (weight.shape[2:] == (3, 3) and min(weight.shape[:2]) >= LEAST and x.shape[2] >= 32
            and x.shape[2] % 4 == 0 and weight.dtype == torch.float32 and onednn.serves(x))


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, kept: Prepared | None = None) -> Tensor:
    """F.conv2d(x, weight, bias, padding=1), channels last in memory; `kept` holds what is made of the weight."""
    dtype, (b, _, h, w) = onednn.precision(x), x.shape
    kernels = (kept or Prepared())(weight, ("winograd", dtype), lambda w: [k.to(dtype) for k in transformed(w)])
    rows, bias = x.to(dtype).permute(0, 2, 3, 1), None if bias is None else bias.to(dtype)  # [B,H,W,I]
    out = rows.new_empty(b, h // 4, 4, w, len(weight))
    step = max(1, STRIP // (4 * b * w * max(weight.shape[:2])))
    for first in range(0, h // 4, step):
        last = min(first + step, h // 4)
        strip = rows[:, max(4 * first - 1, 0):4 * last + 1]
        if first == 0 or last == h // 4:
            strip = F.pad(strip, (0, 0, 0, 0, int(first == 0), int(last == h // 4)))
        _convolve(strip, kernels, bias, out[:, first:last])
    return out.view(b, h, w, -1).permute(0, 3, 1, 2)


def transformed(weight: Tensor) -> list[Tensor]:
    """The six kernels [O,I,1,3]: the polynomial whose coefficients are the rows, at 0, 1, −1, 2, −2 and ∞."""
    top, middle, bottom = weight.split(1, 2)
    even, odd = (top + bottom) / -6, middle / -6
    wide, far = (top + 4 * bottom) / 24, middle / 12
    return [top / 4, even + odd, even - odd, wide + far, wide - far, bottom]


def _convolve(strip: Tensor, kernels: list[Tensor], bias: Tensor | None, out: Tensor) -> None:
    """Fill out [B,n,4,W,O] from the rows [B,4n+2,W,I] around it."""
    n = out.shape[1]
    row = [strip[:, i:i + 4 * n - 3:4] for i in range(6)]

    def product(rows: Tensor, number: int, bias: Tensor | None = None) -> Tensor:
        return F.conv2d(rows.permute(0, 3, 1, 2), kernels[number], bias, padding=(0, 1)).permute(0, 2, 3, 1)

    even, odd = row[4] - row[2], row[3] - row[1]
    far = product(torch.add(even, odd, alpha=2), 3), product(torch.sub(even, odd, alpha=2), 4)
    even = even.sub_(row[2], alpha=3)
    odd = odd.sub_(row[1], alpha=3)
    near = product(even + odd, 1, bias), product(even - odd, 2)
    zero = product(torch.sub(row[4], row[2], alpha=5).add_(row[0], alpha=4), 0)
    infinity = product(torch.sub(row[5], row[3], alpha=5).add_(row[1], alpha=4), 5)
    near, far = (near[0] + near[1], near[0] - near[1]), (far[0] + far[1], far[0] - far[1])
    torch.add(zero, near[0], out=out[:, :, 0]).add_(far[0])
    torch.add(near[1], far[1], alpha=2, out=out[:, :, 1])
    torch.add(near[0], far[0], alpha=4, out=out[:, :, 2])
    torch.add(infinity, near[1], out=out[:, :, 3]).add_(far[1], alpha=8)

