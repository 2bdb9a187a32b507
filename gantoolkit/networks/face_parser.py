"""FaceParser: a small U-Net that labels face parts; its encoder doubles as a perceptual trunk."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.networks.blocks import conv_norm, fit, residual_stages, resize_logits


class FaceParser(nn.Module):
    """Label the pixels of images [B,3,H,W] in −1..1: logits in CelebAMask-HQ order.

    Images are resized to `resolution` on the way in and logits to the image on the way out.

    resolution  at which the network works
    widths      channels per encoder stage, each at half the size of the one before
    labels      number of classes
    finest      channels of the decoder at `resolution`, where edges between labels are decided
    """

    def __init__(
        self,
        resolution: int = 64,
        widths: tuple[int, ...] = (16, 48, 96, 128),
        labels: int = 19,
        finest: int = 32,
    ):
        super().__init__()
        self.resolution = resolution
        self.widths = tuple(widths)
        self.labels = labels
        self.finest = finest
        self.stem = conv_norm(3, widths[0])
        self.encoder = nn.ModuleList(residual_stages(self.widths))

        deep, *skips = self.widths[::-1]
        decoder = []
        for skip, outputs in zip(skips, (*skips[:-1], finest)):
            decoder.append(conv_norm(deep + skip, outputs))
            deep = outputs
        self.decoder = nn.ModuleList(decoder)
        self.head = nn.Sequential(
            conv_norm(finest, finest),
            nn.Conv2d(finest, labels, 1),
        )

    @property
    def arch(self) -> dict:
        """Return the constructor's arguments, for weights files."""
        return {
            "type": "FaceParser",
            "resolution": self.resolution,
            "widths": list(self.widths),
            "labels": self.labels,
            "finest": self.finest,
        }

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the encoder's maps, fine to coarse: [B,widths[n],·,·]."""
        x = self.stem(fit(images, self.resolution))
        maps = []
        for stage in self.encoder:
            x = stage(x)
            maps.append(x)
        return tuple(maps)

    def decode(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Return logits [B,labels,resolution,resolution] from the encoder's maps."""
        x, *skips = maps[::-1]
        for block, skip in zip(self.decoder, skips):
            enlarged = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([enlarged, skip], 1))
        return self.head(x)

    def logits(self, images: Tensor) -> Tensor:
        """Return logits [B,labels,H,W] for images [B,3,H,W]."""
        logits = self.decode(self.features(images))
        return resize_logits(logits, images.shape[-2:])

    forward = logits
