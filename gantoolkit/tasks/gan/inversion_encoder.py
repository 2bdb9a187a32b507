"""Task `inversion_encoder`: train an encoder of faces into W or W+ of a frozen generator.

Fresh codes teach it what a generator's faces are made of, at no label's cost; faces of `data` teach
it the photographs that the generator does not draw by itself. Bridges may take its codes as targets
(loss `TargetCode`): one look at a picture in place of a W+ inversion.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Camera, Scores
from gantoolkit.data.split import HeldOutSplit
from gantoolkit.losses import build_losses, networks_of
from gantoolkit.networks.blocks import fit
from gantoolkit.tasks.gan.config import InversionEncoderConfig
from gantoolkit.tasks.gan.losses import weighted_losses
from gantoolkit.tasks.gan.start import build_initial_encoder, networks_of_start
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema
from gantoolkit.training.task import Task

CODES_OF_SPREAD = 4096  # random codes that w̄ and σ are measured on
SEED_OF_SPREAD = 0
EVALUATION_BATCH = 25
COLUMNS = 8


class InversionEncoder(Task):
    """Train an encoder E of faces into W or W+ of a generator G.

    L = code · ‖(E(G(w)) − w) / σ‖² + Σ λ · loss(G(E(I)), I) with truncated fresh codes w, the
    generator's standard deviation σ of every number of w, and faces I of `data`.
    """

    config: InversionEncoderConfig
    config_class = InversionEncoderConfig

    def __init__(self, config: InversionEncoderConfig, device: torch.device | str, seed: int):
        from gantoolkit.generators import load_generator
        from gantoolkit.metrics import Evaluator

        self.config = config
        self.device = torch.device(device)
        self.split = HeldOutSplit(config.data, config.val, config.held_out)
        self.faces = self.split.train
        self.generator = load_generator(config.generator).to(self.device)
        self.terms = build_losses(config.losses, self.device)
        self._measure_codes()

        torch.manual_seed(seed)
        self.arch = {
            "resolution": self.generator.resolution,
            "w_dim": self.generator.w_dim,
            "num_ws": self.generator.num_ws,
            **config.encoder,
        }
        self.encoder = build_initial_encoder(self.arch, config.encoder_from).to(self.device)
        self.ema_encoder = frozen_copy(self.encoder)
        self.modules = {"encoder": self.encoder}
        self.ema_modules = {"encoder": self.ema_encoder}
        adam = torch.optim.Adam(self.encoder.parameters(), config.lr, config.betas, fused=True)
        self.optimizers = {"E": adam}
        self.evaluator = None
        if config.metrics != {}:
            self.evaluator = Evaluator(
                config.metrics,
                config.judge,
                self.device,
                self.networks(),
                conditions={"data": "held out"},
            )

    @torch.no_grad()
    def _measure_codes(self) -> None:
        """Measure mean and standard deviation of every number of random codes."""
        stream = torch.Generator().manual_seed(SEED_OF_SPREAD)
        z = torch.randn(CODES_OF_SPREAD, self.generator.z_dim, generator=stream)
        codes = self.generator.mapping(z.to(self.device))[:, 0].float()
        self.mean = codes.mean(0)
        self.std = codes.std(0).clamp_min(1e-6)

    def size(self) -> int:
        return self.split.train_size

    # -- losses ------------------------------------------------------------------------------------

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        losses = self._face_losses(batch.indices)
        losses["code"] = self.config.code * self._code_loss(batch)
        return losses

    def _face_losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Compare faces with what G draws of the codes that E reads off them."""
        faces = self.images(self.faces, rows)
        ws = self.encode(self.encoder, faces)
        image = self.render(ws, self.cameras(self.faces, rows))
        return weighted_losses(self.terms, image, ws, faces, self.generator.mean_w)

    def _code_loss(self, batch: SeededBatch) -> Tensor:
        """Compare fresh codes with what E reads off their faces."""
        codes = []
        images = []
        cameras = self.cameras(self.faces, batch.indices)
        for _ in range(self.config.codes_per_face):
            with torch.no_grad():
                w = self._fresh_codes(batch)
                images.append(self.render(self.repeat(w), cameras).float())
            codes.append(w)
        error = self.encode(self.encoder, torch.cat(images)) - self.repeat(torch.cat(codes))
        return (error / self.std).square().mean()

    def _fresh_codes(self, batch: SeededBatch) -> Tensor:
        """Draw codes [B,w_dim], each truncated towards w̄ or pushed past it by its own ψ."""
        z = batch.normal(self.generator.z_dim)
        low, high = self.config.psi
        psi = low + (high - low) * batch.uniform(1)
        w = self.generator.mapping(z.to(self.device))[:, 0].float()
        return torch.lerp(self.mean, w, psi.to(self.device))

    # -- rendering ---------------------------------------------------------------------------------

    def images(self, faces, rows: Tensor) -> Tensor:
        """Read faces [B,3,R,R] in −1..1, of the generator's size."""
        return fit(to_float(faces.images[rows]), self.generator.resolution).to(self.device)

    def cameras(self, faces, rows: Tensor) -> Camera | None:
        """Return the cameras of faces; None for a 2D generator."""
        if not self.generator.is_3d:
            return None
        return Camera.from_label(faces.cameras[rows]).to(self.device)

    def encode(self, encoder: nn.Module, images: Tensor) -> Tensor:
        """Read codes [B,L,w_dim] off images."""
        codes = encoder(images).float()
        return self.repeat(codes) if codes.ndim == 2 else codes

    def repeat(self, w: Tensor) -> Tensor:
        """Repeat w [B,w_dim] for every style: [B,L,w_dim]."""
        return w.unsqueeze(1).expand(-1, self.generator.num_ws, -1)

    def render(self, ws: Tensor, camera: Camera | None) -> Tensor:
        """Render codes [B,L,w_dim] as images [B,3,R,R]."""
        return self.generator.render(ws, camera, noise="const", deterministic=True).image

    def after_step(self, iteration: int) -> None:
        update_ema(self.ema_encoder, self.encoder, iteration, self.config.ema)

    # -- what is shown and kept --------------------------------------------------------------------

    def reconstruct(self, faces, rows: Tensor) -> Tensor:
        """Render what the averaged encoder reads off faces [B,3,R,R]."""
        ws = self.encode(self.ema_encoder, self.images(faces, rows))
        return self.render(ws, self.cameras(faces, rows))

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score what the codes of held-out faces render."""
        if self.evaluator is None:
            return {}
        self.evaluator.reset()
        faces, rows = self.split.held_out_rows(limit)
        for chunk in rows.split(EVALUATION_BATCH):
            sample = faces.sample(chunk)
            self.evaluator.update(self.reconstruct(faces, chunk), sample.target, sample.condition)
        return self.evaluator.compute()

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """Draw held-out faces above what their codes render."""
        faces, rows = self.split.held_out_rows(COLUMNS)
        return {"inversion": image_grid([self.images(faces, rows), self.reconstruct(faces, rows)])}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/encoder.safetensors, which names its generator and the losses' networks."""
        path = folder / "encoder.safetensors"
        state = self.ema_encoder.state_dict()
        facts = {"generator": self.config.generator, "networks": json.dumps(self.networks())}
        return [weights.save(path, state, self.arch, **facts)]

    def networks(self) -> dict[str, str]:
        return networks_of_start(self.config.encoder_from) | networks_of(self.terms)

    def weights(self) -> dict[str, str]:
        return weights.checksums({self.config.generator, *self.networks().values()})
