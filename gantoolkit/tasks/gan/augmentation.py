"""DiffAugment: random changes of images that gradients pass through (Zhao et al. 2020).

A discriminator that sees few images learns them by heart. One that sees them changed, real and
generated alike, cannot; and because the changes are differentiable the generator still learns.

All functions take images [B,C,H,W] in −1..1 and numbers [B] per image. C is a multiple of 3: an
image and its raw render (`DualDiscriminator.pair`) are changed alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.config import validate
from gantoolkit.core.errors import UsageError

NUMBERS = 7  # random numbers per image: three of color, two of translation, two of cutout


@dataclass(frozen=True)
class DiffAugment:
    """The config's `augmentation`; a strength of 0 changes nothing.

    >>> augment = DiffAugment(color=0, translation=0, cutout=0)
    >>> images = torch.rand(2, 3, 8, 8)
    >>> torch.equal(augment(images, torch.rand(2, NUMBERS)), images)
    True
    """

    color: float = 1.0  # of brightness, saturation and contrast
    translation: float = 0.125  # largest shift as a share of the side
    cutout: float = 0.0  # side of the gray square as a share of the image's

    def __post_init__(self):
        for name in ("color", "translation", "cutout"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"augmentation.{name}={getattr(self, name)} must lie in 0..1.")

    @classmethod
    def of(cls, values: dict) -> DiffAugment:
        """Build from the config; unknown keys are refused."""
        return validate.build(cls, "augmentation", values)

    def __call__(self, images: Tensor, numbers: Tensor) -> Tensor:
        """Change images by `numbers` [B,NUMBERS], uniform in 0..1; equal numbers, equal changes."""
        numbers = numbers.to(images)
        if self.color:
            centered = self.color * (2 * numbers[:, :3] - 1)  # −color..color
            images = brighten(images, centered[:, 0] / 2)
            images = saturate(images, 1 + centered[:, 1])
            images = contrast(images, 1 + centered[:, 2] / 2)
        if self.translation:
            images = translate(images, self._shifts(images, numbers[:, 3:5]))
        if self.cutout:
            images = cut_out(images, numbers[:, 5:7], self.cutout)
        return images

    def _shifts(self, images: Tensor, numbers: Tensor) -> Tensor:
        """Return whole pixels [B,2] down and right."""
        sides = numbers.new_tensor(images.shape[-2:])
        largest = (self.translation * sides + 0.5).floor()
        steps = (numbers * (2 * largest + 1)).floor().minimum(2 * largest)
        return (steps - largest).long()


def brighten(images: Tensor, added: Tensor) -> Tensor:
    """Add a number to every image."""
    return images + added.view(-1, 1, 1, 1)


def saturate(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply the distance of each pixel's three channels from their mean."""
    b, c, h, w = images.shape
    triples = images.view(b, c // 3, 3, h, w)
    gray = triples.mean(2, keepdim=True)
    changed = gray + (triples - gray) * factor.view(-1, 1, 1, 1, 1)
    return changed.view(b, c, h, w)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply the distance of every value from the mean of its image of three channels."""
    b, c, h, w = images.shape
    triples = images.view(b, c // 3, 3, h, w)
    mean = triples.mean((2, 3, 4), keepdim=True)
    changed = mean + (triples - mean) * factor.view(-1, 1, 1, 1, 1)
    return changed.view(b, c, h, w)


def translate(images: Tensor, shifts: Tensor) -> Tensor:
    """Move every image by whole pixels [B,2] down and right; what comes in is 0."""
    b, c, h, w = images.shape
    padded = F.pad(images, [1, 1, 1, 1])
    rows = torch.arange(h, device=images.device) - shifts[:, :1] + 1
    columns = torch.arange(w, device=images.device) - shifts[:, 1:] + 1
    rows = rows.clamp(0, h + 1)
    columns = columns.clamp(0, w + 1)
    moved = padded.gather(2, rows[:, None, :, None].expand(b, c, h, w + 2))
    return moved.gather(3, columns[:, None, None, :].expand(b, c, h, w))


def cut_out(images: Tensor, centers: Tensor, size: float) -> Tensor:
    """Set a square around `centers` [B,2] (row, column in 0..1) to 0.

    size  side of the square as a share of the image's
    """
    height, width = images.shape[-2:]
    down = _near(centers[:, 0], height, size)
    right = _near(centers[:, 1], width, size)
    hidden = down[:, None, :, None] & right[:, None, None, :]
    return images * ~hidden


def _near(center: Tensor, count: int, size: float) -> Tensor:
    """Say which of `count` pixels lie within half of `size` of the center: [B,count] bool."""
    places = (torch.arange(count, device=center.device) + 0.5) / count
    return (places - center[:, None]).abs() < size / 2
