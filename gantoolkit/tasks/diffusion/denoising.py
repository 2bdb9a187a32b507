"""What the training of U-Nets and of ControlNets shares: latents, captions, noise, loss."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Score, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.split import HeldOutSplit
from gantoolkit.encoders import folders, sampling
from gantoolkit.encoders.schedules import Schedule
from gantoolkit.encoders.text_encoder import TextEncoder
from gantoolkit.tasks.diffusion.config import DenoisingConfig
from gantoolkit.tasks.diffusion.latent_cache import cached_latents, encode_mean
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.task import Task

BETAS = (0.9, 0.99)
WEIGHT_DECAY = 1e-3
SCORED_STEPS = (20, 980)  # held-out noise levels are spread evenly over these denoising steps


@dataclass
class NoisyBatch:
    """One batch on its way into a denoiser."""

    rows: Tensor  # [b] rows of the data set
    clean: Tensor  # z_0 [b,4,h,w]
    latents: Tensor  # z_t [b,4,h,w]
    epsilon: Tensor  # the noise in it
    t: Tensor  # [b] denoising steps
    prompts: list[str]


class Denoising(Task):
    """Train a denoiser of latents; the base of the tasks `diffusion` and `controlnet`.

    L = w(t) · ‖ε − ε̂(z_t, t, c)‖² with w = clamp(SNR, κ, γ)/SNR: γ = `min_snr` (Hang et al. 2023),
    κ = `truncated_snr` (Salimans & Ho 2022; 1 weighs the errors of ẑ_0 alike where noise is most).

    predicts          what the network predicts, for the names of scores
    drop_prompt_prob  probability of an empty prompt in place of one of the sample's captions
                      (classifier-free guidance)
    max_captions      captions used per sample, from the first; None: all
    extra_faces       a second data set that batches are taken from too
    """

    config: DenoisingConfig
    predicts = "epsilon"
    drop_prompt_prob = 0.0
    max_captions: int | None = None
    extra_faces: FaceZip | None = None

    def __init__(
        self,
        config: DenoisingConfig,
        vae: str,
        text: str,
        noise_schedule: Schedule,
        device: str | torch.device,
    ):
        """Load the data and the frozen networks.

        vae   folder (or name) that holds vae/
        text  folder (or name) that holds text_encoder/ and tokenizer/
        """
        self.config = config
        self.device = torch.device(device)
        self.split = HeldOutSplit(config.data, config.val, config.held_out)
        self.faces = self.split.train
        self.vae_source = folders.component_folder(vae, "vae")
        self.text_source = folders.component_folder(text, "text_encoder").parent
        self.vae = folders.load_vae(vae).to(self.device)
        self.text_encoder = TextEncoder(*folders.load_text(text)).to(self.device).eval()
        self.noise_schedule = noise_schedule
        self.latents = None

    @property
    def vae_factor(self) -> int:
        """Pixels of a face per pixel of its latents."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    def size(self) -> int:
        """Number of training samples: rows of `data`, then all rows of `extra_data`."""
        extra = len(self.extra_faces) if self.extra_faces else 0
        return self.split.train_size + extra

    def prepare(self, folder: Path, progress) -> None:
        """Encode the data sets, or read their latents from the cache."""
        digest = weights.sha256(self.vae_source)
        cache = Path(self.config.cache or folder / "cache")
        self.latents = cached_latents(self.faces, self.vae, digest, cache, progress)
        if self.extra_faces:
            extra = cached_latents(self.extra_faces, self.vae, digest, cache, progress)
            self.latents = torch.cat([self.latents[: self.split.train_size], extra])

    # -- one batch ---------------------------------------------------------------------------------

    def noisy_batch(self, batch: SeededBatch) -> NoisyBatch:
        """Draw captions, steps and noise for a batch."""
        clean = self.latents[batch.indices].to(self.device).float()
        t = batch.integers(self.noise_schedule.num_labels).to(self.device)
        epsilon = batch.normal(*clean.shape[1:]).to(self.device)
        choices = batch.integers(2**31).tolist()
        dropped = (batch.uniform() < self.drop_prompt_prob).tolist()
        prompts = []
        for row, choice, drop in zip(batch.indices.tolist(), choices, dropped):
            captions = self.captions_of(row)[: self.max_captions]
            empty = drop or not captions
            prompts.append("" if empty else captions[choice % len(captions)])
        return self._add_noise(batch.indices, clean, epsilon, t, prompts)

    def captions_of(self, row: int) -> list[str]:
        """Return all captions of a training row."""
        train_size = self.split.train_size
        if row < train_size:
            return self.faces.captions[row]
        return self.extra_faces.captions[row - train_size]

    def _add_noise(
        self, rows: Tensor, clean: Tensor, epsilon: Tensor, t: Tensor, prompts: list[str]
    ) -> NoisyBatch:
        latents = self.noise_schedule.noised(clean, t, epsilon)
        latents = latents.contiguous(memory_format=torch.channels_last)
        return NoisyBatch(rows, clean, latents, epsilon, t, prompts)

    def target(self, noisy: NoisyBatch) -> Tensor:
        """Return what the network should predict [b,4,h,w]."""
        return noisy.epsilon

    def sample_errors(self, predicted: Tensor, noisy: NoisyBatch) -> Tensor:
        """Return the squared error of every sample [b]."""
        return (predicted.float() - self.target(noisy)).square().mean((1, 2, 3))

    def sample_losses(self, predicted: Tensor, noisy: NoisyBatch) -> Tensor:
        """Return the weighted loss of every sample [b]."""
        error = self.sample_errors(predicted, noisy)
        floor = self.config.truncated_snr
        ceiling = self.config.min_snr
        if floor is None and ceiling is None:
            return error
        signal, sigma = self.noise_schedule.levels(noisy.t, error)
        snr = (signal / sigma).square().flatten()
        return error * (snr.clamp(floor, ceiling) / snr)

    # -- held-out data -----------------------------------------------------------------------------

    @torch.no_grad()
    def held_out_batch(self, limit: int) -> NoisyBatch:
        """Return held-out rows with first captions; noise and steps are the same at every call."""
        faces, rows = self.split.held_out_rows(limit)
        images = to_float(faces.images[rows]).to(self.device)
        clean = encode_mean(self.vae, images)
        epsilon = sampling.seeded_noise(rows, clean.shape[1:]).to(self.device)
        stream = torch.Generator().manual_seed(0)
        t = torch.linspace(*SCORED_STEPS, len(rows)).long()
        t = t[torch.randperm(len(rows), generator=stream)].to(self.device)
        return self._add_noise(rows, clean, epsilon, t, self.first_captions(faces, rows))

    @staticmethod
    def first_captions(faces: FaceZip, rows: Tensor) -> list[str]:
        """Return the first caption of every row, "" where it has none."""
        captions = (faces.captions[row] for row in rows.tolist())
        return [texts[0] if texts else "" for texts in captions]

    def denoising_scores(
        self, noisy: NoisyBatch, predicted: Tensor, worse: Tensor, gain: str = "gain"
    ) -> Scores:
        """Score a prediction by its squared error, and by how much larger that of `worse` is."""
        error = self.sample_errors(predicted, noisy).mean()
        worse_error = self.sample_errors(worse, noisy).mean()
        count = len(noisy.t)
        first, last = SCORED_STEPS
        conditions = {"steps": f"even over {first}..{last}", "data": "held out"}
        return {
            f"{self.predicts} MSE": Score(float(error), count, False, conditions),
            gain: Score(float(worse_error / error - 1), count, True, conditions),
        }

    def weights(self) -> dict[str, str]:
        return {
            "vae": weights.sha256(self.vae_source),
            "text_encoder": weights.sha256(self.text_source / "text_encoder"),
        }


def use_explicit_attention(module) -> None:
    """Compute attention by plain matrix products when training on a CPU.

    The backward pass of fused attention is several times slower there (torch 2.13).
    """
    from diffusers.models.attention_processor import AttnProcessor

    if module.device.type == "cpu":
        module.set_attn_processor(AttnProcessor())
