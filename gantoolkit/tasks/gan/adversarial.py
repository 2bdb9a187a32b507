"""The adversarial half of task `gan`: a discriminator of pictures, and the losses on both sides."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Render
from gantoolkit.tasks.gan.augmentation import NUMBERS
from gantoolkit.tasks.gan.config import AdversaryConfig
from gantoolkit.tasks.gan.losses import discriminator_loss, generator_loss, r1_penalty
from gantoolkit.training.batch import SeededBatch


class AdversarialLoss:
    """Compute the losses of a generator and a discriminator of pictures against each other.

    L_D = adversary.loss + R1 + R2;  L_G = adversarial + feature matching

    discriminator     network of images, with c_dim; with `pair`, as EG3D's, it also sees the raw
                      image; feature matching needs `features` and `epilogue`
    config            the config's `adversary`
    raw_size          pixels of a 3D generator's raw image; None for a 2D generator
    r1_gamma          γ of the gradient penalty on real images
    r1_interval       iterations between two penalties (lazy regularization, StyleGAN2)
    weight            weight of the generator's adversarial loss
    feature_matching  weight of the distance between discriminator features of a face and its
                      reconstruction
    """

    def __init__(
        self,
        discriminator,
        config: AdversaryConfig,
        raw_size: int | None,
        r1_gamma: float,
        r1_interval: int,
        weight: float,
        feature_matching: float,
    ):
        self.discriminator = discriminator
        self.config = config
        self.augment = config.augment()
        self.raw_size = raw_size
        self.r1_gamma = r1_gamma
        self.r1_interval = r1_interval
        self.weight = weight
        self.feature_matching = feature_matching
        # a frozen trunk inside a discriminator stays frozen
        self.parameters = [p for p in discriminator.parameters() if p.requires_grad]
        if feature_matching and not hasattr(discriminator, "epilogue"):
            raise UsageError(
                f"A {type(discriminator).__name__} has no features of its own to match; set "
                "feature_matching=0."
            )

    def as_render(self, images: Tensor) -> Render:
        """Return real faces −1..1 [b,3,R,R] with the raw image that a render of them would have."""
        raw = None
        if self.raw_size:
            size = [self.raw_size, self.raw_size]
            raw = F.interpolate(images, size=size, mode="bilinear", antialias=True)
        return Render(images, raw)

    def discriminator_loss(
        self, real: Render, fake: Render, cameras: Tensor, iteration: int, batch: SeededBatch
    ) -> dict[str, Tensor]:
        """Return the discriminator's losses; "_sign" is only logged.

        batch  source of the augmentation's random numbers
        """
        real_images = self._augmented(self._input(real), self._numbers(batch))
        fake_images = self._augmented(self._input(fake), self._numbers(batch))
        real_logits = self._logits(real_images, cameras)
        fake_logits = self._logits(fake_images, cameras)
        losses = discriminator_loss(real_logits, fake_logits, self.config.loss)
        losses["_sign"] = torch.sign(real_logits).mean()
        if iteration % self.r1_interval == 0:
            penalties = {
                "r1": (self.r1_gamma, real_images),
                "r2": (self.config.r2_gamma, fake_images),
            }
            for name, (gamma, images) in penalties.items():
                if gamma:
                    penalty = self._gradient_penalty(images, cameras)
                    losses[name] = gamma / 2 * self.r1_interval * penalty
        return losses

    def generator_loss(
        self, fake: Render, real: Tensor, pairs: int, cameras: Tensor, batch: SeededBatch
    ) -> dict[str, Tensor]:
        """Return the generator's losses.

        fake   rendered faces; the first `pairs` reconstruct those of `real`
        real   known faces −1..1 [b,3,R,R]
        batch  source of the augmentation's random numbers
        """
        self._train_discriminator(False)
        numbers = self._numbers(batch)
        images = self._augmented(self._input(fake), numbers)
        matching = {}
        if self.feature_matching and pairs:
            features = self.discriminator.features(images)
            logits = self.discriminator.epilogue(features[-1], cameras)
            known = self._input(self.as_render(real[:pairs]))
            known = self._augmented(known, None if numbers is None else numbers[:pairs])
            matching["matching"] = self._feature_matching_loss(features, known)
        else:
            logits = self._logits(images, cameras)
        real_logits = None
        if self.config.loss == "rpgan":
            with torch.no_grad():
                known = self._augmented(self._input(self.as_render(real)), self._numbers(batch))
                real_logits = self._logits(known, cameras)
        loss = generator_loss(logits, self.config.loss, real_logits)
        self._train_discriminator(True)
        return {"adversarial": self.weight * loss} | matching

    def _train_discriminator(self, mode: bool) -> None:
        for parameter in self.parameters:
            parameter.requires_grad_(mode)

    def _feature_matching_loss(self, fake_features: list[Tensor], known: Tensor) -> Tensor:
        """Return the mean over levels of the L1 distance, relative to the real features' size."""
        with torch.no_grad():
            real_features = self.discriminator.features(known)
        distances = []
        for fake_level, real_level in zip(fake_features, real_features, strict=True):
            fake_level = fake_level[: len(known)].float()
            real_level = real_level.float()
            error = (fake_level - real_level).abs().mean()
            distances.append(error / real_level.abs().mean())
        return self.feature_matching * sum(distances) / len(distances)

    def _numbers(self, batch: SeededBatch) -> Tensor | None:
        """Draw what the augmentation of a batch needs."""
        return batch.uniform(NUMBERS) if self.augment else None

    def _augmented(self, images: Tensor, numbers: Tensor | None) -> Tensor:
        return images if numbers is None else self.augment(images, numbers)

    def _input(self, render: Render) -> Tensor:
        """Return what the discriminator sees of a render, in float32."""
        image = render.image.float()
        if hasattr(self.discriminator, "pair"):
            return self.discriminator.pair(image, render.image_raw.float())
        return image

    def _logits(self, images: Tensor, cameras: Tensor) -> Tensor:
        label = cameras if self.discriminator.c_dim else None
        return self.discriminator(images, label)

    def _gradient_penalty(self, images: Tensor, cameras: Tensor) -> Tensor:
        """Return E‖∇D(x)‖² over images, in float32; D(x) is the mean of an image's logits."""
        with torch.autocast(images.device.type, enabled=False):
            images = images.detach().requires_grad_()
            logits = self._logits(images, cameras)
            return r1_penalty([logits.mean(1)], [images])
