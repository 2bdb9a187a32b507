"""What training a denoising U-Net and training a ControlNet share: latents, captions, noise and the loss."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders import folders, sampling
from gantoolkit.encoders.prompts import Prompts
from gantoolkit.tasks.diffusion.latent_cache import latents_of
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.task import Task


@dataclass
class Noised:
    """One batch on its way into a denoiser."""

    rows: Tensor  # [b] rows of the data set
    latents: Tensor  # z_t [b,4,h,w]
    epsilon: Tensor  # the noise in it
    t: Tensor  # [b]
    prompts: list[str]


class Denoising(Task):
    """Base of the tasks `diffusion` and `controlnet`.

    L = w(t) · ‖ε − ε̂(z_t, t, c)‖², w = min(SNR, γ)/SNR for γ = `min_snr` (None: 1; Hang et al. 2023);
    the prompt is one of the sample's captions, or empty with probability `empty` (classifier-free guidance).
    """

    texts: int | None = None  # so many captions of a sample are used, the first ones; None: all

    def __init__(
        self,
        data: str,
        val: str | None,
        held_out: int,
        vae: str,
        text: str,
        scheduler,
        empty: float,
        min_snr: float | None,
        guidance: float,
        steps: int,
        cache: str | None,
        device: str | torch.device,
        also: str | None = None,
    ):
        self.device = torch.device(device)
        self.zip, self.val = FaceZip(data), FaceZip(val) if val else None
        self.also = FaceZip(also) if also else None
        self.held_out = 0 if val else min(held_out, len(self.zip) // 4)
        self.vae_source = folders.part(vae, "vae")
        self.text_source = folders.part(text, "text_encoder").parent
        self.vae = folders.load_vae(vae).to(self.device)
        self.prompts = Prompts(*folders.load_text(text)).to(self.device).eval()
        self.scheduler = scheduler
        self.empty, self.min_snr, self.guidance, self.steps = empty, min_snr, guidance, steps
        self.cache, self.latents = cache, None

    @property
    def own(self) -> int:
        """Rows of `data` that are trained on; a draw counts those of `also` after them."""
        return len(self.zip) - self.held_out

    def size(self) -> int:
        return self.own + (len(self.also) if self.also else 0)

    def prepare(self, folder: Path, progress) -> None:
        key = weights.sha256(self.vae_source)
        kept = Path(self.cache or folder / "cache")
        self.latents = latents_of(self.zip, self.vae, key, kept, progress)
        if self.also:
            more = latents_of(self.also, self.vae, key, kept, progress)
            self.latents = torch.cat([self.latents[: self.own], more])

    # -- one batch -----------------------------------------------------------------------------------

    def noised(self, draw: SeededBatch) -> Noised:
        """Captions, steps and noise of a draw."""
        clean = self.latents[draw.indices].to(self.device).float()
        t = draw.integers(self.scheduler.config.num_train_timesteps).to(self.device)
        epsilon = draw.normal(*clean.shape[1:]).to(self.device)
        numbers, dropped = draw.integers(2**31).tolist(), (draw.uniform() < self.empty).tolist()
        captions = (self.captions_of(i)[: self.texts] for i in draw.indices.tolist())
        prompts = [
            "" if d or not c else c[n % len(c)] for c, n, d in zip(captions, numbers, dropped)
        ]
        return self._noised(draw.indices, clean, epsilon, t, prompts)

    def captions_of(self, row: int) -> list[str]:
        """All captions of a drawn row."""
        return self.zip.captions[row] if row < self.own else self.also.captions[row - self.own]

    def _noised(self, rows, clean: Tensor, epsilon: Tensor, t: Tensor, prompts) -> Noised:
        latents = sampling.q_sample(self.scheduler, clean, t, epsilon)
        return Noised(
            rows, latents.contiguous(memory_format=torch.channels_last), epsilon, t, list(prompts)
        )

    def weighted(self, predicted: Tensor, batch: Noised) -> Tensor:
        """The loss [b] before the mean over the batch."""
        error = (predicted.float() - batch.epsilon).square().mean((1, 2, 3))
        if self.min_snr is None:
            return error
        signal, sigma = sampling.levels(self.scheduler, batch.t, error)
        snr = (signal / sigma).square().flatten()
        return error * (self.min_snr / snr).clamp(max=1.0)

    # -- held-out data -------------------------------------------------------------------------------

    @property
    def held(self) -> tuple[FaceZip, Tensor]:
        """(data set, rows) that training does not see (of a tiny set without any: its first rows)."""
        source, first = (self.val, 0) if self.val else (self.zip, self.own)
        rows = torch.arange(first, len(source))
        return source, rows if len(rows) else torch.arange(len(source))

    @torch.no_grad()
    def held_batch(self, limit: int) -> Noised:
        """The same noise and evenly spread steps at every call, first captions."""
        source, rows = self.held
        rows = rows[:limit]
        images = to_float(source.images[rows]).to(self.device)
        clean = self.vae.encode(images).latent_dist.mode() * self.vae.config.scaling_factor
        epsilon = sampling.noise(rows, clean.shape[1:]).to(self.device)
        t = torch.linspace(20, 980, len(rows)).long()[
            torch.randperm(len(rows), generator=_stream())
        ]
        return self._noised(rows, clean, epsilon, t.to(self.device), self.captions(source, rows))

    @staticmethod
    def captions(source: FaceZip, rows: Tensor) -> list[str]:
        """The first caption of every row."""
        return [source.captions[i][0] if source.captions[i] else "" for i in rows.tolist()]

    def weights(self) -> dict[str, str]:
        return {
            "vae": weights.sha256(self.vae_source),
            "text_encoder": weights.sha256(self.text_source / "text_encoder"),
        }


def _stream() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def explicit_attention(module) -> None:
    """Attention as plain matrix products while training on a CPU: the backward pass of fused attention is
    several times slower there (torch 2.13)."""
    from diffusers.models.attention_processor import AttnProcessor

    if module.device.type == "cpu":
        module.set_attn_processor(AttnProcessor())
