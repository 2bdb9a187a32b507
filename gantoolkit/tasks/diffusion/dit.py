"""Task `dit`: train MMFace-DiT's transformer in the latent space of a VAE, by flow matching."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders import mmface
from gantoolkit.encoders.mmface_model import MMFaceModel
from gantoolkit.encoders.schedules import Flow
from gantoolkit.encoders.text_encoder import PenultimateTextEncoder
from gantoolkit.networks.dual_stream_dit import DualStreamDiT
from gantoolkit.networks.dual_stream_file import load_dit
from gantoolkit.tasks.diffusion.config import DiTConfig
from gantoolkit.tasks.diffusion.denoising import BETAS, WEIGHT_DECAY, Denoising, NoisyBatch
from gantoolkit.tasks.diffusion.latent_cache import encode_mean
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema


@dataclass
class ShownBatch:
    """What the transformer is shown beside z_t and the text."""

    latents: Tensor  # [b,C,h,w] of masks or sketches, zeros where it is dropped
    modality: Tensor  # [b] rows of MODALITIES


class DiT(Denoising):
    """Train a DualStreamDiT for masks and sketches; export it as one file.

    L = ‖(ε − z_0) − v̂(z_t, t, c, x)‖² with z_t = (1−σ) z_0 + σ ε, σ uniform over 0..1
    """

    config: DiTConfig
    config_class = DiTConfig
    predicts = "velocity"

    def __init__(self, config: DiTConfig, device: str | torch.device = "cpu", seed: int = 0):
        schedule = Flow(mmface.uniform_sigmas, config.steps)
        super().__init__(config, config.vae, config.text, schedule, device)
        self.text_encoder = PenultimateTextEncoder(
            self.text_encoder.model, self.text_encoder.tokenizer
        )
        self.drop_prompt_prob = config.drop_prompt_prob
        self.max_captions = config.max_captions
        torch.manual_seed(seed)
        self.dit = self._initial_dit().to(self.device)
        self.ema_dit = frozen_copy(self.dit)
        self.modules = {"dit": self.dit}
        self.ema_modules = {"dit": self.ema_dit}
        parameters = self.dit.parameters()
        optimizer = torch.optim.AdamW(parameters, config.lr, BETAS, weight_decay=WEIGHT_DECAY)
        self.optimizers = {"dit": optimizer}

    def _initial_dit(self) -> DualStreamDiT:
        """Return the transformer of `init_from`, or a new one that fits VAE and text model."""
        config = self.config
        if config.init_from is not None:
            dit, _ = load_dit(config.init_from)
            return dit.requires_grad_(True).train()
        return DualStreamDiT(
            channels=self.vae.config.latent_channels,
            hidden=config.hidden,
            depth=config.depth,
            heads=config.heads,
            patch=config.patch,
            text_width=self.text_encoder.model.config.hidden_size,
        )

    def target(self, noisy: NoisyBatch) -> Tensor:
        """Return the velocity ε − z_0."""
        return noisy.epsilon - noisy.clean

    # -- one batch ---------------------------------------------------------------------------------

    def encode_condition(self, faces: FaceZip, rows: Tensor, modality: Tensor) -> ShownBatch:
        """Encode the mask (modality 0) or the sketch (1) of every row."""
        condition = faces.sample(rows, condition="both", device=self.device).condition
        masks = mmface.condition_picture(condition, "mask", faces.resolution)
        sketches = mmface.condition_picture(condition, "scribble", faces.resolution)
        modality = modality.to(self.device)
        pictures = torch.where(modality.view(-1, 1, 1, 1) == 0, masks, sketches)
        with torch.no_grad():
            latents = encode_mean(self.vae, pictures)
        return ShownBatch(latents, modality)

    def predict_velocity(
        self,
        dit: DualStreamDiT,
        noisy: NoisyBatch,
        prompts: list[str],
        shown: ShownBatch,
        drop_pooled: Tensor | None = None,
    ) -> Tensor:
        """Return v̂ [b,C,h,w], which is the negative of what the network predicts."""
        with torch.no_grad():
            encoded = self.text_encoder(prompts)
        t = mmface.flow_time(self.noise_schedule, noisy.t)
        given = encoded.embedding, encoded.pooled, shown.latents, shown.modality, drop_pooled
        with explicit_attention(self.device):
            return -dit(noisy.latents, t, *given)

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        noisy = self.noisy_batch(batch)
        shown = self.encode_condition(self.faces, noisy.rows, batch.integers(2))
        keep = batch.uniform() >= self.config.drop_condition_prob
        shown.latents = shown.latents * keep.to(self.device).view(-1, 1, 1, 1)
        drop = (batch.uniform() < self.config.drop_pooled_prob).to(self.device)
        predicted = self.predict_velocity(self.dit, noisy, noisy.prompts, shown, drop)
        return {"velocity": self.sample_errors(predicted, noisy).mean()}

    def after_step(self, iteration: int) -> None:
        update_ema(self.ema_dit, self.dit, iteration, self.config.ema)

    # -- scores and pictures -----------------------------------------------------------------------

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score v̂ on held-out rows, and how much the right prompt and condition help it."""
        limit = min(limit or 128, 128)
        noisy = self.held_out_batch(limit)
        modality = torch.arange(len(noisy.t)) % 2
        shown = self.encode_condition(*self.split.held_out_rows(limit), modality)
        other = ShownBatch(shown.latents.roll(2, 0), shown.modality)
        other_prompts = noisy.prompts[1:] + noisy.prompts[:1]
        predicted = self.predict_velocity(self.ema_dit, noisy, noisy.prompts, shown)
        of_prompt = self.predict_velocity(self.ema_dit, noisy, other_prompts, shown)
        of_condition = self.predict_velocity(self.ema_dit, noisy, noisy.prompts, other)
        return {
            **self.denoising_scores(noisy, predicted, of_prompt, "prompt gain"),
            **self.denoising_scores(noisy, predicted, of_condition, "condition gain"),
        }

    def encoder(self, condition: str = "mask") -> mmface.MMFaceEncoder:
        """Return the encoder that bridges use, with the averaged transformer of now."""
        model = MMFaceModel(
            self.ema_dit,
            self.vae,
            self.text_encoder.model,
            self.text_encoder.tokenizer,
            "flow",
            self.faces.resolution,
        )
        return mmface.MMFaceEncoder(
            model, condition=condition, steps=self.config.steps, guidance=self.config.guidance
        )

    def pictures(self) -> dict[str, Tensor]:
        """Draw masks, sketches, a sample of each with the caption, and the photographs."""
        faces, rows = self.split.held_out_rows(8)
        condition = faces.sample(rows, condition="both", seed=1).condition.to(self.device)
        shown = []
        for kind in mmface.CONDITIONS:
            encoder = self.encoder(kind)
            shown.append(mmface.condition_picture(condition, kind, faces.resolution))
            shown.append(encoder.trajectory(condition)[1])
        return {"samples": image_grid([*shown, to_float(faces.images[rows])])}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/dit.safetensors, float16."""
        arch = {"type": "DualStreamDiT", **self.ema_dit.arch}
        training = {"objective": "flow", "resolution": str(self.faces.resolution)}
        path = folder / "dit.safetensors"
        return [weights.save(path, self.ema_dit.state_dict(), arch, half=True, **training)]

    def weights(self) -> dict[str, str]:
        checksums = super().weights()
        init_from = self.config.init_from
        if init_from:
            checksums[init_from] = weights.sha256(weights.resolve(init_from))
        return checksums


def explicit_attention(device: torch.device):
    """Compute attention by plain matrix products when training on a CPU.

    The backward pass of fused attention is several times slower there (torch 2.13).
    """
    if device.type == "cpu":
        return sdpa_kernel(SDPBackend.MATH)
    return nullcontext()
