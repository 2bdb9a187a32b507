"""Random changes of faces and their label maps, for the training of recognizers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.labels import flip_table
from gantoolkit.training.batch import SeededBatch

IGNORED = 255  # a label that counts in no loss and no score


@dataclass(frozen=True)
class Augmentation:
    """Amounts of random change per sample; 0 is none. Colors keep their meaning: no hue shift."""

    flip: bool = True  # mirror half of the samples, left parts become right parts
    shift: int = 3  # largest translation in pixels
    noise: float = 0.06  # largest standard deviation, images are −1..1
    blur: float = 0.3  # share of samples that lose detail, as generated images do
    gain: float = 0.08  # largest relative change of brightness

    def __call__(
        self, batch: SeededBatch, images: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Change images [B,3,R,R] and labels [B,R,R]; pixels from outside are IGNORED."""
        u = batch.uniform(6).to(images.device)
        if self.flip:
            images, labels = _flip_samples(u[:, 0] < 0.5, images, labels)
        if self.shift:
            images, labels = self._shift_samples(u[:, 1], u[:, 2], images, labels)
        noise = batch.normal(*images.shape[1:]).to(images.device)
        return self._degrade(u[:, 3:], noise, images), labels

    def _shift_samples(
        self, u_top: Tensor, u_left: Tensor, images: Tensor, labels: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Translate samples by up to `shift` pixels; u_top and u_left [B] are uniform in 0..1."""
        size = images.shape[-1]
        last = 2 * self.shift

        def offsets(u: Tensor) -> list[int]:
            return (u * (last + 1)).long().clamp(max=last).tolist()

        tops = offsets(u_top)
        lefts = offsets(u_left)
        border = (self.shift,) * 4

        def crop(padded: Tensor) -> Tensor:
            cropped = []
            for sample, top, left in zip(padded, tops, lefts):
                rows = slice(top, top + size)
                columns = slice(left, left + size)
                cropped.append(sample[..., rows, columns])
            return torch.stack(cropped)

        images = crop(F.pad(images, border, mode="replicate"))
        if labels is not None:
            labels = crop(F.pad(labels, border, value=IGNORED))
        return images, labels

    def _degrade(self, u: Tensor, noise: Tensor, images: Tensor) -> Tensor:
        """Blur, brighten and add noise; u [B,3] is uniform in 0..1, noise [B,3,R,R] normal."""
        per_sample = (slice(None), None, None, None)
        if self.blur:
            is_blurred = u[:, 0] < self.blur
            small = F.avg_pool2d(images, 2)
            size = images.shape[-2:]
            soft = F.interpolate(small, size, mode="bilinear", align_corners=False)
            images = torch.where(is_blurred[per_sample], soft, images)
        gain = 1 + self.gain * (2 * u[:, 1] - 1)
        amount = self.noise * u[:, 2]
        brightened = (images + 1) * gain[per_sample] - 1
        noisy = brightened + noise * amount[per_sample]
        return noisy.clamp(-1, 1)


def _flip_samples(
    flipped: Tensor, images: Tensor, labels: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Mirror the samples where `flipped` [B]; left and right parts change their labels."""
    mirrored = images.flip(-1)
    images = torch.where(flipped[:, None, None, None], mirrored, images)
    if labels is not None:
        table = torch.tensor(flip_table(), device=labels.device)
        mirrored_labels = table[labels.flip(-1)]
        labels = torch.where(flipped[:, None, None], mirrored_labels, labels)
    return images, labels
