"""The published operations of StyleGAN2 and EG3D, ported step by step: what ours is timed against.

Written to be read beside the papers, not to be fast:

- every sample convolves with its own weights, in one grouped convolution
- resampling inserts zeros, pads and convolves with the 2-D filter, apart from the convolution
- noise, bias, activation and gain are separate operations
- each plane is looked up separately
- light along a ray is a running product

Parameters carry NVIDIA's names.

Karras et al., “Analyzing and Improving the Image Quality of StyleGAN”, 2020; Chan et al.,
“Efficient Geometry-aware 3D Generative Adversarial Networks”, 2022.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.camera import as_camera, sample_rays


def low_pass() -> Tensor:
    """Return the filter 1-3-3-1 along both axes [4,4], of sum 1."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return taps.outer(taps) / 64


def upfirdn2d(
    x: Tensor, f: Tensor, up: int = 1, padding: tuple[int, int] = (0, 0), gain: float = 1.0
) -> Tensor:
    """Insert up−1 zeros after every pixel, pad (before, after) both axes, convolve with f [k,k]."""
    b, c, h, w = x.shape
    x = F.pad(x.reshape(b, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1))
    x = x.reshape(b, c, h * up, w * up)
    x = F.pad(x, (*padding, *padding))
    f = (f * gain).flip([0, 1]).to(x.dtype)
    return F.conv2d(x, f.repeat(c, 1, 1, 1), groups=c)


