"""FaceParser: a small U-Net that labels face parts; its encoder doubles as a perceptual trunk."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.networks.blocks import ResidualPair, conv_norm, fit


class FaceParser(nn.Module):
    """Images −1..1 [B,3,H,W] to logits of `labels` classes in CelebAMask-HQ order.

    The encoder has one stage per width, each at half the size of the one before, the first at
    `resolution`. Other sizes are resized on the way in and the logits on the way out.

    finest  width of the decoder at `resolution`, where edges between labels are decided
    """

    def __init__(
        self,
        resolution: int = 64,
        widths: tuple[int, ...] = (16, 48, 96, 128),
        labels: int = 19,
        finest: int = 32,
    ):
        super().__init__()
        self.resolution, self.widths, self.labels, self.finest = (
            resolution,
            tuple(widths),
            labels,
            finest,
        )
        self.stem = conv_norm(3, widths[0])
        before = (widths[0], *widths[:-1])
        self.encoder = nn.ModuleList(
            ResidualPair(i, o, 1 if n == 0 else 2) for n, (i, o) in enumerate(zip(before, widths))
        )
        coarse_to_fine = zip(widths[:0:-1], widths[-2::-1], (*widths[-2:0:-1], finest))
        self.decoder = nn.ModuleList(
            conv_norm(deep + skip, out) for deep, skip, out in coarse_to_fine
        )
        self.head = nn.Sequential(conv_norm(finest, finest), nn.Conv2d(finest, labels, 1))

    @property
    def arch(self) -> dict:
        """The constructor's arguments, for weights files."""
        return {
            "type": "FaceParser",
            "resolution": self.resolution,
            "widths": list(self.widths),
            "labels": self.labels,
            "finest": self.finest,
        }

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """The encoder's maps, fine to coarse: [B,widths[n],·,·]."""
        x = self.stem(fit(images, self.resolution))
        maps = []
        for stage in self.encoder:
            x = stage(x)
            maps.append(x)
        return tuple(maps)

    def decode(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Logits [B,labels,resolution,resolution] from the encoder's maps."""
        x = maps[-1]
        for block, skip in zip(self.decoder, maps[-2::-1]):
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1))
        return self.head(x)

    def logits(self, images: Tensor) -> Tensor:
        """[B,labels,H,W] for images [B,3,H,W]."""
        logits = self.decode(self.features(images))
        if logits.shape[-2:] == images.shape[-2:]:
            return logits
        return F.interpolate(
            logits.float(), images.shape[-2:], mode="bilinear", align_corners=False
        )

    forward = logits
