"""Encoders into W+: of a mask (pSp), or of a mask and a photo, for the appearance (IDE-3D)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.camera import sample_rays
from gantoolkit.core.types import Camera
from gantoolkit.generators import volume

SMALLEST = 4  # pixels of the last map
SEMANTICS_WIDTH = 64


class MapEncoder(nn.Module):
    """Encode maps [B,inputs,R,R] to codes [B,count,w_dim]; the last layer starts at zero.

    inputs      channels
    resolution  R; stride-2 convolutions halve it down to 4
    count       number of codes
    w_dim       numbers per code
    widths      channels after each halving; the last repeats
    """

    def __init__(
        self, inputs: int, resolution: int, count: int, w_dim: int, widths: tuple[int, ...]
    ):
        super().__init__()
        halvings = int(math.log2(resolution // SMALLEST))
        channels = [inputs]
        for level in range(halvings):
            channels.append(widths[min(level, len(widths) - 1)])
        layers: list[nn.Module] = []
        for before, after in zip(channels, channels[1:]):
            layers.append(nn.Conv2d(before, after, 3, 2, 1))
            layers.append(nn.GroupNorm(8, after))
            layers.append(nn.LeakyReLU(0.2))
        self.convs = nn.Sequential(*layers)
        self.code_shape = (count, w_dim)
        self.linear = nn.Linear(channels[-1] * SMALLEST**2, count * w_dim)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, maps: Tensor) -> Tensor:
        features = self.convs(maps).flatten(1).float()
        return self.linear(features).unflatten(1, self.code_shape)


class CodeEncoder(nn.Module):
    """Encode masks [B,K,R,R], and photos where `geometry` says so, to ws [B,num_ws,w_dim].

    Untrained, it gives the mean code.

    resolution  of masks and photos; others are resized
    num_ws      codes of the generator
    w_dim       numbers per code
    classes     of the masks
    geometry    None: the mask gives all codes; a number: it gives that many, a photo the others
    planes      channels of a 3D generator's planes, from which `semantics` reads classes; 0: none
    widths      channels after each halving; the last repeats
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
        self.resolution = resolution
        self.geometry = geometry
        widths = tuple(widths)
        mask_codes = num_ws if geometry is None else geometry
        self.mask = MapEncoder(classes, resolution, mask_codes, w_dim, widths)
        self.photo = None
        if geometry is not None:
            self.photo = MapEncoder(3, resolution, num_ws - geometry, w_dim, widths)
        self.semantics = None
        if planes:
            self.semantics = nn.Sequential(
                nn.Linear(planes, SEMANTICS_WIDTH),
                nn.Softplus(),
                nn.Linear(SEMANTICS_WIDTH, classes),
            )
        self.register_buffer("mean_w", torch.zeros(w_dim))

    def forward(self, mask: Tensor, image: Tensor | None = None) -> Tensor:
        codes = self.mask(self._resize(mask))
        if self.photo is not None:
            codes = torch.cat([codes, self.photo(self._resize(image))], 1)
        return codes + self.mean_w

    def _resize(self, maps: Tensor) -> Tensor:
        if maps.shape[-1] == self.resolution:
            return maps
        return F.interpolate(maps.float(), (self.resolution, self.resolution), mode="area")


def render_classes(generator, semantics: nn.Module, ws: Tensor, camera: Camera) -> Tensor:
    """Render logits [B,K,r,r] of the classes, composited with the generator's own densities.

    generator  a 3D generator; r is its number of rays per side
    semantics  features of the planes → logits
    """
    size = generator.rays
    planes = generator.planes(ws)
    origins, directions = sample_rays(camera, size)
    middle = torch.full((*origins.shape[:2], generator.samples, 1), 0.5, device=ws.device)
    depths = volume.stratified_depths(
        generator.ray_start, generator.ray_end, generator.samples, middle, generator.disparity
    )
    points = (origins[:, :, None] + depths * directions[:, :, None]).flatten(1, 2)
    features = volume.TriPlanes(planes, generator.box_warp, generator.plane_axes)(points)
    _, density = generator.decoder(features)
    logits = semantics(features).float()  # under autocast too
    per_sample = (*depths.shape[:3], -1)
    composited, _, _ = volume.march(depths, logits.reshape(per_sample), density.reshape(per_sample))
    # `march` composites colors in −1..1 of values in 0..1
    return ((composited + 1) / 2).transpose(1, 2).unflatten(2, (size, size))
