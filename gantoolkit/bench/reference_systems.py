"""Systems that measure parts rather than compete: the photo itself, other photos, and a generator's random faces."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.bench.systems import System
from gantoolkit.core.camera import frame_of
from gantoolkit.core.errors import DataError
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Camera, Condition, Render
from gantoolkit.data.face_zip import SEED_STRIDE, FaceZip
from gantoolkit.training.run_folder import exported


class Photo(System):
    """The photo itself: what the judge says of perfect results."""

    needs = ("image",)
    model = "none"

    def solve(self, condition: Condition, image: Tensor | None = None) -> Render:
        return Render(image)


class Faces(System):
    """Photos of other people, picture i for pair i: how far two sets of real pictures are from each other.

    data  an archive, by name or path, of at least as many pictures as there are pairs
    """

    needs = ("image",)
    model = "none"
    latent_source = "none"

    def __init__(self, data: str):
        self.data = FaceZip(data)

    def solve(self, condition: Condition, image: Tensor | None = None) -> Render:
        rows = condition.seed % SEED_STRIDE
        if int(rows.max()) >= len(self.data):
            raise DataError(
                f"{self.data.path} has {len(self.data)} pictures, fewer than there are pairs."
            )
        return Render(to_float(self.data.images[rows]))

    def weights(self) -> dict[str, str]:
        return {self.data.path.name: self.data.sha256}


class Drawn(System):
    """A generator's faces for codes z ~ N(0, I), one per pair, from the pair's camera where it is 3D.

    generator       a name, a file, or the folder of a run that trained one
    truncation_psi  1 = the whole distribution
    """

    needs: tuple[str, ...] = ()

    def __init__(self, generator: str, truncation_psi: float = 1.0):
        from gantoolkit.generators import load_generator

        trained = exported(Path(generator))
        self.name, self.psi = str(trained[0]) if trained else generator, truncation_psi
        self.generator = load_generator(self.name)
        self.is_3d = self.generator.is_3d
        self.frame = frame_of(self.generator)
        self.needs = ("camera",) if self.is_3d else ()
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
