"""EG3D's super-resolution: two StyleGAN2 blocks that turn the rendered feature image into the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.generators.stylegan2 import Noise, SynthesisBlock

# name → (input resolution, channels of the two blocks, factor of each block, antialias)
VARIANTS = {
    "8XDC": (128, (256, 128), (2, 2), True),
    "8X": (128, (128, 64), (2, 2), True),
    "4X": (128, (128, 64), (1, 2), True),
    "2X": (64, (128, 64), (1, 2), True),
    "deep": (128, (128, 64), (1, 2), False),  # Deepfp32 of the first release
}


class SuperResolution(nn.Module):
    """Feature image [B,C,r,r] → image; its first three channels are the image to start from."""

    def __init__(
        self,
        in_channels: int,
        w_dim: int,
        variant: str = "8XDC",
        input_resolution: int | None = None,
        channels: Sequence[int] | None = None,
        conv_clamp: float | None = None,
        antialias: bool = True,
        noise: str = "none",
    ):
        super().__init__()
        resolution, widths, ups, smooth = VARIANTS[variant]
        widths = tuple(channels or widths)
        self.input_resolution = input_resolution or resolution
        self.antialias, self.noise = antialias and smooth, noise
        first = self.input_resolution * ups[0]
        self.block0 = SynthesisBlock(in_channels, widths[0], w_dim, first, 3, ups[0], conv_clamp)
        self.block1 = SynthesisBlock(
            widths[0], widths[1], w_dim, first * ups[1], 3, ups[1], conv_clamp
        )
        self.resolution = first * ups[1]

    def forward(self, features: Tensor, ws: Tensor, noise: Noise | None = None) -> Tensor:
        """Only the last code of ws [B,L,w_dim] is used. → [B,3,resolution,resolution]."""
        if features.shape[-1] != self.input_resolution:
            features = F.interpolate(
                features,
                size=[self.input_resolution] * 2,
                mode="bilinear",
                align_corners=False,
                antialias=self.antialias,
            )
        ws = ws[:, -1:].expand(-1, 3, -1)
        noise = noise or self.noise
        x, image = self.block0(features, features[:, :3], ws, noise)
        return self.block1(x, image, ws, noise)[1]
