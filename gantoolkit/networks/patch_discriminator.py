"""PatchDiscriminator: it looks at small patches only, at several sizes (Isola et al. 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of the leaky ReLUs
DETAIL_GAIN = 8.0  # brings details, of some hundredths, to the size of the colors


class PatchDiscriminator(nn.Module):
    """Tell real images from generated ones by their pixels, patch by patch.

    For each scale, the image is averaged to 1, 1/2, 1/4 … of its size. Its details, what the next
    scale lacks, lie beside it and enlarged: they are small, and tell best. Convolutions of stride 2
    make one logit for each patch of 26 (two layers) or 54 pixels (three). An image has hundreds of
    patches, so that few images teach much of texture and edges. There is no normalization: gradient
    penalties (R1, R2) keep it smooth.

    resolution  pixels of the images
    channels    after the first layer; each further one doubles them
    layers      of stride 2
    scales      sizes that are looked at, each half of the one before

    >>> discriminator = PatchDiscriminator(32, channels=8, layers=2, scales=2)
    >>> discriminator(torch.zeros(2, 3, 32, 32)).shape  # 8 × 8 and 4 × 4 patches
    torch.Size([2, 80])
    """

    c_dim = 0  # there is no label

    def __init__(self, resolution: int, channels: int = 48, layers: int = 3, scales: int = 3):
        super().__init__()
        self.resolution = resolution
        self.heads = nn.ModuleList(patch_layers(channels, layers) for _ in range(scales))

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        """Return the logits [B,·] of all patches of all scales; `c` is not read."""
        logits = []
        for head in self.heads:
            coarse = F.avg_pool2d(images, 2)
            smooth = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
            detail = DETAIL_GAIN * (images - smooth)
            logits.append(head(torch.cat([images, detail], 1)).float().flatten(1))
            images = coarse
        return torch.cat(logits, 1)


def patch_layers(channels: int, layers: int) -> nn.Sequential:
    """Build the layers that make one logit for each patch of an image [B,3,R,R]."""
    inputs = 6  # colors and details
    modules: list[nn.Module] = []
    for layer in range(layers):
        width = channels * 2**layer
        modules += [nn.Conv2d(inputs, width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        inputs = width
    modules += [nn.Conv2d(inputs, inputs, 3, padding=1), nn.LeakyReLU(SLOPE)]
    modules.append(nn.Conv2d(inputs, 1, 3, padding=1))
    for module in modules:
        if isinstance(module, nn.Conv2d):  # the size of what it reads is kept
            nn.init.kaiming_normal_(module.weight, SLOPE)
            nn.init.zeros_(module.bias)
    return nn.Sequential(*modules)
