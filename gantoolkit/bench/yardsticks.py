"""Systems that measure parts rather than compete: the photo itself, and a generator's random faces."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.bench.systems import System
from gantoolkit.types import Camera, Condition, Render


class Photo(System):
    """The photo itself: what the judge says of perfect results."""

    needs = ("image",)
    model = "none"

    def solve(self, condition: Condition, image: Tensor | None = None) -> Render:
        return Render(image)


class Drawn(System):
    """A generator's faces for codes z ~ N(0, I), one per pair, from the pair's camera where it is 3D.

    generator       a name or file
    truncation_psi  1 = the whole distribution
    """

    needs: tuple[str, ...] = ()

    def __init__(self, generator: str, truncation_psi: float = 1.0):
        from gantoolkit.generators import load_generator

        self.name, self.psi = generator, truncation_psi
        self.generator = load_generator(generator)
        self.solid = self.generator.needs_camera
        self.needs, self.domain = (("camera",), "3D") if self.solid else ((), "2D")
        self.latent_source = "random codes"

    @torch.no_grad()
    def solve(self, condition: Condition, image: Tensor | None = None) -> Tensor:
        streams = (torch.Generator().manual_seed(int(seed)) for seed in condition.seed)
        z = torch.stack([torch.randn(self.generator.z_dim, generator=stream) for stream in streams])
        return self.generator.mapping(z.to(self.generator.mean_w), truncation_psi=self.psi)

    @torch.no_grad()
    def render(self, solution: Tensor, camera: Camera | None) -> Render:
        return self.generator.render(solution, camera, noise="const", deterministic=True)

    def weights(self) -> dict[str, str]:
        return weights.checksums([self.name])

    def to(self, device) -> Drawn:
        self.generator.to(device)
        return self
