"""Task `stylize`: fine-tune a generator on one style reference, so that it renders everybody in it.

After JoJoGAN (Chong and Forsyth, ECCV 2022).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Score, Scores
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.task import Task
from gantoolkit_stylize.config import StylizeConfig
from gantoolkit_stylize.features import FeatureMatching, load_features
from gantoolkit_stylize.mixing import mix, replaced_layers
from gantoolkit_stylize.references import find_codes, find_references, read_reference

COLUMNS = 8
INVERSION_TITLE = "inversion of the style"


class Stylize(Task):
    """Train a copy G' of a generator G to render the style reference from mixed codes.

    L = mean over levels of |φ(G'(s̃)) − φ(style)| + pixels · |G'(s̃) − style|; s̃ are codes of the
    reference, mixed with random ones (mixing.py).
    """

    config: StylizeConfig
    config_class = StylizeConfig
    system = "stylized"

    def __init__(self, config: StylizeConfig, device: str | torch.device = "cpu", seed: int = 0):
        self.config = config
        self.style_paths = find_references(config.style)
        self.device = torch.device(device)
        self.seed = seed
        self.inversion = dict(config.inversion or {})
        self.base_generator = load_stylegan2(config.generator).to(self.device)
        self.generator = load_stylegan2(config.generator).to(self.device)
        num_ws = self.base_generator.num_ws
        self.layers = replaced_layers(num_ws, config.layers, config.preserve_color)

        resolution = self.base_generator.resolution
        self.features = load_features(config.generator, config.features, config.trunk, resolution)
        self.matching = FeatureMatching(self.features.network, config.pixels).to(self.device)
        images = [read_reference(path, resolution) for path in self.style_paths]
        self.images = torch.stack(images).to(self.device)
        self.codes = None
        self.target = self.matching.prepare(self.images)
        parameters = unfreeze_blocks(self.generator, config.freeze)
        self.modules = {"generator": self.generator}
        self.optimizers = {"G": torch.optim.Adam(parameters, config.lr, config.betas)}

    def size(self) -> int:
        return len(self.images)

    def prepare(self, folder: Path, progress) -> None:
        """Invert the references, which gives the same codes again after a resume."""
        if self.codes is not None:
            return
        count = len(self.images)
        progress(INVERSION_TITLE, 0, count)
        say = getattr(progress, "say", lambda _: None)
        say(self.features.sentence)
        trunk = self.config.trunk
        self.codes = find_codes(self.base_generator, self.images, trunk, **self.inversion)
        progress(INVERSION_TITLE, count, count)

    @torch.no_grad()
    def mixed_codes(self, rows: Tensor, z: Tensor) -> Tensor:
        """Mix the codes of references `rows` with random z [B,z_dim]: s̃ [B,L,w_dim].

        The mapping network is never trained.
        """
        random_codes = self.base_generator.mapping(z.to(self.device))
        return mix(self.codes[rows], random_codes, self.layers, self.config.alpha)

    def compare(
        self, generator, rows: Tensor, ws: Tensor, noise: str, seed: int
    ) -> dict[str, Tensor]:
        """Return the terms between renders of ws and the references `rows`."""
        stream = torch.Generator(self.device).manual_seed(seed)
        image = generator.render(ws, noise=noise, generator=stream).image.float()
        return self.matching(image, [level[rows] for level in self.target])

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        ws = self.mixed_codes(batch.indices, batch.normal(self.base_generator.z_dim))
        noise_seed = int(batch.seeds[0])
        return self.compare(self.generator, batch.indices, ws, self.config.noise, noise_seed)

    # -- what is shown and kept --------------------------------------------------------------------

    @torch.no_grad()
    def _scores(self, generator, count: int = 16) -> Scores:
        """Score the distance to the references over mixed codes that training did not draw."""
        rows = torch.arange(count) % len(self.images)
        ws = self.mixed_codes(rows, self.random_z(count))
        distances = []
        for chunk_rows, chunk_ws in zip(rows.split(4), ws.split(4)):
            terms = self.compare(generator, chunk_rows, chunk_ws, "const", 0)
            distances.append(terms["features"])
        conditions = {"features": self.features.name, "data": "references, mixed codes"}
        distance = float(torch.stack(distances).mean())
        return {"distance": Score(distance, count, False, conditions)}

    def random_z(self, count: int) -> Tensor:
        """Return z [count,z_dim], the same every time."""
        stream = torch.Generator().manual_seed(self.seed + 1)
        return torch.randn(count, self.base_generator.z_dim, generator=stream)

    def validate(self, limit: int | None = None) -> Scores:
        return self._scores(self.generator)

    def other_scores(self) -> dict[str, Scores]:
        return {"before": self._scores(self.base_generator)}

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Draw references and random people, rendered before and after."""
        before = self.base_generator.render(self.codes).image
        after = self.generator.render(self.codes).image
        trios = torch.stack([self.images, before, after], 1).flatten(0, 1)[:COLUMNS]
        white = trios.new_ones(COLUMNS - len(trios), *trios.shape[1:])
        ws = self.base_generator.mapping(self.random_z(COLUMNS))
        rows = [
            torch.cat([trios, white]),
            self.base_generator.render(ws).image,
            self.generator.render(ws).image,
        ]
        return {"stylized": image_grid(rows)}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/stylized.safetensors, a StyleGAN2 with the old mean code and mapping."""
        base = self.config.generator
        _, arch, meta = weights.load(base, kinds=("StyleGAN2",))
        networks = (weights.training_networks(base) or {}) | self.networks()
        facts = {
            "networks": json.dumps(networks),
            "style": ", ".join(path.name for path in self.style_paths),
            "base": base,
            "base_sha256": weights.sha256(weights.resolve(base)),
            "compared_by": self.features.name,
            "licence": meta.get("licence", "that of its base"),
        }
        path = folder / "stylized.safetensors"
        return [weights.save(path, self.generator.state_dict(), arch, half=True, **facts)]

    def notes(self) -> list[str]:
        notes = [self.features.sentence]
        if self.matching.pixels:
            weight = f"{self.matching.pixels:g}"
            notes.append(f"Pixels are compared too (weight {weight}); the paper has no such term.")
        styles = []
        for path in self.style_paths:
            styles.append(f"{path.name} (sha256 {weights.sha256(path)[:16]}…)")
        layers = ", ".join(str(layer) for layer in self.layers)
        notes.append(
            f"Style: {', '.join(styles)}. Codes {layers} of {self.base_generator.num_ws} were "
            f"drawn at random (alpha {self.config.alpha:g})."
        )
        return notes

    def networks(self) -> dict[str, str]:
        roles = {"features": self.features.name}
        if not self.inversion.get("encoder"):
            roles["inversion"] = self.config.trunk
        return roles

    def weights(self) -> dict[str, str]:
        names = {self.config.generator, *self.networks().values()}
        if self.inversion.get("encoder"):
            names.add(self.inversion["encoder"])
        return weights.checksums(names)


def load_stylegan2(name: str):
    """Load a StyleGAN2 without labels; UsageError for other generators."""
    from gantoolkit.generators import load_generator
    from gantoolkit.generators.stylegan2 import StyleGAN2

    generator = load_generator(name)
    kind = type(generator).__name__
    if isinstance(generator, StyleGAN2):
        if not generator.c_dim:
            return generator
        kind += " with labels"
    raise UsageError(f"{name} holds {kind}; what can be stylized is a StyleGAN2 without labels.")


def unfreeze_blocks(generator, freeze: tuple[int, ...]) -> list[torch.nn.Parameter]:
    """Return the synthesis parameters that train: all blocks but those of the sizes `freeze`."""
    sizes = generator.synthesis.resolutions
    unknown = [size for size in freeze if size not in sizes]
    if unknown:
        known = ", ".join(str(size) for size in sizes)
        raise UsageError(f"freeze names a block of {unknown[0]} px; there are {known}.")
    blocks = [getattr(generator.synthesis, f"b{size}") for size in sizes if size not in freeze]
    if not blocks:
        raise UsageError("freeze leaves no block to train; leave one out.")
    return [parameter.requires_grad_() for block in blocks for parameter in block.parameters()]
