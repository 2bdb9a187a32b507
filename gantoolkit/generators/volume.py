"""Volume rendering of tri-planes: where to sample a ray, what is there, how light adds up along it.

Chan et al., “Efficient Geometry-aware 3D Generative Adversarial Networks” (EG3D), 2022. M rays with
D samples each; depths [B,M,D,1] are distances along unit directions. Random numbers are arguments.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from torch.autograd.function import once_differentiable

# Which two of (x, y, z) address each plane. EG3D's third plane repeats the second, transposed; all
# published weights were trained with it. 'fixed' has the plane that was meant.
PLANE_AXES = {"eg3d": ((0, 1), (0, 2), (2, 0)), "fixed": ((0, 1), (0, 2), (2, 1))}


class TriPlanes:
    """Tri-planes [B,3,C,R,R], laid out to be read at points: rows of channels, a border of zeros.

    box_warp  side of the centered box that the planes span, in world units
    axes      a name of PLANE_AXES

    Planes of the same two axes become one, their sum.
    """

    def __init__(self, planes: Tensor, box_warp: float = 1.0, axes: str = "eg3d"):
        self.size = planes.shape[-1]
        self.box_warp = box_warp
        sums: dict[tuple[int, int], Tensor] = {}  # axes of a plane → sum of the planes with them
        for plane, (u, v) in zip(planes.unbind(1), PLANE_AXES[axes], strict=True):
            plane = rearrange(plane, "b c v u -> b v u c" if u < v else "b c v u -> b u v c")
            pair = min(u, v), max(u, v)
            sums[pair] = sums[pair] + plane if pair in sums else plane
        self.pairs = list(sums)
        bordered = torch.stack([F.pad(plane, (0, 0, 1, 1, 1, 1)) for plane in sums.values()], 1)
        table = bordered / planes.shape[1]
        self.table = table.flatten(0, 3)  # [B·pairs·(R+2)²,C]

    def __call__(self, points: Tensor) -> Tensor:
        """Return the mean over the planes of bilinear features [B,P,C] at points [B,P,3].

        Outside the box they are zero.
        """
        b, p, _ = points.shape
        side = self.size + 2
        # In pixels of the bordered planes, [B,3,P]; beyond the border all is zero.
        place = points.transpose(1, 2) * (self.size / self.box_warp) + (self.size + 1) / 2
        place = place.clamp(0, self.size + 1)
        low = place.floor().clamp(max=self.size)
        pixels = torch.stack([low, low + 1], 2).int()  # [B,3,2,P]: the two nearest ones
        weights = torch.stack([low + 1 - place, place - low], 2)  # their bilinear weights

        samples = torch.arange(b, device=points.device, dtype=torch.int32).view(b, 1, 1, 1)
        first_plane = samples * len(self.pairs)
        rows = []  # of the table, [B,2,2,P] per plane
        row_weights = []
        for index, (u, v) in enumerate(self.pairs):
            line = (first_plane + index) * side + pixels[:, v, :, None]
            rows.append(line * side + pixels[:, u, None])
            row_weights.append(weights[:, v, :, None] * weights[:, u, None])
        rows, row_weights = (
            torch.stack(x, 1).view(b, -1, p).transpose(1, 2).reshape(b * p, -1)
            for x in (rows, row_weights)
        )
        row_weights = row_weights.to(self.table.dtype)
        return WeightedRowSum.apply(self.table, rows, row_weights).view(b, p, -1)


class WeightedRowSum(torch.autograd.Function):
    """Σ_k weights[n,k] · table[rows[n,k]]: [R,C], [N,K] int32, [N,K] → [N,C].

    The gradient of the table is such a sum too, over the points that read each row: sorting them
    once is several times faster than adding to rows in the points' order.
    """

    @staticmethod
    def forward(ctx, table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        """Add up K rows per point."""
        ctx.save_for_backward(table, rows, weights)
        return F.embedding_bag(rows, table, mode="sum", per_sample_weights=weights)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        """Return the gradients of the table and of the weights."""
        table, rows, weights = ctx.saved_tensors
        table_gradient = weights_gradient = None
        if ctx.needs_input_grad[0]:
            sorted_rows, order = rows.flatten().sort()
            all_rows = torch.arange(len(table), dtype=rows.dtype, device=rows.device)
            table_gradient = F.embedding_bag(
                order // rows.shape[1],
                gradient.contiguous(),
                torch.searchsorted(sorted_rows, all_rows),  # where the readers of each row start
                mode="sum",
                per_sample_weights=weights.flatten()[order],
            )
        if ctx.needs_input_grad[2]:
            products = [(table[row] * gradient).sum(1) for row in rows.long().unbind(1)]
            weights_gradient = torch.stack(products, 1)
        return table_gradient, None, weights_gradient


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
    with torch.autocast(colors.device.type, enabled=False):
        rgb = (sample_weights.transpose(2, 3) @ colors)[:, :, 0]
    middle = (depths[:, :, :-1] + depths[:, :, 1:]) / 2
    depth = torch.nan_to_num((weights * middle).sum(2) / total, float("inf"))
    if white_back:
        rgb = rgb + 1 - total
    return rgb * 2 - 1, depth, weights
