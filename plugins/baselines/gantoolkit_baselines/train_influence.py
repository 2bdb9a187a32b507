"""Task `collaborative`: dynamic diffusers learn which of two frozen models to believe, where and when."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.images import one_hot
from gantoolkit.core.types import Condition, Score, Scores
from gantoolkit.tasks.diffusion.denoising import Denoising, Noised
from gantoolkit.training.batch import SeededBatch
from gantoolkit_baselines.influence import DynamicDiffusers
from gantoolkit_baselines.unimodal import UniModal


class Collaborative(Denoising):
    """L = ‖ε − Σ_m Î_m ⊙ ε_m‖², Î = softmax_m D_m(z_t, t, c_m); the uni-modal models stay as they are.

    diffusion, controlnet   folders or names of the uni-modal models' parts
    """

    def __init__(
        self,
        data: str,
        diffusion: str = "diffusion",
        controlnet: str = "controlnet-mask",
        val: str | None = None,
        held_out: int = 64,
        width: int = 48,
        lr: float = 1e-3,
        min_snr: float | None = None,
        cache: str | None = None,
        device: str | torch.device = "cpu",
        seed: int = 0,
    ):
        self.names = dict(diffusion=diffusion, controlnet=controlnet)
        models = UniModal(diffusion, controlnet)
        super().__init__(
            data,
            val,
            held_out,
            diffusion,
            diffusion,
            models.encoder.scheduler,
            0.0,
            min_snr,
            1.0,
            20,
            cache,
            device,
        )
        torch.manual_seed(seed)
        self.models = models.to(self.device)
        unet = self.models.encoder.unet.config
        self.influences = DynamicDiffusers(
            unet.in_channels, 19, unet.cross_attention_dim, width
        ).to(self.device)
        self.modules = dict(influences=self.influences)
        self.optimizers = dict(
            influences=torch.optim.AdamW(self.influences.parameters(), lr, (0.9, 0.99))
        )

    def predict(self, batch: Noised, masks: Tensor) -> tuple[Tensor, Tensor]:
        """(the mixed ε, the mean of both models' ε) [b,4,h,w]; masks [b,19,R,R]."""
        given = self.models.prepare(Condition(tuple(batch.prompts), masks))
        found = self.models.estimates(batch.latents, batch.t, given)
        influence = self.influences(batch.latents, batch.t, given.words, given.picture.float())
        return self.influences.mix(influence, found.text, found.mask), (found.text + found.mask) / 2

    def masks(self, source, rows: Tensor) -> Tensor:
        """One-hot masks [b,19,R,R]."""
        return one_hot(source.labels[rows]).to(self.device)

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        batch = self.noised(draw)
        mixed, _ = self.predict(batch, self.masks(self.zip, batch.rows))
        return {"epsilon": self.weighted(mixed, batch).mean()}

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Squared error of the mixed ε on held-out rows, and of both models' mean."""
        batch, (source, rows) = self.held_batch(min(limit or 128, 128)), self.held
        mixed, plain = self.predict(batch, self.masks(source, rows[: len(batch.t)]))
        right, even = ((x - batch.epsilon).square().mean() for x in (mixed, plain))
        conditions = {"steps": "even over 20..980", "data": "held out"}
        return {
            "epsilon MSE": Score(float(right), len(batch.t), False, conditions),
            "gain over equal influence": Score(
                float(even / right - 1), len(batch.t), True, conditions
            ),
        }

    def export(self, folder: Path) -> list[Path]:
        return [
            weights.save(
                folder / "diffusers.safetensors",
                self.influences.state_dict(),
                self.influences.arch,
                **self.names,
            )
        ]

    def weights(self) -> dict[str, str]:
        return super().weights() | weights.checksums(self.names.values())
