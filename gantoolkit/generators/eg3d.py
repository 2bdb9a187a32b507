"""EG3D: a StyleGAN2 backbone draws three feature planes, rays through them are decoded and composited,
super-resolution draws the image. Parameters carry NVIDIA's names.

Chan et al., “Efficient Geometry-aware 3D Generative Adversarial Networks”, 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gantoolkit.core.camera import FOCAL, PIVOT, RADIUS, Frame, as_camera, sample_rays
from gantoolkit.core.types import Camera, Latent, Render
from gantoolkit.generators import volume
from gantoolkit.generators.sample_noise import Streams, drawn
from gantoolkit.generators.stylegan2 import Noise, StyleGAN2
from gantoolkit.generators.superresolution import SuperResolution
from gantoolkit.networks.ops import FullyConnected

POINTS = (
    2**15
)  # decoded at a time unless `chunk` says otherwise: their hidden layer stays in a CPU's caches


class Softplus(nn.Module):
    """log(1 + eˣ), in the form that CPUs work out twice as fast as F.softplus."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.logaddexp(x, x.new_zeros(()))


class OSGDecoder(nn.Module):
    """Features of one point, averaged over the planes → density and colour features."""

    def __init__(
        self, in_channels: int, out_channels: int, hidden: int = 64, lr_multiplier: float = 1.0
    ):
        super().__init__()
        self.net = nn.Sequential(
            FullyConnected(in_channels, hidden, lr_multiplier=lr_multiplier, autocast=True),
            Softplus(),
            FullyConnected(hidden, 1 + out_channels, lr_multiplier=lr_multiplier, autocast=True),
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[B,P,C] → colours [B,P,out] in 0..1 (and 0.001 beyond), raw density [B,P,1]."""
        x = self.net(features).float()
        return torch.sigmoid(x[..., 1:]) * 1.002 - 0.001, x[..., :1]


class EG3D(nn.Module):
    """The generator. `render` draws codes ws [B,num_ws,w_dim] from a camera; gradients reach ws."""

    is_3d = True

    def __init__(
        self,
        z_dim: int = 512,
        w_dim: int = 512,
        resolution: int = 512,
        c_dim: int = 25,
        channel_base: int = 32768,
        channel_max: int = 512,
        channels: Sequence[int] | None = None,
        mapping_layers: int = 2,
        mapping_lr_mul: float = 0.01,
        mapping_features: int | None = None,
        conv_clamp: float | None = None,
        plane_resolution: int = 256,
        plane_channels: int = 32,
        plane_axes: str = "eg3d",
        decoder_hidden: int = 64,
        decoder_channels: int = 32,
        decoder_lr_mul: float = 1.0,
        rays: int = 128,
        samples: int = 48,
        importance: int = 48,
        ray_start: float | str = 2.25,
        ray_end: float | str = 3.3,
        box_warp: float = 1.0,
        disparity: bool = False,
        white_back: bool = False,
        superresolution: str = "8XDC",
        sr_input: int | None = None,
        sr_channels: Sequence[int] | None = None,
        sr_clamp: float | None = 256,
        sr_antialias: bool = True,
        sr_noise: str = "none",
        c_scale: float = 1.0,
        level: float = 0.0,
        pivot: Sequence[float] = PIVOT,
        radius: float = RADIUS,
        focal: float = FOCAL,
    ):
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.c_scale = z_dim, c_dim, w_dim, c_scale
        self.frame = Frame(level, tuple(pivot), radius, focal)
        self.backbone = StyleGAN2(
            z_dim,
            w_dim,
            plane_resolution,
            c_dim,
            channel_base,
            channel_max,
            channels,
            3 * plane_channels,
            mapping_layers,
            mapping_lr_mul,
            mapping_features,
            conv_clamp,
        )
        self.backbone.mapping.w_avg_beta = 0.998
        self.superresolution = SuperResolution(
            decoder_channels,
            w_dim,
            superresolution,
            sr_input,
            sr_channels,
            sr_clamp,
            sr_antialias,
            sr_noise,
        )
        self.decoder = OSGDecoder(plane_channels, decoder_channels, decoder_hidden, decoder_lr_mul)
        self.num_ws, self.resolution = self.backbone.num_ws, self.superresolution.resolution
        if self.resolution != resolution:
            raise ValueError(
                f"super-resolution '{superresolution}' ends at {self.resolution} px, "
                f"not {resolution}"
            )
        self.plane_axes, self.rays, self.samples, self.importance = (
            plane_axes,
            rays,
            samples,
            importance,
        )
        self.ray_start, self.ray_end, self.box_warp = ray_start, ray_end, box_warp
        self.disparity, self.white_back = disparity, white_back

    @property
    def mean_w(self) -> Tensor:
        """w̄ [w_dim]."""
        return self.backbone.mapping.w_avg

    def mapping(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """ws [B,num_ws,w_dim]; the label c [B,25], times c_scale, defaults to that of the frame's frontal camera."""
        if c is None and self.c_dim:
            c = self.frame.camera().label.to(z).expand(len(z), -1)
        c = c * self.c_scale if self.c_dim else None
        return self.backbone.mapping(z, c, truncation_psi, truncation_cutoff)

    def planes(self, ws: Tensor, noise: Noise = "const", generator: Streams = None) -> Tensor:
        """[B,3,C,H,W]."""
        drawn = self.backbone.synthesis(ws, noise, generator)
        return drawn.reshape(len(drawn), 3, -1, *drawn.shape[-2:])

    def query(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Colour features [B,P,·] and raw density [B,P,1] at world points [B,P,3]."""
        return self.decoder(volume.Planes(planes, self.box_warp, self.plane_axes)(points))

    def render(
        self,
        ws: Tensor | Latent,
        camera: Camera | Tensor | None = None,
        noise: Noise = "const",
        generator: Streams = None,
        deterministic: bool = False,
        jitter: Tensor | None = None,
        u: Tensor | None = None,
        rays: int | None = None,
        chunk: int | None = None,
    ) -> Render:
        """Draw ws from `camera` (a Camera or labels [B,25]).

        deterministic: mid-interval samples and evenly spread importance instead of draws from `generator`.
        jitter [B,M,D,1] and u [B·M,S], both in 0..1, replace the draws; rays: rays per side; chunk: rays of
        one sample rendered at a time (the result does not depend on it), and again in the backward pass, so
        that activations of no more than these are kept.
        """
        ws = ws.ws if isinstance(ws, Latent) else ws
        planes = self.planes(
            ws, "const" if deterministic and noise == "random" else noise, generator
        )
        return self.render_planes(
            planes, ws, camera, generator, deterministic, jitter, u, rays, chunk
        )

    forward = render

    def render_planes(
        self,
        planes: Tensor,
        ws: Tensor,
        camera: Camera | Tensor | None,
        generator: Streams = None,
        deterministic: bool = False,
        jitter: Tensor | None = None,
        u: Tensor | None = None,
        rays: int | None = None,
        chunk: int | None = None,
    ) -> Render:
        """`render` from planes that `planes(ws)` made: several cameras can share them."""
        if camera is None:
            raise ValueError("EG3D needs a camera to render; pass a Camera or labels [B,25]")
        camera, size = as_camera(camera), rays or self.rays
        origins, directions = sample_rays(camera, size)
        near, far = self._limits(origins, directions)
        b, m = origins.shape[:2]
        jitter = self._draw(
            jitter, (b, m, self.samples, 1), generator, deterministic, planes.device
        )
        if self.importance:
            u = self._draw(
                u, (b, m, self.importance), generator, deterministic, planes.device, spread=True
            )
            u = u.reshape(b, m, -1)
        depths = volume.stratified_depths(near, far, self.samples, jitter, self.disparity)
        table, parts = volume.Planes(planes, self.box_warp, self.plane_axes), []
        remake = chunk is not None and planes.requires_grad
        chunk = chunk or max(1, POINTS // (b * self.samples) if planes.device.type == "cpu" else m)
        for first in range(0, m, chunk):
            part = slice(first, first + chunk)
            rays_of = (
                table,
                origins[:, part],
                directions[:, part],
                depths[:, part],
                u[:, part] if self.importance else None,
            )
            parts.append(
                checkpoint(self._trace, *rays_of, use_reentrant=False, preserve_rng_state=False)
                if remake
                else self._trace(*rays_of)
            )
        features, depth, low, high = zip(*parts, strict=True)
        depth = torch.cat(depth, 1).clamp(torch.stack(low).min(), torch.stack(high).max())
        features = torch.cat(features, 1).unflatten(1, (size, size)).permute(0, 3, 1, 2)
        image = self.superresolution(features, ws)
        return Render(image, features[:, :3], depth.reshape(b, 1, size, size), camera)

    def _limits(self, origins: Tensor, directions: Tensor):
        if self.ray_start == "auto":
            return volume.auto_limits(origins, directions, self.box_warp)
        return self.ray_start, self.ray_end

    @staticmethod
    def _draw(
        given: Tensor | None, shape, generator, deterministic: bool, device, spread: bool = False
    ) -> Tensor:
        """`given`, or the fixed numbers of a deterministic render, or uniform draws."""
        if given is not None:
            return given.to(device)
        if deterministic:
            even = torch.linspace(0, 1, shape[-1]) if spread else torch.tensor(0.5)
            return even.to(device).expand(shape)
        return drawn(torch.rand, shape, generator, device)

    def _trace(
        self,
        planes: volume.Planes,
        origins: Tensor,
        directions: Tensor,
        depths: Tensor,
        u: Tensor | None,
    ):
        """Colour features [B,m,C], mean depth [B,m,1] and the least and largest depth sampled."""
        colors, densities = self._decode(planes, origins, directions, depths)
        order = None
        if u is not None:
            weights = volume.ray_weights(depths, densities.detach())
            more = volume.importance_depths(depths, weights, u.reshape(-1, u.shape[-1]))
            fine, thickness = self._decode(planes, origins, directions, more)
            colors = torch.cat([colors, fine], 2)
            depths, densities, order = volume.merge_samples(depths, densities, (more, thickness))
        rgb, depth, _ = volume.march(depths, colors, densities, self.white_back, order)
        return rgb, depth, depths.amin(), depths.amax()

    def _decode(self, planes: volume.Planes, origins: Tensor, directions: Tensor, depths: Tensor):
        """Colours [B,m,D,C] and densities [B,m,D,1] at these depths."""
        b, m, d, _ = depths.shape
        points = origins[:, :, None] + depths * directions[:, :, None]
        colors, densities = self.decoder(planes(points.reshape(b, m * d, 3)))
        return colors.reshape(b, m, d, -1), densities.reshape(b, m, d, 1)
