"""EG3D: a StyleGAN2 backbone makes three feature planes, rays through them are decoded and
composited, and super-resolution makes the image. Parameters have NVIDIA's names.

Chan et al., “Efficient Geometry-aware 3D Generative Adversarial Networks”, 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn

from gantoolkit.core.camera import FOCAL, PIVOT, RADIUS, Frame, as_camera, sample_rays
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Camera, Latent, Render
from gantoolkit.generators import volume
from gantoolkit.generators.osg_decoder import OSGDecoder
from gantoolkit.generators.ray_tracer import Rays, RayTracer
from gantoolkit.generators.sample_noise import Streams, sample_noise
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.generators.superresolution import SuperResolution
from gantoolkit.generators.synthesis import Noise


class EG3D(nn.Module):
    """The 3D generator; `render` makes images of codes from a camera, and gradients reach ws.

    z_dim, w_dim      sizes of z and w
    resolution        pixels per side of the image
    c_dim             size of the camera's label in the mapping network; 0: it sees none
    channel_base, channel_max, channels, conv_clamp  widths and limit of the backbone, as StyleGAN2
    mapping_layers, mapping_lr_mul, mapping_features  the mapping network, as StyleGAN2

    plane_resolution  R of the feature planes
    plane_channels    C of each of the three planes
    plane_axes        which axes address the planes: 'eg3d' or 'fixed' (volume.PLANE_AXES)
    decoder_hidden, decoder_channels, decoder_lr_mul  the network that decodes a point

    rays              rays per side: the resolution of the raw image
    samples           coarse samples per ray
    importance        fine samples per ray, where the coarse ones found density; 0: none
    ray_start, ray_end  distances between which rays are sampled; 'auto': where they meet the box
    box_warp          side of the box that the planes span, in world units
    disparity         space samples evenly in 1/depth
    white_back        white background instead of black

    superresolution   a name of superresolution.VARIANTS: "8XDC", "8X", "4X", "2X" or "deep"
    sr_input          its input resolution, other than the variant's
    sr_channels       channels of its two blocks, other than the variant's
    sr_clamp          the outputs of its layers stay within ± this; None: no limit
    sr_antialias      resize its input with antialiasing, where the variant does
    sr_noise          noise of its layers: 'const', 'random' or 'none'

    c_scale           factor of the label before the mapping network
    level             pitch in radians of a camera that is level with faces (core.camera.Frame)
    pivot, radius, focal  point that cameras look at, their distance, focal length / image width

    >>> generator = EG3D(
    ...     z_dim=8, w_dim=8, resolution=32, channels=(8, 8), plane_resolution=8, plane_channels=4,
    ...     rays=8, samples=4, importance=4, superresolution="2X", sr_input=16, sr_channels=(8, 8),
    ... ).eval()
    >>> ws = generator.mapping(torch.zeros(1, 8))
    >>> render = generator.render(ws, generator.frame.facing(yaw=0.3), deterministic=True)
    >>> render.image.shape, render.depth.shape
    (torch.Size([1, 3, 32, 32]), torch.Size([1, 1, 8, 8]))
    """

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
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.w_dim = w_dim
        self.c_scale = c_scale
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
        self.num_ws = self.backbone.num_ws
        self.resolution = self.superresolution.resolution
        if self.resolution != resolution:
            raise UsageError(
                f"EG3D's superresolution '{superresolution}' draws {self.resolution} px from "
                f"sr_input={sr_input}, not {resolution} px; give pictures of {self.resolution} px, "
                "another superresolution or another sr_input."
            )
        self.plane_axes = plane_axes
        self.rays = rays
        self.samples = samples
        self.importance = importance
        self.ray_start = ray_start
        self.ray_end = ray_end
        self.box_warp = box_warp
        self.disparity = disparity
        self.white_back = white_back

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
        """Map z [B,z_dim] to ws [B,num_ws,w_dim].

        c  label of a camera [B,25] (default: that of the frame's frontal camera)
        """
        if c is None and self.c_dim:
            c = self.frame.camera().label.to(z).expand(len(z), -1)
        c = c * self.c_scale if self.c_dim else None
        return self.backbone.mapping(z, c, truncation_psi, truncation_cutoff)

    def planes(self, ws: Tensor, noise: Noise = "const", generator: Streams = None) -> Tensor:
        """Return the feature planes [B,3,C,R,R] of ws [B,num_ws,w_dim]."""
        features = self.backbone.synthesis(ws, noise, generator)
        return rearrange(features, "b (planes c) h w -> b planes c h w", planes=3)

    def query(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return color features [B,P,·] and raw density [B,P,1] at world points [B,P,3]."""
        return self.decoder(volume.TriPlanes(planes, self.box_warp, self.plane_axes)(points))

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
        """Render ws [B,num_ws,w_dim] from `camera`, a Camera [B] or labels [B,25].

        noise          of the backbone: 'const', 'random', 'none', or one map per layer
        generator      source of random numbers: one torch.Generator, one per sample, torch's own
        deterministic  no randomness: samples in the middle of intervals, importance evenly spread
        jitter, u      [B,M,D,1] and [B·M,S] in 0..1, which replace the random numbers
        rays           rays per side, other than the generator's own
        chunk          rays of one sample rendered at a time (the result does not depend on it), and
                       again in the backward pass, so that only their activations are in memory
        """
        ws = ws.ws if isinstance(ws, Latent) else ws
        if deterministic and noise == "random":
            noise = "const"
        planes = self.planes(ws, noise, generator)
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
        """`render` from planes that `planes(ws)` returned: several cameras can share them."""
        if camera is None:
            raise ValueError("EG3D needs a camera to render; pass a Camera or labels [B,25]")
        camera = as_camera(camera)
        size = rays or self.rays
        origins, directions = sample_rays(camera, size)
        jitter, u = self._random_numbers(origins, generator, deterministic, jitter, u)
        near, far = self._limits(origins, directions)
        depths = volume.stratified_depths(near, far, self.samples, jitter, self.disparity)

        tracer = RayTracer(self.decoder, self.box_warp, self.plane_axes, self.white_back)
        features, depth = tracer(planes, Rays(origins, directions, depths, u), chunk)
        features = rearrange(features, "b (h w) c -> b c h w", h=size)
        depth = rearrange(depth, "b (h w) 1 -> b 1 h w", h=size)
        image = self.superresolution(features, ws)
        return Render(image, features[:, :3], depth, camera)

    def _limits(self, origins: Tensor, directions: Tensor):
        if self.ray_start == "auto":
            return volume.auto_limits(origins, directions, self.box_warp)
        return self.ray_start, self.ray_end

    def _random_numbers(
        self, origins: Tensor, generator: Streams, deterministic: bool, jitter, u
    ) -> tuple[Tensor, Tensor]:
        """Jitter [B,M,D,1] of the coarse samples, u [B,M,S] of the fine ones, where not given."""
        b, m, _ = origins.shape
        device = origins.device
        coarse, fine = (b, m, self.samples, 1), (b, m, self.importance)
        if jitter is None and deterministic:
            jitter = torch.tensor(0.5).to(device).expand(coarse)
        elif jitter is None:
            jitter = sample_noise(torch.rand, coarse, generator, device)
        if not self.importance:
            return jitter.to(device), jitter.new_empty(fine, device=device)
        if u is None and deterministic:
            u = torch.linspace(0, 1, self.importance).to(device).expand(fine)
        elif u is None:
            u = sample_noise(torch.rand, fine, generator, device)
        return jitter.to(device), u.to(device).reshape(b, m, -1)
