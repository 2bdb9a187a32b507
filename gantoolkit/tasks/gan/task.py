"""Task `gan`: train a generator of faces, first by regression, then also against a discriminator.

A rendered face is a function of a vector of standard normals, the renderer's factors. So the pairs
(factors, face) teach mapping and synthesis directly (phase A). Phase B adds a discriminator, on
those faces and on faces of fresh normals, while the pairs keep holding the generator in place.
A generator that exists (`init_from`) can be trained in phase B only, without pairs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Render, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.split import HeldOutSplit
from gantoolkit.registry import registry
from gantoolkit.tasks.gan import scores
from gantoolkit.tasks.gan.adversarial import AdversarialLoss
from gantoolkit.tasks.gan.config import AdversaryConfig, GANConfig
from gantoolkit.tasks.gan.drawing import mapping_network, render_codes
from gantoolkit.tasks.gan.losses import ReconstructionLoss
from gantoolkit.tasks.gan.phase import AdversarialPhase
from gantoolkit.tasks.gan.start import (
    build_initial_encoder,
    build_initial_generator,
    networks_of_start,
)
from gantoolkit.tasks.gan.views import CameraAngles, other_views
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema
from gantoolkit.training.task import Task

G_BETAS_REGRESSION = (0.9, 0.99)
G_BETAS_ADVERSARIAL = (0.0, 0.99)  # no momentum against a moving opponent
D_BETAS = (0.0, 0.99)


class GAN(Task):
    """Train a generator from pairs (factors, face), then adversarially too.

    L_G = pairs · (pyramid + raw + depth + perceptual) + feature matching + adversarial
          + consistency
    L_D = adversary.loss + R1 + R2
    """

    config: GANConfig
    config_class = GANConfig
    separable = False  # known faces are the first half of whatever batch there is

    def __init__(self, config: GANConfig, device: str | torch.device = "cpu", seed: int = 0):
        self.config = config
        self.adversary = AdversaryConfig.of(config.adversary)
        self.device = torch.device(device)
        self.seed = seed
        self.split = HeldOutSplit(config.data, config.val, config.held_out)
        self.faces = self.split.train

        torch.manual_seed(seed)
        self._build_generator(config.generator)
        self._build_encoder(config.encoder)
        parameters = self._generator_parameters()
        self.optimizers = {"G": torch.optim.Adam(parameters, config.lr, G_BETAS_REGRESSION)}
        self.phase_b = None
        if config.discriminator:
            loss = AdversarialLoss(
                self._build_discriminator(config.discriminator),
                self.adversary,
                raw_size=self.generator.rays if self.generator.is_3d else None,
                r1_gamma=config.r1_gamma,
                r1_interval=config.r1_interval,
                weight=config.adversarial,
                feature_matching=config.feature_matching if config.pairs else 0.0,
            )
            self._build_phase_b(loss)
        distance = None
        if config.perceptual:
            distance = registry.build("loss", config.perceptual).to(self.device)
        self.reconstruction_loss = ReconstructionLoss(config.raw, config.depth, distance)

    def _build_generator(self, spec: dict | None) -> None:
        """Build the generator and its moving average; a 2D generator's z ends with two angles."""
        self.camera_angles = CameraAngles(self.faces.cameras)
        z_dim = self.faces.factors.shape[1]
        if spec and not registry.get("generator", spec["type"]).is_3d:
            z_dim += 2
        generator, self.arch, self.beginning = build_initial_generator(
            spec, self.config.init_from, self.faces.resolution, z_dim
        )
        self.generator = generator.to(self.device)
        self.ema_generator = frozen_copy(self.generator)
        self.modules = {"generator": self.generator}
        self.ema_modules = {"generator": self.ema_generator}

    def _generator_parameters(self) -> list[torch.nn.Parameter]:
        """Return what the generator's optimizer trains."""
        if self.adversary.freeze_mapping:
            mapping_network(self.generator).requires_grad_(False)
        parameters = [p for p in self.generator.parameters() if p.requires_grad]
        if self.encoder is not None:
            parameters += self.encoder.parameters()
        return parameters

    def _build_encoder(self, spec: dict | None) -> None:
        """Build the encoder of faces, if there is one, and choose the view that it reads."""
        self.encoder = None
        if not spec:
            return
        sizes = {"resolution": self.faces.resolution, "w_dim": self.generator.w_dim}
        encoder = build_initial_encoder({**sizes, **spec}, self.config.encoder_from)
        self.encoder = encoder.to(self.device)
        self.modules["encoder"] = self.encoder
        if self.generator.is_3d:
            self.encoder_view = other_views(self.faces)
        else:
            self.encoder_view = torch.arange(len(self.faces))

    def _build_discriminator(self, spec: dict) -> torch.nn.Module:
        arch = {"resolution": self.faces.resolution, **spec}
        network = registry.build("network", arch).to(self.device)
        self.modules["discriminator"] = network
        return network

    def _build_phase_b(self, loss: AdversarialLoss) -> None:
        self.phase_b = AdversarialPhase(self, loss, self.adversary, self.config.pairs)
        if self.phase_b.earlier_generator is not None:
            self.ema_modules["earlier"] = self.phase_b.earlier_generator
        d_optimizer = torch.optim.Adam(loss.parameters, self.config.lr_discriminator, D_BETAS)
        self.optimizers = {"D": d_optimizer, **self.optimizers}

    def size(self) -> int:
        return self.split.train_size

    def phases(self, iteration: int) -> Iterable[str]:
        """Return ("G",) in phase A, ("D", "G") in phase B; set the generator's rate and betas.

        Phase B begins with `adversary.discriminator_warmup` iterations of ("D",).
        """
        adversarial = self.phase_b is not None and iteration >= self.config.regress
        progress = min(1.0, iteration / self.config.regress) if self.config.regress else 1.0
        fade = 0.5 * (1 + math.cos(math.pi * progress))
        last_lr = self.adversary.lr or self.config.lr_discriminator
        group = self.optimizers["G"].param_groups[0]
        group["initial_lr"] = last_lr + (self.config.lr - last_lr) * fade
        group["betas"] = G_BETAS_ADVERSARIAL if adversarial else G_BETAS_REGRESSION
        return self.phase_b.phases(iteration - self.config.regress) if adversarial else ("G",)

    # -- faces -------------------------------------------------------------------------------------

    def images(self, rows: Tensor, faces: FaceZip | None = None) -> Tensor:
        """Return the faces of `rows`, −1..1 [b,3,R,R]."""
        faces = faces or self.faces
        return to_float(faces.images[rows]).to(self.device)

    def codes(self, rows: Tensor, faces: FaceZip | None = None) -> tuple[Tensor, Tensor]:
        """Return z [b,z_dim] and cameras [b,25]; a 2D generator's z ends with two angles."""
        faces = faces or self.faces
        cameras = faces.cameras[rows]
        z = faces.factors[rows]
        if not self.generator.is_3d:
            z = torch.cat([z, self.camera_angles(cameras)], 1)
        return z.to(self.device), cameras.to(self.device)

    def paired_codes(self, rows: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return ws of known faces, and the losses that tie encoder and mapping together.

        Factors are read only where the mapping network learns from them.
        """
        if self.encoder is None:
            z, _ = self.codes(rows)
            return self.generator.mapping(z), {}
        w = self.encoder(self.images(self.encoder_view[rows]))
        losses = {}
        if not self.adversary.freeze_mapping:
            z, _ = self.codes(rows)
            mapped = self.generator.mapping(z)
            losses["code"] = F.mse_loss(mapped[:, 0].float(), w.detach())
        losses["compact"] = self.config.compact * w.square().mean()
        return self._repeat(w), losses

    def _repeat(self, w: Tensor) -> Tensor:
        """Return ws [b,num_ws,w_dim]: w [b,w_dim] for every layer."""
        return w[:, None].expand(-1, self.generator.num_ws, -1)

    def render(
        self,
        generator,
        ws: Tensor,
        cameras: Tensor,
        batch: SeededBatch | None = None,
        noise: str = "none",
    ) -> Render:
        """Render ws; in training, `batch` has the random numbers (`render_codes`)."""
        if batch is not None and not self.adversary.freeze_mapping:
            # move w̄ towards the codes of this batch
            mapping_network(self.generator).track(ws[:, 0])
        return render_codes(generator, ws, cameras, batch, noise)

    # -- losses ------------------------------------------------------------------------------------

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        if phase == "D":
            return self.phase_b.discriminator_losses(batch, iteration)
        if iteration < self.config.regress or self.phase_b is None:
            return self._regression_losses(batch)
        return self.phase_b.generator_losses(batch)

    def _regression_losses(self, batch: SeededBatch) -> dict[str, Tensor]:
        """Return the generator's losses in phase A."""
        cameras = self.faces.cameras[batch.indices].to(self.device)
        ws, losses = self.paired_codes(batch.indices)
        render = self.render(self.generator, ws, cameras, batch)
        return losses | self.reconstruction_losses(render, batch.indices, 1.0)

    def reconstruction_losses(
        self, render: Render, rows: Tensor, weight: float
    ) -> dict[str, Tensor]:
        """Return the losses between reconstructions and the faces of `rows`."""
        true_depth = None
        needs_depth = self.generator.is_3d and self.reconstruction_loss.depth
        if needs_depth and self.faces.depths is not None:
            true_depth = self.faces.depths[rows][:, None].to(self.device)
        return self.reconstruction_loss(render, self.images(rows), true_depth, weight)

    def after_step(self, iteration: int) -> None:
        update_ema(self.ema_generator, self.generator, iteration, self.config.ema)
        if self.phase_b is not None and iteration + 1 == self.config.regress:
            self.phase_b.begin(self.ema_generator)

    # -- what is shown and kept --------------------------------------------------------------------

    @torch.no_grad()
    def reconstruct_from_factors(self, rows: Tensor, faces: FaceZip | None = None) -> Tensor:
        """Render faces [b,3,R,R] of the factors of `rows` by the averaged generator."""
        z, cameras = self.codes(rows, faces)
        ws = self.ema_generator.mapping(z)
        return self.render(self.ema_generator, ws, cameras).image

    @torch.no_grad()
    def reconstruct_from_images(self, rows: Tensor, faces: FaceZip | None = None) -> Tensor:
        """Render faces [b,3,R,R] of what the encoder reads off the faces of `rows`."""
        w = self.encoder(self.images(rows, faces))
        ws = self._repeat(w)
        cameras = (faces or self.faces).cameras[rows].to(self.device)
        return self.render(self.ema_generator, ws, cameras).image

    @property
    def knows_faces(self) -> bool:
        """Whether the mapping network is taught to draw faces from their factors."""
        taught = not self.adversary.freeze_mapping
        return taught and bool(self.config.regress or self.config.pairs)

    def validate(self, limit: int | None = None) -> Scores:
        """Score reconstructions of held-out factors; without pairs, the detail of random codes."""
        score = scores.reconstruction_scores if self.knows_faces else scores.detail_scores
        return score(self, limit or 256)

    def pictures(self) -> dict[str, Tensor]:
        """Draw training faces, held-out faces and random codes (EG3D: three views and depth)."""
        from gantoolkit.tasks.gan.sample_sheet import sample_sheet

        return {"samples": sample_sheet(self)}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/<type>.safetensors: the averaged generator in float16 with its mean code."""
        if not self.adversary.freeze_mapping:
            mean_w = scores.mean_code(self.ema_generator, self.arch["z_dim"], self.seed)
            self.ema_generator.mean_w.copy_(mean_w)
        path = folder / f"{self.arch['type'].lower()}.safetensors"
        state = dict(self.ema_generator.state_dict())
        facts = {
            "data": self.faces.meta.get("name", ""),
            "networks": json.dumps(self.networks()),
        }
        return [weights.save(path, state, self.arch, half=True, **facts)]

    def notes(self) -> list[str]:
        return [self.beginning] if self.beginning else []

    def networks(self) -> dict[str, str]:
        """Name the networks of losses and adversary, and those of what the generator began from."""
        names = {
            "perceptual": getattr(self.reconstruction_loss.perceptual, "network", None),
            "discriminator": getattr(self.modules.get("discriminator"), "network_name", None),
        }
        own = {role: name for role, name in names.items() if name}
        return networks_of_start(self.config.init_from) | own