def modulated_conv2d(
    x: Tensor, weight: Tensor, styles: Tensor, f: Tensor, up: int = 1, demodulate: bool = True
) -> Tensor:
    """Convolve with weights w·s per sample, one group each; enlarging blurs afterwards.

    demodulate  scale the weights to unit norm per output channel
    """
    b = len(x)
    o, i, k, _ = weight.shape
    w = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        w = w * (w.square().sum([2, 3, 4], keepdim=True) + 1e-8).rsqrt()
    x = x.reshape(1, b * i, *x.shape[2:])
    if up == 1:
        x = F.conv2d(x, w.reshape(b * o, i, k, k), padding=k // 2, groups=b)
    else:
        x = F.conv_transpose2d(x, w.transpose(1, 2).reshape(b * i, o, k, k), stride=up, groups=b)
        x = upfirdn2d(x, f, padding=(1, 1), gain=up**2)
    return x.reshape(b, o, *x.shape[2:])


def bias_act(
    x: Tensor, bias: Tensor, activation: str = "linear", clamp: float | None = None
) -> Tensor:
    """Add the bias, apply leaky ReLU with gain √2, then clamp."""
    x = x + bias.to(x.dtype).reshape(1, -1, 1, 1)
    if activation == "lrelu":
        x = F.leaky_relu(x, 0.2) * math.sqrt(2)
    return x if clamp is None else x.clamp(-clamp, clamp)


class FullyConnected(nn.Module):
    """Linear layer with equalized learning rate."""

    def __init__(self, in_features: int, out_features: int, lr_multiplier: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class Layer(nn.Module):
    """Modulated 3×3 convolution, constant noise, bias, leaky ReLU."""

    def __init__(
        self, inputs: int, outputs: int, w_dim: int, resolution: int, up: int, clamp: float | None
    ):
        super().__init__()
        self.up = up
        self.clamp = clamp
        self.affine = FullyConnected(w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.noise_strength = nn.Parameter(torch.empty([]))
        self.register_buffer("noise_const", torch.empty(resolution, resolution))
        self.register_buffer("f", low_pass(), persistent=False)

    def forward(self, x: Tensor, w: Tensor, noise: bool = True) -> Tensor:
        x = modulated_conv2d(x, self.weight, self.affine(w), self.f, self.up)
        if noise:
            x = x + (self.noise_const * self.noise_strength).to(x.dtype)
        return bias_act(x, self.bias, "lrelu", self.clamp)


class ToRGB(nn.Module):
    """Modulated 1×1 convolution without demodulation."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, clamp: float | None):
        super().__init__()
        self.clamp = clamp
        self.gain = 1 / math.sqrt(inputs)
        self.affine = FullyConnected(w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.register_buffer("f", low_pass(), persistent=False)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w) * self.gain
        x = modulated_conv2d(x, self.weight, styles, self.f, demodulate=False)
        return bias_act(x, self.bias, clamp=self.clamp)


class Block(nn.Module):
    """Two layers and the skip onto the image; the first block is a constant and one layer."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        w_dim: int,
        resolution: int,
        image_channels: int,
        up: int = 2,
        clamp: float | None = None,
    ):
        super().__init__()
        self.up = up
        if inputs:
            self.conv0 = Layer(inputs, outputs, w_dim, resolution, up, clamp)
        else:
            self.const = nn.Parameter(torch.empty(outputs, resolution, resolution))
        self.conv1 = Layer(outputs, outputs, w_dim, resolution, 1, clamp)
        self.torgb = ToRGB(outputs, image_channels, w_dim, clamp)
        self.layers = 2 if inputs else 1
        self.register_buffer("f", low_pass(), persistent=False)

    def forward(self, x: Tensor | None, image: Tensor | None, ws: Tensor, noise: bool = True):
        """Map features, image and ws [B,layers+1,w_dim] to the next features and image."""
        if x is None:
            x = self.const.unsqueeze(0).repeat(len(ws), 1, 1, 1)
        else:
            x = self.conv0(x, ws[:, 0], noise)
        x = self.conv1(x, ws[:, self.layers - 1], noise)
        rgb = self.torgb(x, ws[:, self.layers])
        if image is not None:
            if self.up == 2:
                image = upfirdn2d(image, self.f, up=2, padding=(2, 1), gain=4)
            rgb = rgb + image
        return x, rgb.float()


class Synthesis(nn.Module):
    """Map ws [B,L,w_dim] to an image or planes, with constant noise."""

    def __init__(
        self,
        w_dim: int,
        resolution: int,
        image_channels: int,
        channels: list[int],
        clamp: float | None = None,
    ):
        super().__init__()
        self.sizes = [resolution >> n for n in reversed(range(len(channels)))]
        for inputs, outputs, size in zip([0, *channels], channels, self.sizes, strict=False):
            block = Block(inputs, outputs, w_dim, size, image_channels, clamp=clamp)
            setattr(self, f"b{size}", block)

    def forward(self, ws: Tensor) -> Tensor:
        x = image = None
        first = 0
        for size in self.sizes:
            block = getattr(self, f"b{size}")
            x, image = block(x, image, ws[:, first : first + block.layers + 1])
            first += block.layers
        return image


class Rendering(nn.Module):
    """EG3D's volume rendering and super-resolution, without importance sampling."""

    def __init__(self, generator):
        super().__init__()
        ours, net = generator.superresolution, generator.decoder.net
        is_auto = generator.ray_start == "auto"
        if generator.importance or ours.input_resolution != generator.rays or is_auto:
            raise ValueError(
                "this port renders without importance sampling, fixed limits, rays as sr_input"
            )
        self.limits = (generator.ray_start, generator.ray_end, generator.samples)
        self.rays = generator.rays
        self.box_warp = generator.box_warp
        self.axes = generator.plane_axes
        self.noise = ours.noise != "none"
        self.net = nn.Sequential(
            FullyConnected(*net[0].weight.shape[::-1]),
            nn.Softplus(),
            FullyConnected(*net[2].weight.shape[::-1]),
        )
        self.block0 = _like(ours.block0, generator.w_dim)
        self.block1 = _like(ours.block1, generator.w_dim)
        self.load_state_dict({**generator.decoder.state_dict(), **ours.state_dict()})

    def forward(self, planes: Tensor, ws: Tensor, camera) -> Tensor:
        near, far, samples = self.limits
        origins, directions = sample_rays(as_camera(camera), self.rays)
        half_interval = 0.5 * (far - near) / (samples - 1)
        depths = torch.linspace(near, far, samples, device=planes.device) + half_interval
        depths = depths.reshape(1, 1, -1, 1).expand(*origins.shape[:2], -1, 1)
        points = origins[:, :, None] + depths * directions[:, :, None]

        colors, densities = self.decode(planes, points.flatten(1, 2))
        shape = depths.shape[:3]
        rgb = march(depths, colors.reshape(*shape, -1), densities.reshape(*shape, 1))
        features = rgb.transpose(1, 2).reshape(len(rgb), -1, self.rays, self.rays)

        last = ws[:, -1:].repeat(1, 3, 1)
        x, image = self.block0(features, features[:, :3], last, self.noise)
        return self.block1(x, image, last, self.noise)[1]

    def decode(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return colors and densities [B,P,·] at points [B,P,3].

        They come from three look-ups, their mean, and two linear layers.
        """
        third = dict(eg3d=(2, 0), fixed=(2, 1))[self.axes]
        features = []
        for plane, (u, v) in enumerate(((0, 1), (0, 2), third)):
            grid = torch.stack([points[..., u], points[..., v]], -1)[:, None] * (2 / self.box_warp)
            sampled = F.grid_sample(
                planes[:, plane],
                grid,
                mode="bilinear",
                padding_mode="zeros",
                align_corners=False,
            )
            features.append(sampled[:, :, 0])
        x = self.net(torch.stack(features, 1).mean(1).transpose(1, 2)).float()
        return torch.sigmoid(x[..., 1:]) * (1 + 2 * 0.001) - 0.001, x[..., :1]


def march(depths: Tensor, colors: Tensor, densities: Tensor) -> Tensor:
    """Composite the color of a ray [B,M,C] in −1..1 from [B,M,D,·].

    A color counts by its opacity times the running product of what passes.
    """
    thickness = depths[:, :, 1:] - depths[:, :, :-1]
    colors = (colors[:, :, :-1] + colors[:, :, 1:]) / 2
    densities = F.softplus((densities[:, :, :-1] + densities[:, :, 1:]) / 2 - 1)
    alpha = 1 - torch.exp(-densities * thickness)
    passed = torch.cat([torch.ones_like(alpha[:, :, :1]), 1 - alpha + 1e-10], 2)
    weights = alpha * torch.cumprod(passed, 2)[:, :, :-1]
    return (weights * colors).sum(2) * 2 - 1


def _like(block, w_dim: int) -> Block:
    """Make a Block of the sizes of the package's SynthesisBlock."""
    layer, rgb = block.conv1, block.torgb
    return Block(
        block.in_channels,
        len(layer.weight),
        w_dim,
        layer.resolution,
        len(rgb.weight),
        block.up,
        layer.conv_clamp,
    )


class Reference(nn.Module):
    """The port at the weights of one of the package's generators.

    `forward` maps ws [B,L,w_dim] and a camera to an image [B,3,R,R].
    """

    def __init__(self, generator):
        super().__init__()
        backbone = generator.backbone.synthesis if generator.is_3d else generator.synthesis
        blocks = [getattr(backbone, f"b{size}") for size in backbone.resolutions]
        channels = [len(block.conv1.weight) for block in blocks]
        self.synthesis = Synthesis(
            generator.w_dim,
            backbone.resolutions[-1],
            len(blocks[0].torgb.weight),
            channels,
            blocks[0].conv1.conv_clamp,
        )
        self.synthesis.load_state_dict(backbone.state_dict())
        self.rendering = Rendering(generator) if generator.is_3d else None
        self.eval().requires_grad_(False)

    def forward(self, ws: Tensor, camera=None) -> Tensor:
        image = self.synthesis(ws)
        if self.rendering is None:
            return image
        planes = image.reshape(len(image), 3, -1, *image.shape[-2:])
        return self.rendering(planes, ws, camera)
