"""The adversarial half of task `gan`: a discriminator of pictures, and the losses on both sides."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.types import Render
from gantoolkit.tasks.gan.losses import discriminator_loss, generator_loss, r1_penalty


class AdversarialLoss:
    """Compute the losses of a generator and a discriminator of pictures against each other.

    L_D = logistic + R1;  L_G = adversarial + feature matching

    discriminator     network with `features`, `epilogue` and c_dim; with `pair`, as EG3D's, it also
                      sees the raw image
    raw_size          pixels of a 3D generator's raw image; None for a 2D generator
    r1_gamma          γ of the gradient penalty
    r1_interval       iterations between two penalties (lazy regularization, StyleGAN2)
    weight            weight of the generator's adversarial loss
    feature_matching  weight of the distance between discriminator features of a face and its
                      reconstruction
    """

    def __init__(
        self,
        discriminator,
        raw_size: int | None,
        r1_gamma: float,
        r1_interval: int,
        weight: float,
        feature_matching: float,
    ):
        self.discriminator = discriminator
        self.raw_size = raw_size
        self.r1_gamma = r1_gamma
        self.r1_interval = r1_interval
        self.weight = weight
        self.feature_matching = feature_matching

    def as_render(self, images: Tensor) -> Render:
        """Return real faces −1..1 [b,3,R,R] with the raw image that a render of them would have."""
        raw = None
        if self.raw_size:
            size = [self.raw_size, self.raw_size]
            raw = F.interpolate(images, size=size, mode="bilinear", antialias=True)
        return Render(images, raw)

    def discriminator_loss(
        self, real: Render, fake: Render, cameras: Tensor, iteration: int
    ) -> dict[str, Tensor]:
        """Return the discriminator's losses; "_sign" is only logged."""
        real_logits = self._logits(self._input(real), cameras)
        fake_logits = self._logits(self._input(fake), cameras)
        losses = discriminator_loss(real_logits, fake_logits)
        losses["_sign"] = torch.sign(real_logits).mean()
        if iteration % self.r1_interval == 0:
            penalty = self._r1_penalty(real, cameras)
            losses["r1"] = self.r1_gamma / 2 * self.r1_interval * penalty
        return losses

    def generator_loss(self, fake: Render, cameras: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Return the generator's losses.

        fake  rendered faces; the first k reconstruct `real`
        real  known faces −1..1 [k,3,R,R]
        """
        self.discriminator.requires_grad_(False)
        features = self.discriminator.features(self._input(fake))
        logits = self.discriminator.epilogue(features[-1], cameras)
        losses = {"adversarial": self.weight * generator_loss(logits)}
        if self.feature_matching:
            losses["matching"] = self._feature_matching_loss(features, real)
        self.discriminator.requires_grad_(True)
        return losses

    def _feature_matching_loss(self, fake_features: list[Tensor], real: Tensor) -> Tensor:
        """Return the mean over levels of the L1 distance, relative to the real features' size."""
        with torch.no_grad():
            real_features = self.discriminator.features(self._input(self.as_render(real)))
        distances = []
        for fake_level, real_level in zip(fake_features, real_features, strict=True):
            fake_level = fake_level[: len(real)].float()
            real_level = real_level.float()
            error = (fake_level - real_level).abs().mean()
            distances.append(error / real_level.abs().mean())
        return self.feature_matching * sum(distances) / len(distances)

    def _input(self, render: Render) -> Tensor:
        """Return what the discriminator sees of a render, in float32."""
        image = render.image.float()
        if hasattr(self.discriminator, "pair"):
            return self.discriminator.pair(image, render.image_raw.float())
        return image

    def _logits(self, images: Tensor, cameras: Tensor) -> Tensor:
        label = cameras if self.discriminator.c_dim else None
        return self.discriminator(images, label)

    def _r1_penalty(self, real: Render, cameras: Tensor) -> Tensor:
        """Return E‖∇D(x)‖² over real faces, in float32."""
        images = self._input(real)
        with torch.autocast(images.device.type, enabled=False):
            images = images.requires_grad_()
            logits = self._logits(images, cameras)
            return r1_penalty([logits], [images])
