"""The method on one page: text and a mask go in, a face of a GAN comes out.

    for features in encoder.trace(condition):      a ControlNet-conditioned U-Net denoises z_t (frozen)
        latent = bridge(features)                   M and T make codes: w = w^m ⊙ w^γ + w^β (Eq. 4)
    render = generator.render(latent.ws, camera)    the GAN draws I' = G(w) (Eq. 5, frozen)

`t_out` is a denoising time, 999 (noise) to 0: the trajectory stops at the first step that reaches it. An early
stop saves the evaluations that follow. `aggregate="mean"` averages w over all steps until then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import torch
from torch import nn

from gantoolkit.core.types import Camera, Condition, Latent, Render


class Pipeline:
    """Encoder, bridge and generator; `pipeline(condition) -> Render`.

    condition   'mask', 'scribble' or 'both': what the encoder's ControlNets were trained for
    camera_for  (condition, generator) → Camera [B] or None: where a 3D face is seen from unless a
                camera is given; by default the condition's own camera
    resolution  pixels per side of the images, and of the masks that the mini models saw
    """

    def __init__(
        self,
        encoder,
        bridge,
        generator,
        condition: str = "mask",
        camera_for: Callable[[Condition, nn.Module], Camera | None] | None = None,
    ):
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
        **options,
    ) -> Latent:
        """Codes [B,L,w_dim] at `t_out`, or their mean over the steps until then."""
        found = []
        for features in self.encoder.trace(condition, source=source, x0=False, **options):
            reached = int(features.t.max()) <= t_out
            if aggregate == "mean" or reached:
                found.append(self.bridge(features))
            if reached:
                break
        return mean(found) if aggregate == "mean" else (found or [self.bridge(features)])[-1]

    @torch.no_grad()
    def __call__(
        self,
        condition: Condition,
        camera: Camera | None = None,
        t_out: int = 0,
        aggregate: str = "last",
        **options,
    ) -> Render:
        """Render faces [B,3,R,R] from `camera` (default: what `camera_for` says)."""
        latent = self.latent(condition, t_out, aggregate, **options)
        return self.render(latent, camera or self.camera_for(condition, self.generator))

    def render(self, latent: Latent, camera: Camera | None = None) -> Render:
        """G(w), the same picture every time."""
        return self.generator.render(latent.ws, camera, noise="const", deterministic=True)

    def to(self, device) -> Pipeline:
        """The same pipeline on another device."""
        for part in (self.encoder, self.bridge, self.generator):
            part.to(device)
        return self


def own_camera(condition: Condition, generator) -> Camera | None:
    """The camera that the condition was seen from, if it has one."""
    return condition.camera


def mean(latents: list[Latent]) -> Latent:
    """The average of codes over steps."""

    def average(name: str):
        values = [getattr(latent, name) for latent in latents]
        return None if values[0] is None else torch.stack(values).mean(0)

    return Latent(**{f.name: average(f.name) for f in fields(Latent)})
