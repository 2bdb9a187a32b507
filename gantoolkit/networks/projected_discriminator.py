"""ProjectedDiscriminator: it reads images through a frozen network (Sauer et al. 2021).

A discriminator that learns from scratch needs many images before it is ahead of a generator. One
that stands on features that are already good needs few, and its heads are small.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gantoolkit.core.errors import UsageError

SLOPE = 0.2  # of the leaky ReLUs


class ProjectedDiscriminator(nn.Module):
    """Tell real images from generated ones, patch by patch and level by level.

    Every map of a frozen trunk is mixed by a fixed random 1×1 convolution, so that a head cannot
    read only the channels that a generator has learned to please. A small head of spectrally
    normalized convolutions makes logits of it; one more head reads the pixels. Only heads learn.
    No metric may use the trunk of an adversary: what it reads is what the generator learns to show.

    resolution  pixels of the images
    network     weights name or file, or a module, with `features(images −1..1)` → tuple of maps
    channels    of the mixed maps and of the heads
    patches     patches along a side; each map is halved until it has no more
    pixels      whether a head reads the pixels
    seed        of the random mixing

    >>> from gantoolkit.networks.face_parser import FaceParser
    >>> trunk = FaceParser(resolution=32, widths=(8, 8, 8))  # maps of 32, 16 and 8 pixels
    >>> discriminator = ProjectedDiscriminator(32, trunk, channels=8, patches=4)
    >>> discriminator(torch.zeros(2, 3, 32, 32)).shape  # 3 levels and the pixels, 4 × 4 patches
    torch.Size([2, 64])
    """

    c_dim = 0  # there is no label

    def __init__(
        self,
        resolution: int,
        network: str | nn.Module = "parser",
        channels: int = 48,
        patches: int = 8,
        pixels: bool = True,
        seed: int = 0,
    ):
        super().__init__()
        self.network_name = network if isinstance(network, str) else None
        self.trunk = _load_trunk(network)
        self.pixels = pixels
        maps = self._trunk_maps(torch.zeros(1, 3, resolution, resolution))
        stream = torch.Generator().manual_seed(seed)
        heads = []
        for level, features in enumerate(maps):
            width = features.shape[1]
            mixing = torch.randn(channels, width, 1, 1, generator=stream) / width**0.5
            self.register_buffer(f"mixing{level}", mixing)
            heads.append(patch_head(channels, channels, features.shape[-1], patches))
        if pixels:
            heads.append(patch_head(3, channels, resolution, patches))
        self.heads = nn.ModuleList(heads)

    def train(self, mode: bool = True):
        """Leave the trunk in eval mode: its batch statistics are fixed."""
        super().train(mode)
        self.trunk.eval()
        return self

    def _trunk_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        maps = self.trunk.features(images)
        if not isinstance(maps, (tuple, list)) or any(level.ndim != 4 for level in maps):
            raise UsageError(
                f"The network '{self.network_name or type(self.trunk).__name__}' of a "
                "ProjectedDiscriminator gives no maps of features, but a vector; choose one such "
                "as 'parser'."
            )
        return tuple(maps)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return what the heads read: mixed maps [B,channels,·,·], then the pixels."""
        inputs = []
        for level, features in enumerate(self._trunk_maps(images)):
            mixing = getattr(self, f"mixing{level}")
            inputs.append(F.conv2d(features, mixing.to(features.dtype)))
        if self.pixels:
            inputs.append(images)
        return inputs

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        """Return the logits [B,·] of all patches of all heads; `c` is not read."""
        logits = []
        for head, features in zip(self.heads, self.features(images), strict=True):
            logits.append(head(features).float().flatten(1))
        return torch.cat(logits, 1)


def _load_trunk(network: str | nn.Module) -> nn.Module:
    """Load the trunk by name, or take the module; freeze it."""
    if isinstance(network, str):
        from gantoolkit import networks

        network = networks.load(network)
    if not hasattr(network, "features"):
        raise UsageError(
            f"The network '{type(network).__name__}' of a ProjectedDiscriminator has no features; "
            "choose one such as 'parser'."
        )
    return network.eval().requires_grad_(False)


def patch_head(inputs: int, channels: int, side: int, patches: int) -> nn.Sequential:
    """Build a head that makes one logit for each patch of a map [B,inputs,side,side]."""
    layers: list[nn.Module] = []
    while side > patches:
        layers += [_conv(inputs, channels, 4, stride=2), nn.LeakyReLU(SLOPE)]
        inputs = channels
        side //= 2
    layers += [_conv(inputs, channels, 3), nn.LeakyReLU(SLOPE)]
    layers.append(_conv(channels, 1, 3))
    return nn.Sequential(*layers)


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
    """Build a convolution whose weight has the spectral norm 1."""
    padding = (kernel - 1) // 2
    return spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding))
