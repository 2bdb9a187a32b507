"""Task `stylise`: one style reference, a generator that draws everybody in it (JoJoGAN)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Score, Scores
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.task import Task
from gantoolkit_stylise import features as comparing
from gantoolkit_stylise import references
from gantoolkit_stylise.mixing import mix, replaced

COLUMNS = 8
INVERSION = ("steps", "lr", "anchor", "encoder")


class Stylise(Task):
    """L = mean over levels of |φ(G'(s̃)) − φ(style)| + pixels · |G'(s̃) − style|, G' a copy of G.

    s̃ are codes of the reference, mixed with random ones as in mixing.py.

    style           a picture of a face, or a folder of such; framed as the generator draws faces
    generator       a StyleGAN2: weights name or file
    features        φ: 'auto' (the discriminator in the generator's file, else `trunk`), or a file or name
    trunk           network with perceptual features: of the inversion, and φ where there is no discriminator
    pixels          weight of the second term, which the paper lacks: for a trunk, which hardly sees colours
    alpha           strength of the mixing, 0..1
    layers          codes that are drawn at random (None: the paper's, at the same depth)
    preserve_color  the paper's other choice of layers, after which colours are the input's
    inversion       references.codes: steps, lr, anchor; or encoder, a published encoder of W+
    freeze          sizes of the blocks that stay as they are, for instance [4, 8] against a change of shapes
    noise           inside the generator: 'const', 'random' or 'none'
    """

    system = "stylised"

    def __init__(
        self,
        style: str,
        generator: str = "stylegan2",
        features: str = "auto",
        trunk: str = "parser",
        pixels: float = 0.0,
        alpha: float = 1.0,
        layers: tuple[int, ...] | None = None,
        preserve_color: bool = False,
        inversion: dict | None = None,
        freeze: tuple[int, ...] = (),
        noise: str = "random",
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.0, 0.99),
        device: str | torch.device = "cpu",
        seed: int = 0,
    ):
        self.paths = references.paths(style)
        self.device, self.seed, self.name, self.trunk = torch.device(device), seed, generator, trunk
        self.inversion, self.alpha, self.noise = dict(inversion or {}), alpha, noise
        if wrong := set(self.inversion) - set(INVERSION):
            raise UsageError(
                f"There is no '{sorted(wrong)[0]}' in inversion ({', '.join(INVERSION)})."
            )
        if not 0 < alpha <= 1:
            raise UsageError(f"alpha={alpha} must lie above 0 and not above 1.")
        self.before, self.generator = (load(generator).to(self.device) for _ in range(2))
        self.layers = replaced(self.before.num_ws, layers, preserve_color)
        found = comparing.find(generator, features, trunk, self.before.resolution)
        network, self.compared, self.sentence = found
        self.matching = comparing.Matching(network, pixels).to(self.device)
        images = [references.read(path, self.before.resolution) for path in self.paths]
        self.images, self.codes = torch.stack(images).to(self.device), None
        self.wanted = self.matching.wanted(self.images)
        self.modules = dict(generator=self.generator)
        self.optimizers = dict(G=torch.optim.Adam(thaw(self.generator, freeze), lr, betas))

    def size(self) -> int:
        return len(self.images)

    def prepare(self, folder: Path, progress) -> None:
        """Invert the references, which gives the same codes again after a resume."""
        if self.codes is None:
            progress("inversion of the style", 0, len(self.images))
            getattr(progress, "say", lambda _: None)(self.sentence)
            self.codes = references.codes(self.before, self.images, self.trunk, **self.inversion)
            progress("inversion of the style", len(self.images), len(self.images))

    @torch.no_grad()
    def mixed(self, rows: Tensor, z: Tensor) -> Tensor:
        """s̃ [B,L,w_dim] of references `rows` and random z [B,z_dim]; the mapping is never trained."""
        return mix(
            self.codes[rows], self.before.mapping(z.to(self.device)), self.layers, self.alpha
        )

    def distance(
        self, generator, rows: Tensor, ws: Tensor, noise: str, seed: int
    ) -> dict[str, Tensor]:
        """The terms of what a generator draws of ws against its references."""
        stream = torch.Generator(self.device).manual_seed(seed)
        image = generator.render(ws, noise=noise, generator=stream).image.float()
        return self.matching(image, [level[rows] for level in self.wanted])

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        ws = self.mixed(draw.indices, draw.normal(self.before.z_dim))
        return self.distance(self.generator, draw.indices, ws, self.noise, int(draw.seeds[0]))

    # -- what is shown and kept ----------------------------------------------------------------------

    @torch.no_grad()
    def _scores(self, generator, count: int = 16) -> Scores:
        """Mean distance to the references over mixed codes that training did not draw."""
        rows = torch.arange(count) % len(self.images)
        ws = self.mixed(rows, self.random(count))
        parts = zip(rows.split(4), ws.split(4))
        found = [self.distance(generator, r, w, "const", 0)["features"] for r, w in parts]
        facts = {"features": self.compared, "data": "references, mixed codes"}
        return {"distance": Score(float(torch.stack(found).mean()), count, False, facts)}

    def random(self, count: int) -> Tensor:
        """z [count,z_dim], the same every time."""
        return torch.randn(
            count, self.before.z_dim, generator=torch.Generator().manual_seed(self.seed + 1)
        )

    def validate(self, limit: int | None = None) -> Scores:
        return self._scores(self.generator)

    def other_scores(self) -> dict[str, Scores]:
        return {"before": self._scores(self.before)}

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Rows: references and what their codes drew; random people before; the same after."""
        ws = self.before.mapping(self.random(COLUMNS))
        shown = [
            self.images,
            self.before.render(self.codes).image,
            self.generator.render(self.codes).image,
        ]
        top = torch.stack([image for trio in zip(*shown) for image in trio])[:COLUMNS]
        top = torch.cat([top, top.new_ones(COLUMNS - len(top), *top.shape[1:])])
        return {
            "stylised": image_grid([top, self.before.render(ws).image, self.generator.render(ws).image])
        }

    def export(self, folder: Path) -> list[Path]:
        """FOLDER/stylised.safetensors: a StyleGAN2 like the zoo's, mean code and mapping as they were."""
        _, arch, meta = weights.load(self.name, kinds=("StyleGAN2",))
        facts = {
            "style": ", ".join(path.name for path in self.paths),
            "base": self.name,
            "base_sha256": weights.sha256(weights.resolve(self.name)),
            "compared_by": self.compared,
            "licence": meta.get("licence", "that of its base"),
        }
        path, state = folder / "stylised.safetensors", self.generator.state_dict()
        return [weights.save(path, state, arch, half=True, **facts)]

    def notes(self) -> list[str]:
        sums = ", ".join(
            f"{path.name} (sha256 {weights.sha256(path)[:16]}…)" for path in self.paths
        )
        ours = [
            f"Pixels are compared too (weight {self.matching.pixels:g}); the paper has no such term."
        ]
        ours = ours if self.matching.pixels else []
        layers = f"{', '.join(map(str, self.layers))} of {self.before.num_ws}"
        return [
            self.sentence,
            *ours,
            f"Style: {sums}. Codes {layers} were drawn at random (alpha {self.alpha:g}).",
        ]

    def networks(self) -> dict[str, str]:
        found = {"features": self.compared}
        return found if self.inversion.get("encoder") else found | {"inversion": self.trunk}

    def weights(self) -> dict[str, str]:
        names = {
            self.name,
            *self.networks().values(),
            *filter(None, [self.inversion.get("encoder")]),
        }
        return weights.checksums(names)


def load(name: str):
    """A StyleGAN2 without labels; others are refused."""
    from gantoolkit.generators import load_generator
    from gantoolkit.generators.stylegan2 import StyleGAN2

    generator = load_generator(name)
    if not isinstance(generator, StyleGAN2) or generator.c_dim:
        kind = type(generator).__name__ + (
            " with labels" if isinstance(generator, StyleGAN2) else ""
        )
        raise UsageError(
            f"{name} holds {kind}; what can be stylised is a StyleGAN2 without labels."
        )
    return generator


def thaw(generator, freeze: tuple[int, ...]) -> list[torch.nn.Parameter]:
    """Parameters of the synthesis that train: those of all blocks but the frozen ones; no mapping network."""
    sizes = generator.synthesis.resolutions
    if wrong := [size for size in freeze if size not in sizes]:
        raise UsageError(
            f"freeze names a block of {wrong[0]} px; there are {', '.join(map(str, sizes))}."
        )
    blocks = [getattr(generator.synthesis, f"b{size}") for size in sizes if size not in freeze]
    if not blocks:
        raise UsageError("freeze leaves no block to train; leave one out.")
    return [p.requires_grad_() for block in blocks for p in block.parameters()]
