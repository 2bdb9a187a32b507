"""Colors and depths of rays through tri-planes, a few rays at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gantoolkit.generators import volume
from gantoolkit.generators.volume import TriPlanes

# Points of a chunk on a CPU, unless `chunk` is given: their hidden layer stays in its caches.
POINTS_PER_CHUNK = 2**15


@dataclass(frozen=True)
class Rays:
    """M rays of each of B samples, and where they are sampled.

    origins, directions  [B,M,3]
    depths               of the coarse samples [B,M,D,1]
    u                    [B,M,S] in 0..1, which places the fine samples; S = 0: there are none
    """

    origins: Tensor
    directions: Tensor
    depths: Tensor
    u: Tensor

    def split(self, samples: int, rays: int) -> Iterator[Iterator[Rays]]:
        """Yield chunks of `rays` rays, one list for every `samples` samples."""
        tensors = self.origins, self.directions, self.depths, self.u
        for batch in zip(*(tensor.split(samples) for tensor in tensors), strict=True):
            chunks = zip(*(tensor.split(rays, 1) for tensor in batch), strict=True)
            yield (Rays(*chunk) for chunk in chunks)


class RayTracer:
    """Render color features and depths of rays through tri-planes.

    decoder     of the features of a point
    box_warp    side of the box that the planes span, in world units
    axes        a name of volume.PLANE_AXES
    white_back  white background instead of black
    """

    def __init__(self, decoder: nn.Module, box_warp: float, axes: str, white_back: bool):
        self.decoder = decoder
        self.box_warp = box_warp
        self.axes = axes
        self.white_back = white_back

    def __call__(
        self, planes: Tensor, rays: Rays, chunk: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return color features [B,M,C] in −1..1 and depths [B,M,1] through planes [B,3,C,R,R].

        chunk  rays of a sample rendered at a time, and again in the backward pass, so that only
               their activations are in memory; None: all on a GPU, what a CPU's caches hold
        """
        recompute = chunk is not None and planes.requires_grad
        samples, default_chunk = self._chunks(rays)
        chunk = chunk or default_chunk

        features, depths, limits = [], [], []
        for some_planes, chunks in zip(
            planes.split(samples), rays.split(samples, chunk), strict=True
        ):
            tri_planes = TriPlanes(some_planes, self.box_warp, self.axes)
            traced = []
            for one in chunks:
                if recompute:
                    traced.append(
                        checkpoint(
                            self.trace,
                            tri_planes,
                            one,
                            use_reentrant=False,
                            preserve_rng_state=False,
                        )
                    )
                else:
                    traced.append(self.trace(tri_planes, one))
            chunk_features, chunk_depths, chunk_limits = zip(*traced, strict=True)
            features.append(torch.cat(chunk_features, 1))
            depths.append(torch.cat(chunk_depths, 1))
            limits += chunk_limits
        nearest, farthest = torch.stack(limits).unbind(1)
        return torch.cat(features), torch.cat(depths).clamp(nearest.min(), farthest.max())

    @staticmethod
    def _chunks(rays: Rays) -> tuple[int, int]:
        """Return the samples and the rays of each that are rendered at a time."""
        batch, count, coarse, _ = rays.depths.shape
        if rays.depths.device.type != "cpu":
            return batch, count
        samples = POINTS_PER_CHUNK // (count * coarse)
        return max(1, samples), max(1, POINTS_PER_CHUNK // coarse)

    def trace(self, planes: TriPlanes, rays: Rays) -> tuple[Tensor, Tensor, Tensor]:
        """Return color features [B,m,C], mean depths [B,m,1], least and largest depth sampled."""
        depths = rays.depths
        colors, densities = self.decode(planes, rays, depths)
        order = None
        if rays.u.shape[-1]:
            weights = volume.ray_weights(depths, densities.detach())
            fine_depths = volume.importance_depths(depths, weights, rays.u.flatten(0, 1))
            fine_colors, fine_densities = self.decode(planes, rays, fine_depths)
            colors = torch.cat([colors, fine_colors], 2)
            depths, densities, order = volume.merge_samples(
                depths, densities, fine_depths, fine_densities
            )
        rgb, depth, _ = volume.march(depths, colors, densities, self.white_back, order)
        return rgb, depth, torch.stack([depths.amin(), depths.amax()])

    def decode(self, planes: TriPlanes, rays: Rays, depths: Tensor) -> tuple[Tensor, Tensor]:
        """Return colors [B,m,D,C] and densities [B,m,D,1] at depths [B,m,D,1]."""
        samples = depths.shape[2]
        points = rays.origins[:, :, None] + depths * rays.directions[:, :, None]
        colors, densities = self.decoder(planes(rearrange(points, "b m d xyz -> b (m d) xyz")))
        colors = rearrange(colors, "b (m d) c -> b m d c", d=samples)
        return colors, rearrange(densities, "b (m d) 1 -> b m d 1", d=samples)
