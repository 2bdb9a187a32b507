"""Task `codes`: a generator's mapping network learns to draw the codes that an encoder reads off faces.

Regression from factors (task `gan`) leaves the mapping network with the mean of all that factors do not say, and faces
of random codes are soft, although the same synthesis network draws a face well from the code that the encoder reads
off it. Here synthesis stays as it is, to the last bit, and a critic of codes teaches a new mapping network their
distribution.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Score, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.generators.stylegan2 import MappingNetwork
from gantoolkit.metrics.fid import frechet_distance
from gantoolkit.networks.discriminators import CodeCritic
from gantoolkit.registry import registry
from gantoolkit.tasks.sheet import joined
from gantoolkit.training import checkpoint
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema
from gantoolkit.training.run_folder import exported
from gantoolkit.training.task import Task


class Codes(Task):
    """L_D = softplus(−D(w)) + softplus(D(M(z))) + R1 on both;  L_M = softplus(−D(M(z))), for codes w of `data`.

    run              folder of a finished run of task `gan`: its exported generator and its encoder
    layers, features of the new mapping network
    critic           arguments of CodeCritic
    lr, lr_critic    rates; the mapping network's weights are near 1 (equalised), so that its rate is larger
    r1               γ of the gradient penalties, applied every `r1_every` iterations
    held_out         faces at the end of the data whose codes are for scores alone
    """

    def __init__(
        self,
        data: str,
        run: str,
        layers: int = 3,
        features: int = 256,
        critic: dict | None = None,
        r1: float = 1.0,
        r1_every: int = 4,
        lr: float = 5e-3,
        lr_critic: float = 1e-3,
        ema: float = 0.998,
        held_out: int = 600,
        device: torch.device | str = "cpu",
        seed: int = 0,
    ):
        from gantoolkit.generators import load_generator

        self.device, self.seed, self.zip, self.ema = torch.device(device), seed, FaceZip(data), ema
        self.r1, self.r1_every = r1, r1_every
        self.held_out = min(held_out, len(self.zip) // 4)
        folder, config = Path(run), _config(Path(run))
        (self.exported,) = exported(folder)
        self.generator = load_generator(str(self.exported)).to(self.device)
        sizes = {"resolution": self.zip.resolution, "w_dim": self.generator.w_dim}
        self.encoder = registry.build("network", {**sizes, **config["encoder"]})
        self.encoder.load_state_dict(checkpoint.part(folder / "checkpoint", "encoder"))
        self.encoder.to(self.device).requires_grad_(False)
        torch.manual_seed(seed)
        self.arch = {"mapping_layers": layers, "mapping_features": features, "mapping_lr_mul": 1.0}
        self.mapping = MappingNetwork(
            self.generator.z_dim,
            0,
            self.generator.w_dim,
            self.generator.num_ws,
            layers,
            1.0,
            features,
        ).to(self.device)
        self.critic = CodeCritic(self.generator.w_dim, **(critic or {})).to(self.device)
        self.average = frozen_copy(self.mapping)
        self.modules, self.averages = (
            {"mapping": self.mapping, "critic": self.critic},
            {"mapping": self.average},
        )
        self.optimizers = {
            "D": torch.optim.Adam(self.critic.parameters(), lr_critic, (0.0, 0.99)),
            "M": torch.optim.Adam(self.mapping.parameters(), lr, (0.0, 0.99)),
        }

    def size(self) -> int:
        return len(self.zip) - self.held_out

    @torch.no_grad()
    def prepare(self, folder: Path, progress) -> None:
        """Read the codes of all faces, once."""
        found = []
        for rows in torch.arange(len(self.zip)).split(100):
            found.append(self.encoder(to_float(self.zip.images[rows]).to(self.device)))
            progress("codes of faces", int(rows[-1]) + 1, len(self.zip))
        self.codes = torch.cat(found)
        self.mean, self.std = self.codes[: self.size()].mean(0), self.codes[: self.size()].std(0)

    def scaled(self, w: Tensor) -> Tensor:
        """Codes [B,w_dim] with mean 0 and variance 1 in every number, as the critic sees them."""
        return (w.float() - self.mean) / self.std

    def drawn(self, mapping: MappingNetwork, z: Tensor) -> Tensor:
        """Scaled codes [B,w_dim] of z."""
        return self.scaled(mapping(z.to(self.device))[:, 0])

    # -- losses --------------------------------------------------------------------------------------

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        self.critic.requires_grad_(phase == "D")
        z = draw.normal(self.generator.z_dim)
        if phase == "M":
            return {"adversarial": F.softplus(-self.critic(self.drawn(self.mapping, z))).mean()}
        with torch.no_grad():
            fake = self.drawn(self.mapping, z)
        real = self.scaled(self.codes[draw.indices])
        penalised = iteration % self.r1_every == 0
        logits = [self.critic(w.requires_grad_(penalised)) for w in (real, fake)]
        losses = {"real": F.softplus(-logits[0]).mean(), "fake": F.softplus(logits[1]).mean()}
        if penalised:
            slopes = torch.autograd.grad(
                [logit.sum() for logit in logits], (real, fake), create_graph=True
            )
            losses["r1"] = (
                self.r1 / 2 * self.r1_every * sum(slope.square().sum(1).mean() for slope in slopes)
            )
        return losses

    def after_step(self, iteration: int) -> None:
        update_ema(self.average, self.mapping, iteration, self.ema)

    # -- what is shown and kept ----------------------------------------------------------------------

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Fréchet distances of drawn and of training codes to those of held-out faces, and how near drawn ones lie.

        A share below 1 in `nearest` says that drawn codes lie nearer to training codes than those of other faces do.
        """
        held, known = self.scaled(self.codes[self.size() :]), self.scaled(self.codes[: self.size()])
        stream = torch.Generator().manual_seed(self.seed)
        drawn = self.drawn(
            self.average, torch.randn(limit or 2000, self.generator.z_dim, generator=stream)
        )
        near, usual = (torch.cdist(w, known).amin(1).mean() for w in (drawn, held))
        conditions = {"reference": "codes of held-out faces", "unit": "standard deviations"}
        return {
            "distance": Score(_distance(drawn, held), len(drawn), False, conditions),
            "distance[training codes]": Score(
                _distance(known, held), len(known), False, conditions
            ),
            "nearest": Score(
                float(near / usual), len(drawn), False, {"relative to": "held-out faces"}
            ),
        }

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Faces of random codes (3D: three sides and the depth)."""
        from gantoolkit.tasks.gan import sheet

        z = torch.randn(
            2 * sheet.COLUMNS, self.generator.z_dim, generator=torch.Generator().manual_seed(1)
        )
        parts = self.average(z.to(self.device)).split(sheet.COLUMNS)
        return {"samples": joined([row for ws in parts for row in sheet.drawn(self.generator, ws)])}

    def export(self, folder: Path) -> list[Path]:
        """FOLDER/<name of the run's export>: the generator in float16 with the averaged new mapping; w̄ stays."""
        state, arch, meta = weights.load(self.exported)
        place = next(key for key in state if key.endswith("mapping.w_avg")).removesuffix("w_avg")
        kept = {key: value for key, value in state.items() if not key.startswith(place)}
        mapping = {place + key: value for key, value in self.average.state_dict().items()}
        mapping[place + "w_avg"] = state[place + "w_avg"]
        return [
            weights.save(
                folder / self.exported.name,
                kept | mapping,
                {**arch, **self.arch},
                half=True,
                **meta,
            )
        ]


def _config(run: Path) -> dict:
    """The config of a finished run of task `gan` that had an encoder."""
    file = run / "config.json"
    config = json.loads(file.read_text()) if file.is_file() else {}
    if config.get("task") != "gan" or not config.get("encoder") or not exported(run):
        raise UsageError(
            f"{run} is no finished run of task 'gan' with an encoder; give the folder of one as `run`."
        )
    return config


def _distance(some: Tensor, others: Tensor) -> float:
    """The Fréchet distance between two sets of codes [N,w_dim]."""
    some, others = some.double(), others.double()
    return frechet_distance(some.mean(0), torch.cov(some.T), others.mean(0), torch.cov(others.T))
