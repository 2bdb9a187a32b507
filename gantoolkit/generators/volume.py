"""Volume rendering of tri-planes: where to sample a ray, what is there, how light adds up along it.

Chan et al., “Efficient Geometry-aware 3D Generative Adversarial Networks” (EG3D), 2022. M rays with
D samples each; depths [B,M,D,1] are distances along unit directions. Random numbers are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from torch.autograd.function import once_differentiable

# Which two of (x, y, z) address each plane. EG3D's third plane repeats the second, transposed; all
# published weights were trained with it. 'fixed' has the plane that was meant.
PLANE_AXES = {"eg3d": ((0, 1), (0, 2), (2, 0)), "fixed": ((0, 1), (0, 2), (2, 1))}


class TriPlanes:
    """Tri-planes [B,3,C,R,R] in the order in which points read them.

    box_warp  side of the centered box that the planes span, in world units
    axes      a name of PLANE_AXES

    Planes that are channels last in memory are not copied. Of the same two axes, they become one,
    their sum.
    """

    def __init__(self, planes: Tensor, box_warp: float = 1.0, axes: str = "eg3d"):
        self.size = planes.shape[-1]
        self.box_warp = box_warp
        self.mean_of = planes.shape[1]
        channels_last = planes.permute(0, 3, 4, 1, 2)  # [B,v,u,planes,C]
        sums: dict[tuple[int, int], Tensor] = {}  # axes (u, v) → sum of the planes with them
        for (u, v), plane in zip(PLANE_AXES[axes], channels_last.unbind(3), strict=True):
            if (v, u) in sums:
                sums[v, u] = sums[v, u] + plane.transpose(1, 2)
            else:
                sums[u, v] = plane
        if len(sums) < self.mean_of:
            channels_last = torch.stack(list(sums.values()), 3)
        self.axes = list(sums)
        self.table = channels_last.reshape(-1, planes.shape[2])  # [B·R·R·K,C]

    def __call__(self, points: Tensor) -> Tensor:
        """Return the mean over the planes of bilinear features [B,P,C] at points [B,P,3].

        Outside the box they are zero.
        """
        b, p, _ = points.shape
        size, count = self.size, len(self.axes)
        place = points * (size / self.box_warp) + (size - 1) / 2  # in pixels
        low = place.detach().floor().clamp(0, size - 2)
        # Bilinear weights of the pixels `low` and `low + 1`, tents: zero from a pixel's distance on
        weight_low = (1 - (place - low).abs()).clamp(min=0)
        weight_high = (1 - (place - low - 1).abs()).clamp(min=0)

        horizontal, vertical = torch.tensor(self.axes, device=points.device).t()
        left = weight_low.index_select(2, horizontal)  # [B,P,K]
        right = weight_high.index_select(2, horizontal)
        upper = weight_low.index_select(2, vertical) / self.mean_of
        lower = weight_high.index_select(2, vertical) / self.mean_of
        corner_weights = [upper * left, upper * right, lower * left, lower * right]
        weights = torch.stack(corner_weights, 3).to(self.table.dtype)
        corners = (0, count, size * count, size * count + count)  # rows of the table behind a cell

        pixel = low.int()
        cells = pixel.index_select(2, vertical) * size + pixel.index_select(2, horizontal)
        samples = torch.arange(b, dtype=cells.dtype, device=cells.device)[:, None, None]
        planes = torch.arange(count, dtype=cells.dtype, device=cells.device)
        cells = (samples * size**2 + cells) * count + planes  # rows of the upper left corners
        features = CornerSum.apply(self.table, cells.flatten(0, 1), weights.flatten(0, 1), corners)
        return features.view(b, p, -1)


class CornerSum(torch.autograd.Function):
    """Σ_k Σ_c weights[n,k,c] · table[cells[n,k] + corners[c]]: [R,C], [N,K], [N,K,4] → [N,C].

    The gradient of the table adds up the points of each cell first, for which sorting the cells
    once is several times faster than adding to rows in the points' order.
    """

    @staticmethod
    def forward(
        ctx, table: Tensor, cells: Tensor, weights: Tensor, corners: Sequence[int]
    ) -> Tensor:
        """Add up K cells of four corners per point; `cells` are int32."""
        ctx.save_for_backward(table, cells, weights)
        ctx.corners = corners
        rows = cells[:, :, None] + torch.tensor(corners, dtype=cells.dtype, device=cells.device)
        return F.embedding_bag(
            rows.flatten(1), table, mode="sum", per_sample_weights=weights.flatten(1)
        )

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, None, Tensor | None, None]:
        """Return the gradients of the table and of the weights."""
        table, cells, weights = ctx.saved_tensors
        gradient = gradient.contiguous()
        table_gradient = weights_gradient = None
        if ctx.needs_input_grad[0]:
            table_gradient = corner_sum_gradient(gradient, cells, weights, ctx.corners, len(table))
        if ctx.needs_input_grad[2]:
            products = [
                (table[cells.long() + corner] * gradient[:, None]).sum(-1) for corner in ctx.corners
            ]
            weights_gradient = torch.stack(products, -1)
        return table_gradient, None, weights_gradient, None


def corner_sum_gradient(
    gradient: Tensor, cells: Tensor, weights: Tensor, corners: Sequence[int], rows: int
) -> Tensor:
    """Return the gradient [rows,C] of the table of `CornerSum`."""
    sorted_cells, order = cells.flatten().sort()
    all_cells = torch.arange(rows, dtype=cells.dtype, device=cells.device)
    starts = torch.searchsorted(sorted_cells, all_cells)  # where the points of each cell start
    points = order // cells.shape[1]
    weights = weights.flatten(0, 1).index_select(0, order)
    table_gradient = gradient.new_zeros(rows, gradient.shape[1])
    for corner, corner_weights in zip(corners, weights.unbind(1), strict=True):
        sums = F.embedding_bag(
            points, gradient, starts, mode="sum", per_sample_weights=corner_weights.contiguous()
        )
        table_gradient[corner:].add_(sums[: rows - corner])
    return table_gradient


def stratified_depths(
    near: float | Tensor, far: float | Tensor, samples: int, jitter: Tensor, disparity: bool = False
) -> Tensor:
    """Return evenly spaced depths [B,M,D,1], each moved on by `jitter` of a step.

    samples    D
    jitter     [B,M,D,1] in 0..1
    near, far  numbers, or one limit per ray [B,M,1]
    disparity  space evenly in 1/depth
    """
    step = 1 / (samples - 1)
    per_ray = isinstance(near, Tensor)
    if per_ray:
        near = near[..., None, :]
        far = far[..., None, :]
    if disparity:
        place = torch.linspace(0, 1, samples, device=jitter.device)[:, None] + jitter * step
        return 1 / (1 / near * (1 - place) + 1 / far * place)
    if per_ray:
        place = torch.arange(samples, device=jitter.device)[:, None] * step
        even = near + place * (far - near)
    else:
        even = torch.linspace(near, far, samples, device=jitter.device)[:, None]
    return even + jitter * ((far - near) * step)


def box_limits(origins: Tensor, directions: Tensor, side: float) -> tuple[Tensor, Tensor]:
    """Return where rays [B,M,3] enter and leave the centered cube, near and far [B,M,1].

    A miss is (−1, −2).
    """
    to_low = (-side / 2 - origins) / directions
    to_high = (side / 2 - origins) / directions
    near = torch.minimum(to_low, to_high).amax(-1, keepdim=True)
    far = torch.maximum(to_low, to_high).amin(-1, keepdim=True)
    miss = near > far
    return near.masked_fill(miss, -1), far.masked_fill(miss, -2)


def auto_limits(origins: Tensor, directions: Tensor, side: float) -> tuple[Tensor, Tensor]:
    """Return `box_limits`, but rays that miss get limits of those that hit.

    These are the smallest and the largest near limit. The second is EG3D's own choice: its far
    limit of a miss is a maximum of near limits.
    """
    near, far = box_limits(origins, directions, side)
    hit = far > near
    if not hit.any():
        return near, far
    start = near[hit].min()
    end = near[hit].max()
    return torch.where(hit, near, start), torch.where(hit, far, end)


def sample_pdf(bins: Tensor, weights: Tensor, u: Tensor, eps: float = 1e-5) -> Tensor:
    """Invert the distribution function of weights [N,K] on bins [N,≥K+1], at u [N,S].

    It is piecewise linear. With u uniform in 0..1, the result [N,S] is distributed as the weights.
    """
    pdf = weights + eps
    cdf = torch.cumsum(pdf / pdf.sum(-1, keepdim=True), -1)
    cdf = F.pad(cdf, (1, 0))  # [N,K+1]
    place = torch.searchsorted(cdf, u.contiguous(), right=True)
    below = (place - 1).clamp(min=0)
    above = place.clamp(max=weights.shape[1])

    cdf_low = cdf.gather(1, below)
    cdf_high = cdf.gather(1, above)
    low = bins.gather(1, below)
    high = bins.gather(1, above)
    step = cdf_high - cdf_low
    step = torch.where(step < eps, torch.ones_like(step), step)
    return low + (u - cdf_low) / step * (high - low)


@torch.no_grad()
def importance_depths(depths: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    """Return more depths [B,M,S,1] where the coarse weights [B,M,D−1,1] are large.

    u [B·M,S] in 0..1 decides where. The weights are smoothed first (mip-NeRF, Eq. 18).
    """
    b, m, _, _ = depths.shape
    depths = rearrange(depths, "b m d 1 -> (b m) d")
    weights = rearrange(weights, "b m intervals 1 -> (b m) 1 intervals")
    weights = F.avg_pool1d(F.max_pool1d(weights, 2, 1, padding=1), 2, 1)[:, 0] + 0.01
    middles = (depths[:, 1:] + depths[:, :-1]) / 2
    return sample_pdf(middles, weights[:, 1:-1], u).reshape(b, m, -1, 1)


def merge_samples(
    depths: Tensor, densities: Tensor, fine_depths: Tensor, fine_densities: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return depths and densities [B,M,·,1] of both sets of samples by depth, and their order."""
    depths, order = torch.cat([depths, fine_depths], 2).sort(2)
    densities = torch.cat([densities, fine_densities], 2).gather(2, order)
    return depths, densities, order


