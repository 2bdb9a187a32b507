"""Volume rendering of tri-planes: where to sample a ray, what lies there, and how light adds up along it.

Chan et al., “Efficient Geometry-aware 3D Generative Adversarial Networks” (EG3D), 2022. M rays with D samples
each; depths [B,M,D,1] are distances along unit directions. Random numbers enter as arguments.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# Which two of (x, y, z) address each plane. EG3D's third plane repeats the second, transposed; every
# published weight was trained so. 'fixed' is the plane that was meant.
PLANE_AXES = {"eg3d": ((0, 1), (0, 2), (2, 0)), "fixed": ((0, 1), (0, 2), (2, 1))}


class Planes:
    """Tri-planes [B,3,C,R,R], laid out to be read at points: rows of channels, within a frame of zeros.

    The planes span a centred box of side `box_warp`. Planes of the same two axes become one, their sum.
    """

    def __init__(self, planes: Tensor, box_warp: float = 1.0, axes: str = "eg3d"):
        self.size, self.box_warp = planes.shape[-1], box_warp
        merged: dict[tuple[int, int], Tensor] = {}
        for plane, (u, v) in zip(planes.unbind(1), PLANE_AXES[axes], strict=True):
            plane = plane.permute(0, 2, 3, 1) if u < v else plane.permute(0, 3, 2, 1)
            pair = min(u, v), max(u, v)
            merged[pair] = merged[pair] + plane if pair in merged else plane
        self.pairs = list(merged)
        table = (
            torch.stack([F.pad(p, (0, 0, 1, 1, 1, 1)) for p in merged.values()], 1)
            / planes.shape[1]
        )
        self.table = table.flatten(0, 3)  # [B·pairs·(R+2)²,C]

    def __call__(self, points: Tensor) -> Tensor:
        """Mean over the planes of their bilinear features [B,P,C] at points [B,P,3]; zero outside the box."""
        b, p, _ = points.shape
        side = self.size + 2
        place = points.transpose(1, 2) * (self.size / self.box_warp) + (self.size + 1) / 2
        place = place.clamp(0, self.size + 1)
        low = place.floor().clamp(max=self.size)
        at = torch.stack(
            [low, low + 1], 2
        ).int()  # [B,3,2,P]: the two nearest pixels, and their shares
        share = torch.stack([low + 1 - place, place - low], 2)
        first = torch.arange(b, device=points.device, dtype=torch.int32).view(b, 1, 1, 1) * len(
            self.pairs
        )
        rows, shares = [], []
        for number, (u, v) in enumerate(self.pairs):
            rows.append(
                ((first + number) * side + at[:, v, :, None]) * side + at[:, u, None]
            )  # [B,2,2,P]
            shares.append(share[:, v, :, None] * share[:, u, None])
        rows, shares = (
            torch.stack(x, 1).view(b, -1, p).transpose(1, 2).reshape(b * p, -1)
            for x in (rows, shares)
        )
        return WeightedRows.apply(self.table, rows, shares.to(self.table.dtype)).view(b, p, -1)


class WeightedRows(torch.autograd.Function):
    """Σ_k shares[n,k] · table[rows[n,k]]: [R,C], [N,K] int32, [N,K] → [N,C].

    The gradient of the table is such a sum too, over the points that read each row: sorting them once is
    several times faster than adding to rows in the points' order.
    """

    @staticmethod
    def forward(ctx, table: Tensor, rows: Tensor, shares: Tensor) -> Tensor:
        ctx.save_for_backward(table, rows, shares)
        return F.embedding_bag(rows, table, mode="sum", per_sample_weights=shares)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        table, rows, shares = ctx.saved_tensors
        of_table = of_shares = None
        if ctx.needs_input_grad[0]:
            ordered, order = rows.flatten().sort()
            starts = torch.searchsorted(
                ordered, torch.arange(len(table), dtype=rows.dtype, device=rows.device)
            )
            of_table = F.embedding_bag(
                order // rows.shape[1],
                gradient.contiguous(),
                starts,
                mode="sum",
                per_sample_weights=shares.flatten()[order],
            )
        if ctx.needs_input_grad[2]:
            of_shares = torch.stack(
                [(table[row] * gradient).sum(1) for row in rows.long().unbind(1)], 1
            )
        return of_table, None, of_shares


def stratified_depths(
    near: float | Tensor, far: float | Tensor, samples: int, jitter: Tensor, disparity: bool = False
) -> Tensor:
    """Evenly spaced depths, each moved on by jitter [B,M,D,1] (0..1) of a step.

    near and far are numbers or one limit per ray [B,M,1]; `disparity` spaces evenly in 1/depth.
    """
    step = 1 / (samples - 1)
    if disparity:
        place = torch.linspace(0, 1, samples, device=jitter.device)[:, None] + jitter * step
        near, far = (t[..., None, :] if isinstance(t, Tensor) else t for t in (near, far))
        return 1 / (1 / near * (1 - place) + 1 / far * place)
    if not isinstance(near, Tensor):
        even = torch.linspace(near, far, samples, device=jitter.device)[:, None]
        return even + jitter * ((far - near) * step)
    near, far = near[..., None, :], far[..., None, :]
    even = torch.arange(samples, device=jitter.device)[:, None] * step
    return near + even * (far - near) + jitter * ((far - near) * step)


def box_limits(origins: Tensor, directions: Tensor, side: float) -> tuple[Tensor, Tensor]:
    """Where rays [B,M,3] enter and leave the centred cube: near, far [B,M,1]; a miss is (−1, −2)."""
    to_low, to_high = (-side / 2 - origins) / directions, (side / 2 - origins) / directions
    near = torch.minimum(to_low, to_high).amax(-1, keepdim=True)
    far = torch.maximum(to_low, to_high).amin(-1, keepdim=True)
    miss = near > far
    return near.masked_fill(miss, -1), far.masked_fill(miss, -2)


def auto_limits(origins: Tensor, directions: Tensor, side: float) -> tuple[Tensor, Tensor]:
    """`box_limits` where rays that miss take the least near and the largest near of those that hit.

    The second is EG3D's own choice (its far limit of a miss is a maximum of near limits).
    """
    near, far = box_limits(origins, directions, side)
    hit = far > near
    if not hit.any():
        return near, far
    start, end = near[hit].min(), near[hit].max()
    return torch.where(hit, near, start), torch.where(hit, far, end)


def sample_pdf(bins: Tensor, weights: Tensor, u: Tensor, eps: float = 1e-5) -> Tensor:
    """Inverse of the piecewise linear distribution function of weights [N,K] on bins [N,≥K+1], at u [N,S]."""
    pdf = weights + eps
    cdf = torch.cumsum(pdf / pdf.sum(-1, keepdim=True), -1)
    cdf = F.pad(cdf, (1, 0))  # [N,K+1]
    place = torch.searchsorted(cdf, u.contiguous(), right=True)
    below, above = (place - 1).clamp(min=0), place.clamp(max=weights.shape[1])
    cdf_low, cdf_high = cdf.gather(1, below), cdf.gather(1, above)
    low, high = bins.gather(1, below), bins.gather(1, above)
    step = cdf_high - cdf_low
    step = torch.where(step < eps, torch.ones_like(step), step)
    return low + (u - cdf_low) / step * (high - low)


@torch.no_grad()
def importance_depths(depths: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    """More depths [B,M,S,1] where the coarse weights [B,M,D−1,1] are large; u [B·M,S] in 0..1."""
    b, m, d, _ = depths.shape
    depths, weights = depths.reshape(b * m, d), weights.reshape(b * m, 1, d - 1)
    weights = F.avg_pool1d(F.max_pool1d(weights, 2, 1, padding=1), 2, 1)[:, 0] + 0.01
    middles = (depths[:, 1:] + depths[:, :-1]) / 2
    return sample_pdf(middles, weights[:, 1:-1], u).reshape(b, m, -1, 1)


def merge_samples(depths: Tensor, densities: Tensor, more: tuple[Tensor, Tensor]):
    """Depths and densities [B,M,·,1] of both sets of samples in order of depth, and that order."""
    depths, order = torch.cat([depths, more[0]], 2).sort(2)
    return depths, torch.cat([densities, more[1]], 2).gather(2, order), order


def ray_weights(depths: Tensor, densities: Tensor) -> Tensor:
    """Share of light [B,M,D−1,1] that each interval adds: T·(1−exp(−σδ)), σ = softplus(middle − 1)."""
    sigma = F.softplus((densities[:, :, :-1] + densities[:, :, 1:]) / 2 - 1)
    thickness = sigma * (depths[:, :, 1:] - depths[:, :, :-1])
    before = torch.cumsum(thickness, 2) - thickness
    return torch.exp(-before) * (
        1 - torch.exp(-thickness)
    )  # exactly 0 where next to nothing is hit


def march(
    depths: Tensor,
    colors: Tensor,
    densities: Tensor,
    white_back: bool = False,
    order: Tensor | None = None,
):
    """Colour [B,M,C] in −1..1, mean depth [B,M,1] (not clamped, inf where nothing is hit) and weights.

    An interval has the mean colour of its ends. Colours lie as their depths do, or where `order` says.
    """
    weights = ray_weights(depths, densities)
    total = weights.sum(2)
    shares = (
        F.pad(weights, (0, 0, 1, 0)) + F.pad(weights, (0, 0, 0, 1))
    ) / 2  # of samples, not of intervals
    if order is not None:
        shares = torch.zeros_like(shares).scatter(2, order, shares)
    with torch.autocast(colors.device.type, enabled=False):
        rgb = (shares.transpose(2, 3) @ colors)[:, :, 0]
    middle = (depths[:, :, :-1] + depths[:, :, 1:]) / 2
    depth = torch.nan_to_num((weights * middle).sum(2) / total, float("inf"))
    if white_back:
        rgb = rgb + 1 - total
    return rgb * 2 - 1, depth, weights
