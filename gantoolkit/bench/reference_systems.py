"""Systems that scores are read against: photos, random faces, inversions of I^d_0."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.bench.systems import Diffused, System
from gantoolkit.bench.trained_by import networks_of_generator, notes_on_generator
from gantoolkit.core.camera import frame_of
from gantoolkit.core.errors import DataError
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Camera, Condition, Render
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.pair_rule import SEED_STRIDE
from gantoolkit.generators.inversion import invert
from gantoolkit.networks.blocks import fit
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


class RendersCodes(System):
    """A system whose solutions are codes ws [B,num_ws,w_dim] of `generator`."""

    generator_name: str
    generator: nn.Module

    @torch.no_grad()
    def render(self, solution: Tensor, camera: Camera | None) -> Render:
        return self.generator.render(solution, camera, noise="const", deterministic=True)

    def codes(self, solution: Tensor) -> Tensor:
        return solution

    def notes(self) -> list[str]:
        return notes_on_generator(self.generator_name)


class RandomSamples(RendersCodes):
    """Render a generator's faces for codes z ~ N(0, I), in 3D from the pair's camera.

    generator       a name, a file, or the folder of a run that trained one
    truncation_psi  1 = the whole distribution
    """

    needs: tuple[str, ...] = ()
    latent_source = "random codes"

    def __init__(self, generator: str, truncation_psi: float = 1.0):
        from gantoolkit.generators import load_generator

        self.generator_name = generator_file(generator)
        self.psi = truncation_psi
        self.generator = load_generator(self.generator_name)
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

    def networks(self) -> dict[str, str]:
        return networks_of_generator(self.generator_name)

    def weights(self) -> dict[str, str]:
        return weights.checksums([self.generator_name])

    def to(self, device) -> RandomSamples:
        self.generator.to(device)
        return self


class InvertedDiffused(RendersCodes, Diffused):
    """Invert I^d_0: find the W+ codes that come closest to the diffusion model's own image.

    What a bridge that reads the same trajectory could reach. The codes are optimized, image by
    image, by pixels and by the features of a network.

    generator        a name, a file, or the folder of a run that trained one
    network          weights name of a network with perceptual features
    inversion_steps  of the optimization
    weights          folder or name of the diffusion model
    controlnet       folder or name of a ControlNet; None: text only
    steps            DDIM steps
    guidance         scale of classifier-free guidance
    precision        'fp32' or 'bf16'
    """

    model = "GAN"

    def __init__(
        self,
        generator: str,
        weights: str,
        controlnet: str | None = None,
        steps: int = 20,
        guidance: float = 3.0,
        precision: str = "fp32",
        network: str = "parser",
        inversion_steps: int = 300,
    ):
        from gantoolkit import networks
        from gantoolkit.generators import load_generator
        from gantoolkit.networks.perceptual import Perceptual

        super().__init__(weights, controlnet, steps=steps, guidance=guidance, precision=precision)
        self.generator_name, self.network = generator_file(generator), network
        self.steps = inversion_steps
        self.generator = load_generator(self.generator_name)
        self.perceptual = Perceptual(networks.load(network))
        self.frame = frame_of(self.generator)
        self.is_3d = self.generator.is_3d
        if self.is_3d:
            self.needs += ("camera",)

    def solve(self, condition: Condition, image: Tensor | None = None) -> Tensor:
        return self._invert(super().solve(condition, image).image, condition.camera)

    def solve_shared(self, condition: Condition, image: Tensor | None, folder: Path) -> Tensor:
        return self._invert(super().solve_shared(condition, image, folder).image, condition.camera)

    def _invert(self, images: Tensor, camera: Camera | None) -> Tensor:
        """Find ws [B,num_ws,w_dim] of images; in 3D seen from `camera`."""
        images = fit(images, self.generator.resolution)
        camera = camera if self.is_3d else None
        return invert(self.generator, images, camera, self.steps, perceptual=self.perceptual)

    def networks(self) -> dict[str, str]:
        return {**networks_of_generator(self.generator_name), "inversion": self.network}

    def weights(self) -> dict[str, str]:
        return super().weights() | weights.checksums([self.generator_name, self.network])

    def to(self, device) -> InvertedDiffused:
        for module in (self.encoder, self.generator, self.perceptual):
            module.to(device)
        return self


def generator_file(name: str) -> str:
    """Return a generator's name or file; of a run's folder, the file that it exported."""
    exports = exported_weights(Path(name))
    return str(exports[0]) if exports else name
