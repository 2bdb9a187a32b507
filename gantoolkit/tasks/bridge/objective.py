"""What training a bridge minimises: G(w) from the sample's camera, compared with I^gt or I^d_0 (section 3.4).

Eq. 6, turn M:  λ0‖I^gt − G(w^m)‖² + λ1·LPIPS(I^gt, G(w^m)) + λ2·(1 − cos(R(I^gt), R(G(w^m)))) + λ3‖w^m − w̄‖
Eq. 7, turn T:  λ0‖I^d_0 − G(w)‖² + λ1·LPIPS(I^d_0, G(w)) + λ2·(1 − cos(R(I^gt), R(G(w)))) + λ3‖w − w̄‖
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gantoolkit.core.types import Latent, Render
from gantoolkit.tasks.bridge.trajectories import Embeddings, TimestepBatch

TARGETS = {  # turn → what reconstruction and perceptual terms compare with; then the identity term's target
    "paper": dict(M="gt", T="x0", identity="gt"),
    "x0": dict(M="x0", T="x0", identity="x0"),  # ablation (c), style transfer
    "gt": dict(M="gt", T="gt", identity="gt"),  # ablation (d)
}


class Objective:
    """Encoder, bridge, generator and the losses between them; which samples and steps, the task decides.

    terms       name → loss, of gantoolkit.losses
    targets     a key of TARGETS; noise, loss_size, recompute and chunk as the task `bridge` describes them
    embeddings  of the identity targets, by row; to be set where a loss compares identities
    """

    embeddings: Embeddings

    def __init__(
        self,
        encoder: nn.Module,
        bridge: nn.Module,
        generator: nn.Module,
        terms: dict[str, nn.Module],
        targets: str = "paper",
        noise: str = "const",
        loss_size: int | None = None,
        recompute: int = 0,
        chunk: int | None = None,
    ):
        self.encoder, self.bridge, self.generator, self.terms = encoder, bridge, generator, terms
        self.mean_w = generator.mean_w.detach().clone()
        self.targets, self.noise, self.loss_size = TARGETS[targets], noise, loss_size
        self.recompute, self.chunk = recompute, chunk

    def compare(
        self, phase: str, latent: Latent, render: Render, moment: TimestepBatch
    ) -> dict[str, Tensor]:
        """The weighted terms of Eq. 6 (turn M) or Eq. 7 (turn T)."""
        images = dict(gt=moment.sample.target.image_gt, x0=moment.x0)
        wanted, image = self.pool(images[self.targets[phase]]), self.pool(render.image)
        found = {}
        for name, term in self.terms.items():
            if term.compares == "code":
                value = term(latent.ws, self.mean_w)
            elif term.compares == "identity":
                value = term(image, self.embeddings.read(name, moment.rows, moment.steps))
            else:
                value = term(image, term.prepare(wanted))
            found[name] = term.weight * value
        return found

    def only_h(self, phase: str) -> bool:
        """Whether a turn reads h alone, so that the encoder may stop before its up blocks."""
        return phase == "M" and not getattr(self.bridge, "reads_f", False)

    def pool(self, images: Tensor) -> Tensor:
        """Images at the size at which losses compare."""
        if self.loss_size is None or images.shape[-1] == self.loss_size:
            return images
        return F.adaptive_avg_pool2d(images, self.loss_size)

    def render(self, latent: Latent, camera=None, seeds: Sequence[int] | None = None) -> Render:
        """G(w) from the sample's camera; with seeds, one per sample, noise and ray jitter are random."""
        if not self.recompute:
            return self._render(latent.ws, camera, seeds)
        again = torch.is_grad_enabled() and latent.ws.requires_grad
        parts = []
        for first in range(0, len(latent), self.recompute):
            rows = slice(first, first + self.recompute)
            given = (
                latent.ws[rows],
                None if camera is None else camera[rows],
                None if seeds is None else seeds[rows],
            )
            parts.append(
                checkpoint(self._image, *given, use_reentrant=False)
                if again
                else self._image(*given)
            )
        return Render(torch.cat(parts), camera=camera)

    def _image(self, ws: Tensor, camera, seeds: Sequence[int] | None) -> Tensor:
        return self._render(ws, camera, seeds).image

    def _render(self, ws: Tensor, camera, seeds: Sequence[int] | None) -> Render:
        streams = (
            None
            if seeds is None
            else [torch.Generator(ws.device).manual_seed(seed) for seed in seeds]
        )
        rays = {"chunk": self.chunk} if self.chunk and self.generator.is_3d else {}
        return self.generator.render(
            ws,
            camera,
            noise="const" if seeds is None else "random",
            generator=streams,
            deterministic=seeds is None,
            **rays,
        )
