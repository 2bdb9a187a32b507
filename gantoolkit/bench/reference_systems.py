"""Systems that scores are read against: the photo, other photos, a generator's random faces."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.bench.systems import System
from gantoolkit.bench.trained_by import networks_of_generator, notes_on_generator
from gantoolkit.core.camera import frame_of
from gantoolkit.core.errors import DataError
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Camera, Condition, Render
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.pair_rule import SEED_STRIDE
from gantoolkit.training.run_folder import exported_weights


class GroundTruth(System):
    """Return the photo itself: the scores of perfect results."""

    needs = ("image",)
    model = "none"

    def solve(self, condition: Condition, image: Tensor | None = None) -> Render:
        return Render(image)


class OtherRealPhotos(System):
    """Return photos of other people, photo i for pair i: how far two sets of real photos are apart.

    data  an archive, by name or path, with at least as many photos as there are pairs
    """

    needs = ("image",)
    model = "none"
    latent_source = "none"

    def __init__(self, data: str):
        self.data = FaceZip(data)

    def solve(self, condition: Condition, image: Tensor | None = None) -> Render:
        indices = condition.seed % SEED_STRIDE
        if int(indices.max()) >= len(self.data):
            raise DataError(
                f"{self.data.path} has {len(self.data)} pictures, fewer than there are pairs."
            )
        return Render(to_float(self.data.images[indices]))

    def weights(self) -> dict[str, str]:
        return {self.data.path.name: self.data.sha256}


class RandomSamples(System):
    """Render a generator's faces for codes z ~ N(0, I), in 3D from the pair's camera.

    generator       a name, a file, or the folder of a run that trained one
    truncation_psi  1 = the whole distribution
    """

    needs: tuple[str, ...] = ()
    latent_source = "random codes"

    def __init__(self, generator: str, truncation_psi: float = 1.0):
        from gantoolkit.generators import load_generator

        exports = exported_weights(Path(generator))
        self.name = str(exports[0]) if exports else generator
        self.psi = truncation_psi
        self.generator = load_generator(self.name)
        self.frame = frame_of(self.generator)
        self.is_3d = self.generator.is_3d
        if self.is_3d:
            self.needs = ("camera",)

    @torch.no_grad()
    def solve(self, condition: Condition, image: Tensor | None = None) -> Tensor:
        """Return ws [B,num_ws,w_dim] of one z per pair, drawn from the pair's seed."""
        streams = [torch.Generator().manual_seed(int(seed)) for seed in condition.seed]
        z = torch.stack([torch.randn(self.generator.z_dim, generator=stream) for stream in streams])
        return self.generator.mapping(z.to(self.generator.mean_w), truncation_psi=self.psi)

    @torch.no_grad()
    def render(self, solution: Tensor, camera: Camera | None) -> Render:
        return self.generator.render(solution, camera, noise="const", deterministic=True)

    def networks(self) -> dict[str, str]:
        return networks_of_generator(self.name)

    def weights(self) -> dict[str, str]:
        return weights.checksums([self.name])

    def notes(self) -> list[str]:
        return notes_on_generator(self.name)

    def to(self, device) -> RandomSamples:
        self.generator.to(device)
        return self
