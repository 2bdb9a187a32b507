"""Task `codes`: train a generator's mapping network on the codes that an encoder reads off faces.

Regression from factors (task `gan`) leaves the mapping network with the mean of all that factors do
not say, and faces of random codes are soft, although the same synthesis network renders a face well
from the code that the encoder reads off it. Here the synthesis network stays as it is, to the last
bit, and a discriminator of codes teaches a new mapping network their distribution.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Score, Scores
from gantoolkit.data.split import HeldOutSplit
from gantoolkit.generators.mapping_network import MappingNetwork
from gantoolkit.metrics.fid import frechet_distance
from gantoolkit.networks.discriminators import CodeDiscriminator
from gantoolkit.tasks.gan.config import CodesConfig
from gantoolkit.tasks.gan.losses import discriminator_loss, generator_loss, r1_penalty
from gantoolkit.tasks.gan.start import build_initial_encoder, read_encoder_spec
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema
from gantoolkit.training.run_folder import exported_weights
from gantoolkit.training.task import Task

BETAS = (0.0, 0.99)
ENCODER_BATCH = 100


class Codes(Task):
    """Train a mapping network M against a discriminator D of codes.

    L_D = softplus(−D(w)) + softplus(D(M(z))) + R1 on both;  L_M = softplus(−D(M(z))); w are codes
    that the encoder reads off the faces of `data`.
    """

    config: CodesConfig
    config_class = CodesConfig

    def __init__(self, config: CodesConfig, device: torch.device | str = "cpu", seed: int = 0):
        self.config = config
        self.device = torch.device(device)
        self.seed = seed
        self.split = HeldOutSplit(config.data, held_out=config.held_out)
        self.faces = self.split.train
        self._load_run(Path(config.run))

        torch.manual_seed(seed)
        self.mapping_arch = {
            "mapping_layers": config.mapping_layers,
            "mapping_features": config.mapping_features,
            "mapping_lr_mul": 1.0,
        }
        self.mapping = MappingNetwork(
            self.generator.z_dim,
            0,
            self.generator.w_dim,
            self.generator.num_ws,
            config.mapping_layers,
            1.0,
            config.mapping_features,
        ).to(self.device)
        d_options = config.discriminator or {}
        self.discriminator = CodeDiscriminator(self.generator.w_dim, **d_options)
        self.discriminator.to(self.device)
        self.ema_mapping = frozen_copy(self.mapping)
        self.modules = {"mapping": self.mapping, "discriminator": self.discriminator}
        self.ema_modules = {"mapping": self.ema_mapping}
        d_parameters = self.discriminator.parameters()
        self.optimizers = {
            "D": torch.optim.Adam(d_parameters, config.lr_discriminator, BETAS),
            "M": torch.optim.Adam(self.mapping.parameters(), config.lr, BETAS),
        }

    def _load_run(self, run: Path) -> None:
        """Load the exported generator and the encoder of a finished run of task `gan`."""
        from gantoolkit.generators import load_generator

        spec = read_encoder_spec(run)
        (self.exported,) = exported_weights(run)
        self.generator = load_generator(str(self.exported)).to(self.device)
        sizes = {"resolution": self.faces.resolution, "w_dim": self.generator.w_dim}
        encoder = build_initial_encoder({**sizes, **spec}, run)
        self.encoder = encoder.to(self.device).requires_grad_(False)

    def size(self) -> int:
        return self.split.train_size

    @torch.no_grad()
    def prepare(self, folder: Path, progress) -> None:
        """Read the codes of all faces, once."""
        codes = []
        for rows in torch.arange(len(self.faces)).split(ENCODER_BATCH):
            images = to_float(self.faces.images[rows]).to(self.device)
            codes.append(self.encoder(images))
            progress("codes of faces", int(rows[-1]) + 1, len(self.faces))
        self.codes = torch.cat(codes)
        train_codes = self.codes[: self.size()]
        self.mean = train_codes.mean(0)
        self.std = train_codes.std(0)

    def standardize(self, w: Tensor) -> Tensor:
        """Scale codes [B,w_dim] to mean 0 and variance 1 in every number, as D sees them."""
        return (w.float() - self.mean) / self.std

    def map_codes(self, mapping: MappingNetwork, z: Tensor) -> Tensor:
        """Map z to standardized codes [B,w_dim]."""
        return self.standardize(mapping(z.to(self.device))[:, 0])

    # -- losses ------------------------------------------------------------------------------------

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        self.discriminator.requires_grad_(phase == "D")
        z = batch.normal(self.generator.z_dim)
        if phase == "M":
            fake = self.map_codes(self.mapping, z)
            return {"adversarial": generator_loss(self.discriminator(fake))}
        return self._discriminator_losses(batch.indices, z, iteration)

    def _discriminator_losses(self, rows: Tensor, z: Tensor, iteration: int) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.map_codes(self.mapping, z)
        real = self.standardize(self.codes[rows])
        interval = self.config.r1_interval
        penalized = iteration % interval == 0
        real_logits = self.discriminator(real.requires_grad_(penalized))
        fake_logits = self.discriminator(fake.requires_grad_(penalized))
        losses = discriminator_loss(real_logits, fake_logits)
        if penalized:
            penalty = r1_penalty([real_logits, fake_logits], [real, fake])
            losses["r1"] = self.config.r1_gamma / 2 * interval * penalty
        return losses

    def after_step(self, iteration: int) -> None:
        update_ema(self.ema_mapping, self.mapping, iteration, self.config.ema)

    # -- what is shown and kept --------------------------------------------------------------------

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score mapped codes against the codes of held-out faces.

        distance                  Fréchet distance of mapped codes to held-out ones
        distance[training codes]  the same for the training codes
        nearest                   mean distance of mapped codes to the nearest training code,
                                  relative to that of held-out ones; below 1 they lie nearer
        """
        held_out = self.standardize(self.codes[self.size() :])
        train = self.standardize(self.codes[: self.size()])
        stream = torch.Generator().manual_seed(self.seed)
        z = torch.randn(limit or 2000, self.generator.z_dim, generator=stream)
        mapped = self.map_codes(self.ema_mapping, z)
        mapped_to_train = torch.cdist(mapped, train).amin(1).mean()
        held_out_to_train = torch.cdist(held_out, train).amin(1).mean()
        nearest = float(mapped_to_train / held_out_to_train)

        distance = _code_distance(mapped, held_out)
        train_distance = _code_distance(train, held_out)
        conditions = {"reference": "codes of held-out faces", "unit": "standard deviations"}
        relative = {"relative to": "held-out faces"}
        return {
            "distance": Score(distance, len(mapped), False, conditions),
            "distance[training codes]": Score(train_distance, len(train), False, conditions),
            "nearest": Score(nearest, len(mapped), False, relative),
        }

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Draw faces of random codes (3D: three sides and the depth)."""
        from gantoolkit.tasks.gan.sample_sheet import COLUMNS, render_rows

        stream = torch.Generator().manual_seed(1)
        z = torch.randn(2 * COLUMNS, self.generator.z_dim, generator=stream)
        image_rows = []
        for ws in self.ema_mapping(z.to(self.device)).split(COLUMNS):
            image_rows += render_rows(self.generator, ws)
        return {"samples": image_grid(image_rows)}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/<name of the run's export>: the generator in float16 with the new mapping.

        The mapping network is the averaged one; w̄ stays what it was.
        """
        state, arch, meta = weights.load(self.exported)
        mean_key = next(key for key in state if key.endswith("mapping.w_avg"))
        prefix = mean_key.removesuffix("w_avg")
        new_state = {key: value for key, value in state.items() if not key.startswith(prefix)}
        for key, value in self.ema_mapping.state_dict().items():
            new_state[prefix + key] = value
        new_state[mean_key] = state[mean_key]
        new_arch = {**arch, **self.mapping_arch}
        path = folder / self.exported.name
        return [weights.save(path, new_state, new_arch, half=True, **meta)]


def _code_distance(codes: Tensor, others: Tensor) -> float:
    """Return the Fréchet distance between two sets of codes [N,w_dim]."""
    return frechet_distance(*_moments(codes), *_moments(others))


def _moments(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and covariance of codes [N,w_dim] in float64."""
    codes = codes.double()
    return codes.mean(0), torch.cov(codes.T)
