"""The method on one page: text and a mask go in, a face of a GAN comes out.

    for features in encoder.trace(condition):     a U-Net with ControlNet denoises z_t (frozen)
        latent = bridge(features)                 M and T make codes: w = w^m ⊙ w^γ + w^β (Eq. 4)
    render = generator.render(latent.ws, camera)  the GAN renders I' = G(w) (Eq. 5, frozen)

`t_out` is a denoising time, 999 (noise) to 0: the trajectory stops at the first step that reaches
it. An early stop saves the evaluations that follow. `aggregate="mean"` averages w over all steps
until then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Self

import torch
from torch import Tensor

from gantoolkit.core.stages import Bridge, Encoder, Generator
from gantoolkit.core.types import Camera, Condition, Latent, Render


class Pipeline:
    """Encoder, bridge and generator in a row: `pipeline(condition)` renders faces.

    encoder     frozen; `encoder.trace(condition)` yields the features of every denoising step
    bridge      Features → Latent
    generator   frozen; `generator.render(ws, camera)` gives a Render
    condition   'mask', 'scribble' or 'both': what the encoder's ControlNets were trained for
    camera_for  (condition, generator) → Camera [B] or None: where a 3D face is seen from unless a
                camera is given; by default the condition's own camera

    Its `resolution` is the number of pixels per side of the images.

    >>> import torch
    >>> from gantoolkit.bridges.mapping import Mapping
    >>> from gantoolkit.encoders.controlnet import ControlNetEncoder
    >>> from gantoolkit.generators import load_generator
    >>> encoder = ControlNetEncoder("diffusion", "controlnet-mask", steps=2)
    >>> generator = load_generator("stylegan2")
    >>> bridge = Mapping(encoder.shapes, generator.num_ws, generator.w_dim, generator.mean_w)
    >>> pipeline = Pipeline(encoder, bridge, generator)
    >>> mask = torch.zeros(1, 19, 128, 128)
    >>> condition = Condition(("a smiling woman",), mask, seed=torch.tensor([0]))
    >>> pipeline(condition).image.shape
    torch.Size([1, 3, 128, 128])
    """

    def __init__(
        self,
        encoder: Encoder,
        bridge: Bridge,
        generator: Generator,
        condition: str = "mask",
        camera_for: Callable[[Condition, Generator], Camera | None] | None = None,
    ) -> None:
        self.encoder = encoder
        self.bridge = bridge.eval()
        self.generator = generator
        self.condition = condition
        self.camera_for = camera_for or own_camera
        self.resolution = generator.resolution

    @torch.no_grad()
    def latent(
        self,
        condition: Condition,
        t_out: int = 0,
        aggregate: str = "last",
        source: str = "trajectory",
        on_step: Callable[[], None] | None = None,
        **options: Any,
    ) -> Latent:
        """Compute codes [B,L,w_dim] at `t_out`, or their mean over the steps until then.

        source   where z_t comes from: 'trajectory' or 'gt_noised'
        on_step  called after each denoising step
        """
        latents = []
        for features in self.encoder.trace(condition, source=source, x0=False, **options):
            if on_step is not None:
                on_step()
            is_last = int(features.t.max()) <= t_out
            if aggregate == "mean" or is_last:
                latents.append(self.bridge(features))
            if is_last:
                break
        if aggregate == "mean":
            return mean(latents)
        # no step may be as low as t_out; then it is the last one
        return latents[-1] if latents else self.bridge(features)

    @torch.no_grad()
    def __call__(
        self,
        condition: Condition,
        camera: Camera | None = None,
        t_out: int = 0,
        aggregate: str = "last",
        **options: Any,
    ) -> Render:
        """Render faces [B,3,R,R] from `camera` (default: what `camera_for` says)."""
        latent = self.latent(condition, t_out, aggregate, **options)
        return self.render(latent, camera or self.camera_for(condition, self.generator))

    def render(self, latent: Latent, camera: Camera | None = None) -> Render:
        """Render G(w) without randomness: the same codes give the same image."""
        return self.generator.render(latent.ws, camera, noise="const", deterministic=True)

    def to(self, device: str | torch.device) -> Self:
        """Move encoder, bridge and generator to another device."""
        self.encoder.to(device)
        self.bridge.to(device)
        self.generator.to(device)
        return self


def own_camera(condition: Condition, generator: Generator) -> Camera | None:
    """Return the camera that the condition was seen from, if it has one."""
    return condition.camera


def mean(latents: list[Latent]) -> Latent:
    """Average codes over steps."""

    def average(name: str) -> Tensor | None:
        values = [getattr(latent, name) for latent in latents]
        return None if values[0] is None else torch.stack(values).mean(0)

    averages: dict[str, Any] = {field.name: average(field.name) for field in fields(Latent)}
    return Latent(**averages)
