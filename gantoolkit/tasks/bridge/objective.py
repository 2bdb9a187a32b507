"""What training a bridge minimizes: G(w) compared with I^gt or I^d_0 (section 3.4).

Eq. 6, phase M:  λ0‖I^gt − G(w^m)‖² + λ1·LPIPS(I^gt, G(w^m))
                 + λ2·(1 − cos(R(I^gt), R(G(w^m)))) + λ3‖w^m − w̄‖
Eq. 7, phase T:  λ0‖I^d_0 − G(w)‖² + λ1·LPIPS(I^d_0, G(w))
                 + λ2·(1 − cos(R(I^gt), R(G(w)))) + λ3‖w − w̄‖
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gantoolkit.core.types import Latent, Render
from gantoolkit.losses import EMBEDDED, OF_CODES
from gantoolkit.tasks.bridge.config import ObjectiveConfig
from gantoolkit.tasks.bridge.embeddings import Embeddings
from gantoolkit.tasks.bridge.renderer import Renderer
from gantoolkit.tasks.bridge.trajectories import TimestepBatch

TARGETS = {  # phase → target of reconstruction and perceptual terms; then that of the identity term
    "paper": dict(M="gt", T="x0", identity="gt"),
    "x0": dict(M="x0", T="x0", identity="x0"),  # ablation (c), style transfer
    "gt": dict(M="gt", T="gt", identity="gt"),  # ablation (d)
}


class Objective:
    """Render codes and compare the images with their targets.

    terms       name → loss, of gantoolkit.losses
    embeddings  of targets, by row; set it before a loss that compares identities or their codes
    """

    embeddings: Embeddings

    def __init__(
        self,
        encoder: nn.Module,
        bridge: nn.Module,
        generator: nn.Module,
        terms: dict[str, nn.Module],
        config: ObjectiveConfig,
    ):
        self.encoder = encoder
        self.bridge = bridge
        self.generator = generator
        self.terms = terms
        self.mean_w = generator.mean_w.detach().clone()
        self.render = Renderer(generator, config.recompute, config.chunk)
        self.targets = TARGETS[config.targets]
        self.noise = config.noise
        self.loss_size = config.loss_size

    def only_h(self, phase: str) -> bool:
        """Whether a phase reads only h, so that the encoder may stop before its up blocks."""
        return phase == "M" and not getattr(self.bridge, "reads_f", False)

    @property
    def needs_render(self) -> bool:
        """Whether any loss looks at G(w)."""
        return any(term.compares not in OF_CODES for term in self.terms.values())

    def target_of(self, term: nn.Module, phase: str) -> str:
        """Return which image a loss compares with: 'gt' for I^gt, 'x0' for I^d_0."""
        return self.targets["identity" if term.compares == "identity" else phase]

    def embedded_targets(self) -> dict[str, set[str]]:
        """Return loss → targets that are embedded once, before training."""
        return {
            name: {self.target_of(term, phase) for phase in ("M", "T")}
            for name, term in self.terms.items()
            if term.compares in EMBEDDED
        }

    def losses(
        self, phase: str, latent: Latent, render: Render | None, batch: TimestepBatch
    ) -> dict[str, Tensor]:
        """Compute the weighted terms of Eq. 6 (phase M) or Eq. 7 (phase T).

        render  G(w); None where only codes are compared
        """
        targets = dict(gt=batch.sample.target.image_gt, x0=batch.x0)
        target = targets[self.targets[phase]]
        image = None
        if render is not None:
            size = self.size(render.image, target)
            image = pool(render.image, size)
            target = pool(target, size)

        losses = {}
        for name, term in self.terms.items():
            if image is None and term.compares not in OF_CODES:
                continue
            if term.compares in EMBEDDED:
                embedded = self.target_of(term, phase)
                prepared = self.embeddings.read(name, embedded, batch.rows, batch.steps)
            elif term.compares == "code":
                prepared = self.mean_w
            else:
                prepared = term.prepare(target)
            compared = latent.ws if term.compares in OF_CODES else image
            losses[name] = term.weight * term(compared, prepared)
        return losses

    def size(self, image: Tensor, target: Tensor) -> int:
        """Return the pixels at which two images are compared: the smallest there are."""
        sizes = [image.shape[-1], target.shape[-1]]
        return min(sizes if self.loss_size is None else [*sizes, self.loss_size])


def pool(images: Tensor, size: int) -> Tensor:
    """Average-pool images to size×size."""
    if images.shape[-1] == size:
        return images
    return F.adaptive_avg_pool2d(images, size)
