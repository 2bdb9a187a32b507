"""Encoders into W+: a mask alone (pSp's idea), or a mask for geometry and a photo for appearance (IDE-3D's)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.camera import sample_rays
from gantoolkit.core.types import Camera
from gantoolkit.generators import volume


class Tower(nn.Module):
    """Maps [B,inputs,R,R] → codes [B,count,w_dim]: stride-2 convolutions down to 4×4, then a linear layer at zero."""

    def __init__(
        self, inputs: int, resolution: int, count: int, w_dim: int, widths: tuple[int, ...]
    ):
        super().__init__()
        halvings = int(math.log2(resolution)) - 2
        sizes = [inputs, *(widths[min(i, len(widths) - 1)] for i in range(halvings))]
        layers: list[nn.Module] = []
        for narrow, wide in zip(sizes, sizes[1:]):
            layers += [nn.Conv2d(narrow, wide, 3, 2, 1), nn.GroupNorm(8, wide), nn.LeakyReLU(0.2)]
        self.convs, self.shape = nn.Sequential(*layers), (count, w_dim)
        self.linear = nn.Linear(sizes[-1] * 16, count * w_dim)
        nn.init.zeros_(self.linear.weight), nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).flatten(1).float()).unflatten(1, self.shape)


class CodeEncoder(nn.Module):
    """ws [B,num_ws,w_dim] of masks [B,K,R,R], and of photos where `geometry` says so; untrained: the mean code.

    geometry  None: the mask gives all codes; a number: so many, and a photo gives the others
    planes    channels of a 3D generator's planes, from which `semantics` reads classes (0: none)
    """

    def __init__(
        self,
        resolution: int,
        num_ws: int,
        w_dim: int,
        classes: int = 19,
        geometry: int | None = None,
        planes: int = 0,
        widths: tuple[int, ...] = (32, 64, 128, 192),
    ):
        super().__init__()
        self.arch = dict(
            type="CodeEncoder",
            resolution=resolution,
            num_ws=num_ws,
            w_dim=w_dim,
            classes=classes,
            geometry=geometry,
            planes=planes,
            widths=list(widths),
        )
        self.resolution, self.geometry = resolution, geometry
        self.mask = Tower(
            classes, resolution, num_ws if geometry is None else geometry, w_dim, tuple(widths)
        )
        self.photo = (
            None
            if geometry is None
            else Tower(3, resolution, num_ws - geometry, w_dim, tuple(widths))
        )
        self.semantics = (
            nn.Sequential(nn.Linear(planes, 64), nn.Softplus(), nn.Linear(64, classes))
            if planes
            else None
        )
        self.register_buffer("mean_w", torch.zeros(w_dim))

    def forward(self, mask: Tensor, image: Tensor | None = None) -> Tensor:
        codes = self.mask(_fitted(mask, self.resolution))
        if self.photo is not None:
            codes = torch.cat([codes, self.photo(_fitted(image, self.resolution))], 1)
        return codes + self.mean_w


def _fitted(maps: Tensor, size: int) -> Tensor:
    return (
        maps if maps.shape[-1] == size else F.interpolate(maps.float(), (size, size), mode="area")
    )


def classes_of(
    generator, semantics: nn.Module, ws: Tensor, camera: Camera, rays: int | None = None
) -> Tensor:
    """Logits [B,K,r,r] of the classes along the rays of a camera, composited with the generator's own densities."""
    size, planes = rays or generator.rays, generator.planes(ws)
    origins, directions = sample_rays(camera, size)
    middle = torch.full((*origins.shape[:2], generator.samples, 1), 0.5, device=ws.device)
    depths = volume.stratified_depths(
        generator.ray_start, generator.ray_end, generator.samples, middle, generator.disparity
    )
    points = (origins[:, :, None] + depths * directions[:, :, None]).flatten(1, 2)
    features = volume.Planes(planes, generator.box_warp, generator.plane_axes)(points)
    _, density = generator.decoder(features)
    said = semantics(features).float()  # under autocast too
    shape = (*depths.shape[:3], -1)
    found, _, _ = volume.march(depths, said.reshape(shape), density.reshape(shape))
    return ((found + 1) / 2).transpose(1, 2).unflatten(2, (size, size))
