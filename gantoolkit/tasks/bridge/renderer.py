"""G(w) of a frozen generator, a few samples at a time where memory is short."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gantoolkit.core.types import Camera, Latent, Render


class Renderer:
    """Render codes with a frozen generator, in training and in validation alike.

    recompute  samples rendered at a time. Their activations are not kept: the backward pass renders
               them again. 0 = all samples at once, activations kept
    chunk      rays of a 3D generator rendered at a time; None = all
    """

    def __init__(self, generator: nn.Module, recompute: int = 0, chunk: int | None = None):
        self.generator = generator
        self.recompute = recompute
        self.chunk = chunk

    def __call__(
        self, latent: Latent, camera: Camera | None = None, seeds: Sequence[int] | None = None
    ) -> Render:
        """Render `latent` [B] from `camera`.

        seeds  one per sample: noise and ray jitter are random; None: deterministic
        """
        if not self.recompute:
            return self.render(latent.ws, camera, seeds)

        differentiate = torch.is_grad_enabled() and latent.ws.requires_grad
        images = []
        for first in range(0, len(latent), self.recompute):
            rows = slice(first, first + self.recompute)
            arguments = (
                latent.ws[rows],
                None if camera is None else camera[rows],
                None if seeds is None else seeds[rows],
            )
            if differentiate:
                image = checkpoint(self._image, *arguments, use_reentrant=False)
            else:
                image = self._image(*arguments)
            images.append(image)
        return Render(torch.cat(images), camera=camera)

    def render(self, ws: Tensor, camera: Camera | None, seeds: Sequence[int] | None) -> Render:
        """Render all of `ws` [B,L,w_dim] at once."""
        streams = None
        if seeds is not None:
            streams = [torch.Generator(ws.device).manual_seed(seed) for seed in seeds]

        options = {}
        if self.chunk and self.generator.is_3d:
            options["chunk"] = self.chunk

        return self.generator.render(
            ws,
            camera,
            noise="const" if seeds is None else "random",
            generator=streams,
            deterministic=seeds is None,
            **options,
        )

    def _image(self, ws: Tensor, camera: Camera | None, seeds: Sequence[int] | None) -> Tensor:
        return self.render(ws, camera, seeds).image
