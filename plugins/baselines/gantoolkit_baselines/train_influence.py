"""Task `collaborative`: train dynamic diffusers, which weigh two frozen models per pixel."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.images import one_hot
from gantoolkit.core.types import Condition, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.tasks.diffusion.denoising import Denoising, NoisyBatch
from gantoolkit.training.batch import SeededBatch
from gantoolkit_baselines.config import CollaborativeConfig
from gantoolkit_baselines.influence import DynamicDiffusers
from gantoolkit_baselines.unimodal import UniModal

BETAS = (0.9, 0.99)


class Collaborative(Denoising):
    """Train the dynamic diffusers D_m between frozen uni-modal models.

    L = ‖ε − Σ_m Î_m ⊙ ε_m‖² with influences Î = softmax_m D_m(z_t, t, c_m)
    """

    config: CollaborativeConfig
    config_class = CollaborativeConfig

    def __init__(
        self, config: CollaborativeConfig, device: str | torch.device = "cpu", seed: int = 0
    ):
        diffusion = config.diffusion
        self.names = {"diffusion": diffusion, "controlnet": config.controlnet}
        models = UniModal(diffusion, config.controlnet)
        super().__init__(config, diffusion, diffusion, models.encoder.schedule, device)
        torch.manual_seed(seed)
        self.models = models.to(self.device)
        unet = self.models.encoder.unet.config
        self.influences = DynamicDiffusers(
            unet.in_channels, 19, unet.cross_attention_dim, config.width
        ).to(self.device)
        self.modules = {"influences": self.influences}
        optimizer = torch.optim.AdamW(self.influences.parameters(), config.lr, BETAS)
        self.optimizers = {"influences": optimizer}

    def predict_noise(
        self, noisy: NoisyBatch, faces: FaceZip, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return (the mixed ε, the mean of both models' ε) [b,4,h,w] with the masks of `rows`."""
        masks = one_hot(faces.labels[rows]).to(self.device)
        condition = self.models.encode_condition(Condition(tuple(noisy.prompts), masks))
        estimates = self.models.estimate(noisy.latents, noisy.t, condition)
        control_image = condition.control_image.float()
        influence = self.influences(noisy.latents, noisy.t, condition.words, control_image)
        mixed = self.influences.mix(influence, estimates.text, estimates.mask)
        return mixed, (estimates.text + estimates.mask) / 2

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        noisy = self.noisy_batch(batch)
        mixed, _ = self.predict_noise(noisy, self.faces, noisy.rows)
        return {"epsilon": self.sample_losses(mixed, noisy).mean()}

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score the mixed ε on held-out rows, and how much it gains over both models' mean."""
        limit = min(limit or 128, 128)
        noisy = self.held_out_batch(limit)
        mixed, mean = self.predict_noise(noisy, *self.split.held_out_rows(limit))
        return self.denoising_scores(noisy, mixed, mean, "gain over equal influence")

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/diffusers.safetensors, which names both models."""
        path = folder / "diffusers.safetensors"
        state = self.influences.state_dict()
        return [weights.save(path, state, self.influences.arch, **self.names)]

    def weights(self) -> dict[str, str]:
        return super().weights() | weights.checksums(self.names.values())