def ray_weights(depths: Tensor, densities: Tensor) -> Tensor:
    """Return the share of light [B,M,D−1,1] that each interval adds.

    It is T·(1 − exp(−σδ)), with σ = softplus(mean density − 1), δ the length of the interval, and T
    what passes the intervals before.
    """
    sigma = F.softplus((densities[:, :, :-1] + densities[:, :, 1:]) / 2 - 1)
    optical_depth = sigma * (depths[:, :, 1:] - depths[:, :, :-1])
    before = torch.cumsum(optical_depth, 2) - optical_depth
    transmittance = torch.exp(-before)
    alpha = 1 - torch.exp(-optical_depth)
    return transmittance * alpha  # exactly 0 where next to nothing is hit


class WeightedMean(torch.autograd.Function):
    """Σ_d weights[b,m,d,1] · colors[b,m,d,c]: [B,M,C].

    A matrix product forward; backward, products of numbers, which are several times faster here
    than matrix products.
    """

    @staticmethod
    def forward(ctx, weights: Tensor, colors: Tensor) -> Tensor:
        """Add up the colors along each ray."""
        ctx.save_for_backward(weights, colors)
        with torch.autocast(colors.device.type, enabled=False):
            return (weights.transpose(2, 3) @ colors)[:, :, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of weights and colors."""
        weights, colors = ctx.saved_tensors
        with torch.autocast(colors.device.type, enabled=False):
            weights_gradient = colors @ gradient[..., None]
        return weights_gradient, weights * gradient[:, :, None]


def march(
    depths: Tensor,
    colors: Tensor,
    densities: Tensor,
    white_back: bool = False,
    order: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Add up the light along rays: color [B,M,C] in −1..1, mean depth [B,M,1], and the weights.

    An interval has the mean color of its ends. The depth is not clamped; it is inf where nothing is
    hit.

    white_back  white background instead of black
    order       from `merge_samples`, if `colors` are not in the order of `depths`
    """
    weights = ray_weights(depths, densities)
    total = weights.sum(2)
    # Of samples, not of intervals: half of the interval before, and half of the one behind.
    sample_weights = (F.pad(weights, (0, 0, 1, 0)) + F.pad(weights, (0, 0, 0, 1))) / 2
    if order is not None:
        sample_weights = torch.zeros_like(sample_weights).scatter(2, order, sample_weights)
    rgb = WeightedMean.apply(sample_weights, colors)
    middle = (depths[:, :, :-1] + depths[:, :, 1:]) / 2
    depth = torch.nan_to_num((weights * middle).sum(2) / total, float("inf"))
    if white_back:
        rgb = rgb + 1 - total
    return rgb * 2 - 1, depth, weights
