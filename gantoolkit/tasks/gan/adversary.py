"""The adversary of task `gan`: a discriminator, what it sees of a face, and the losses on both sides."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.types import Render


class Adversary:
    """L_D = logistic + R1;  L_G = adversarial + matching.

    discriminator  network with `features`, `conclude` and c_dim; one that has `pair` sees EG3D's raw image too
    rays           size of the raw image of real faces; None for a 2D generator
    r1, r1_every   γ of the gradient penalty, applied every so many iterations
    adversarial    weight of −log D on drawn faces
    matching       weight of the distance between the discriminator's features of a face and its reconstruction
    """

    def __init__(
        self,
        discriminator,
        rays: int | None,
        r1: float,
        r1_every: int,
        adversarial: float,
        matching: float,
    ):
        self.network, self.rays = discriminator, rays
        self.r1, self.r1_every = r1, r1_every
        self.adversarial, self.matching = adversarial, matching

    def real(self, images: Tensor) -> Render:
        """Real faces −1..1 [b,3,R,R] as if they were drawn: beside them what their raw image would be."""
        raw = None
        if self.rays:
            raw = F.interpolate(images, size=[self.rays] * 2, mode="bilinear", antialias=True)
        return Render(images, raw)

    def judge(
        self, real: Render, drawn: Render, cameras: Tensor, iteration: int
    ) -> dict[str, Tensor]:
        """The discriminator's losses."""
        logits_real, logits_drawn = (
            self._logits(self._seen(real), cameras),
            self._logits(self._seen(drawn), cameras),
        )
        losses = {
            "real": F.softplus(-logits_real).mean(),
            "fake": F.softplus(logits_drawn).mean(),
            "_sign": torch.sign(logits_real).mean(),
        }
        if iteration % self.r1_every == 0:
            losses["r1"] = self.r1 / 2 * self.r1_every * self._penalty(real, cameras)
        return losses

    def convince(self, drawn: Render, cameras: Tensor, known: Tensor) -> dict[str, Tensor]:
        """The generator's losses; the first faces drawn are reconstructions of the faces `known` [k,3,R,R]."""
        self.network.requires_grad_(False)
        found = self.network.features(self._seen(drawn))
        losses = {
            "adversarial": self.adversarial
            * F.softplus(-self.network.conclude(found[-1], cameras)).mean()
        }
        if self.matching:
            with torch.no_grad():
                wanted = self.network.features(self._seen(self.real(known)))
            pairs = [
                (f[: len(known)].float(), w.float()) for f, w in zip(found, wanted, strict=True)
            ]
            losses["matching"] = (
                self.matching
                * sum((f - w).abs().mean() / w.abs().mean() for f, w in pairs)
                / len(pairs)
            )
        self.network.requires_grad_(True)
        return losses

    def _seen(self, render: Render) -> Tensor:
        if hasattr(self.network, "pair"):
            return self.network.pair(render.image.float(), render.image_raw.float())
        return render.image.float()

    def _logits(self, seen: Tensor, cameras: Tensor) -> Tensor:
        return self.network(seen, cameras if self.network.c_dim else None)

    def _penalty(self, real: Render, cameras: Tensor) -> Tensor:
        """E‖∇D(x)‖² over real faces, in float32."""
        seen = self._seen(real)
        with torch.autocast(seen.device.type, enabled=False):
            seen = seen.requires_grad_()
            (gradient,) = torch.autograd.grad(
                self._logits(seen, cameras).sum(), seen, create_graph=True
            )
        return gradient.square().sum((1, 2, 3)).mean()
