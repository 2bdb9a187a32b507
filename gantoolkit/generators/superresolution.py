"""EG3D's super-resolution: two StyleGAN2 blocks that turn the feature image into the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.generators.synthesis import Noise, SynthesisBlock

# name → (input resolution, channels of the two blocks, factor of each block, antialias)
VARIANTS = {
    "8XDC": (128, (256, 128), (2, 2), True),
    "8X": (128, (128, 64), (2, 2), True),
    "4X": (128, (128, 64), (1, 2), True),
    "2X": (64, (128, 64), (1, 2), True),
    "deep": (128, (128, 64), (1, 2), False),  # Deepfp32 of the first release
}


class SuperResolution(nn.Module):
    """Feature image [B,C,r,r] → image; its first three channels are the image to start from.

    in_channels       C
    w_dim             size of a code
    variant           a name of VARIANTS, which decides what is not given:
    input_resolution  pixels per side to which the feature image is resized
    channels          of the two blocks
    conv_clamp        outputs of layers stay within ± this; None: no limit
    antialias         resize with antialiasing, where the variant does
    noise             of the layers: 'const', 'random' or 'none'

    >>> import torch
    >>> network = SuperResolution(8, w_dim=4, variant="2X", input_resolution=16, channels=(8, 8))
    >>> network(torch.zeros(1, 8, 16, 16), torch.zeros(1, 5, 4)).shape
    torch.Size([1, 3, 32, 32])
    """

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
        resolution, widths, (up0, up1), has_antialias = VARIANTS[variant]
        width0, width1 = channels or widths
        self.input_resolution = input_resolution or resolution
        self.antialias = antialias and has_antialias
        self.noise = noise
        resolution0 = self.input_resolution * up0
        self.resolution = resolution0 * up1
        self.block0 = SynthesisBlock(in_channels, width0, w_dim, resolution0, 3, up0, conv_clamp)
        self.block1 = SynthesisBlock(width0, width1, w_dim, self.resolution, 3, up1, conv_clamp)

    def forward(self, features: Tensor, ws: Tensor, noise: Noise | None = None) -> Tensor:
        """features [B,C,r,r], ws [B,L,w_dim] → [B,3,resolution,resolution].

        Only the last code of ws is used.
        """
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
        _, image = self.block1(x, image, ws, noise)
        return image
