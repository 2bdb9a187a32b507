"""Task `vae`: the autoencoder whose latents the diffusion model works on (diffusers' AutoencoderKL)."""

from __future__ import annotations

from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Score, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders import folders
from gantoolkit.registry.registry import build
from gantoolkit.tasks.sheet import joined
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema
from gantoolkit.training.freeze import learn_only
from gantoolkit.training.task import Task


class VAE(Task):
    """L = Σ over scales of |x̂ − x| + mse · ‖x̂ − x‖² + kl · KL(q ‖ N(0,1)) + weight · d(x̂, x).

    data        zip of faces; val: another one for PSNR (default: the last `held_out` rows of `data`)
    widths      channels per level; the downsampling factor f is 2^(levels − 1)
    kl          per latent number: small, so that latents stay smooth but lose little
    perceptual  d, a loss component {"type": …, "weight": …} or None; its weight rises from 0 over the first
                `ramp` iterations, because it misleads a network that draws blurs
    start       folder (or name) whose autoencoder is trained further, whatever `widths` to `groups` say; None: a new one
    only        its parts that learn, None: all. Where these are "decoder" and "post_quant_conv", latents stay what they
                are, and diffusion models of them go on to work (as of Stable Diffusion's ft-MSE decoders)
    """

    def __init__(
        self,
        data: str,
        val: str | None = None,
        held_out: int = 64,
        widths: tuple[int, ...] = (32, 48, 64),
        layers: int = 1,
        latent_channels: int = 4,
        groups: int = 8,
        lr: float = 1e-3,
        kl: float = 1e-3,
        mse: float = 1.0,
        perceptual: dict | None = None,
        ramp: int = 400,
        ema: float = 0.998,
        start: str | None = None,
        only: list[str] | None = None,
        device: str | torch.device = "cpu",
        seed: int = 0,
    ):
        self.device = torch.device(device)
        self.zip = FaceZip(data)
        self.val = FaceZip(val) if val else None
        self.held_out = 0 if val else min(held_out, len(self.zip) // 4)
        torch.manual_seed(seed)
        self.start = start
        self.vae = self._begin(widths, layers, latent_channels, groups).to(self.device)
        learn_only(self.vae, only)
        self.average = frozen_copy(self.vae)
        self.modules, self.averages = {"vae": self.vae}, {"vae": self.average}
        self.optimizers = {
            "vae": torch.optim.AdamW(self.vae.parameters(), lr, (0.9, 0.99), weight_decay=1e-3)
        }
        self.kl, self.mse, self.ema = kl, mse, ema
        self.perceptual = build("loss", perceptual).to(self.device) if perceptual else None
        self.ramp = ramp

    def _begin(self, widths, layers: int, latent_channels: int, groups: int):
        """The autoencoder at the first iteration: that of `start`, or a new one of the data's size."""
        if self.start is not None:
            vae = folders.load_vae(self.start).train()
            _check_resolution(self.zip.resolution, len(vae.config.block_out_channels))
            return vae
        _check_resolution(self.zip.resolution, len(widths))
        return autoencoder(widths, layers, latent_channels, groups, self.zip.resolution)

    def size(self) -> int:
        return len(self.zip) - self.held_out

    def _images(self, indices: Tensor) -> Tensor:
        """Rows of the training zip in −1..1 [b,3,R,R], channels last."""
        images = to_float(self.zip.images[indices]).to(self.device)
        return images.contiguous(memory_format=torch.channels_last)

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        images = self._images(draw.indices)
        posterior = self.vae.encode(images).latent_dist
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        noise = draw.normal(*mean.shape[1:]).to(self.device)
        decoded = self.vae.decode(mean + noise * (0.5 * logvar).exp()).sample.float()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        losses = {
            "l1": multiscale(decoded, images),
            "mse": self.mse * F.mse_loss(decoded, images),
            "kl": self.kl * kl,
        }
        if self.perceptual is not None:
            weight = self.perceptual.weight * min(1.0, iteration / max(1, self.ramp))
            losses["perceptual"] = weight * self.perceptual(
                decoded, self.perceptual.prepare(images)
            )
        return losses

    def after_step(self, iteration: int) -> None:
        update_ema(self.average, self.vae, iteration, self.ema)

    def _held_out(self, limit: int) -> Tensor:
        """Images that training does not see, [n,3,R,R] in −1..1."""
        source, first = (self.val, 0) if self.val else (self.zip, self.size())
        rows = source.images[first : first + limit]
        return to_float(rows if len(rows) else self.zip.images[:limit]).to(self.device)

    @torch.no_grad()
    def reconstruct(self, images: Tensor, batch: int = 64) -> Tensor:
        """Decoded means of the averaged network, clamped to −1..1."""
        latents = (self.average.encode(part).latent_dist.mode() for part in images.split(batch))
        return torch.cat([self.average.decode(z).sample for z in latents]).clamp(-1, 1)

    def validate(self, limit: int | None = None) -> Scores:
        """PSNR in dB (peak 2 in −1..1), mean over images."""
        images = self._held_out(limit or 500)
        error = (self.reconstruct(images) - images).square().mean((1, 2, 3)).clamp_min(1e-10)
        psnr = (10 * torch.log10(4 / error)).mean()
        return {
            "PSNR": Score(float(psnr), len(images), True, {"range": "-1..1", "data": "held out"})
        }

    def pictures(self) -> dict[str, Tensor]:
        images = self._held_out(8)
        return {"reconstructions": joined([images, self.reconstruct(images)])}

    @torch.no_grad()
    def scaling_factor(self, count: int = 2048, batch: int = 64) -> float:
        """1 / standard deviation of the latents, so that the diffusion model sees unit variance."""
        rows = torch.linspace(0, self.size() - 1, min(count, self.size())).long()
        found = [self.average.encode(self._images(r)).latent_dist.mode() for r in rows.split(batch)]
        return 1 / float(torch.cat(found).float().std())

    def export(self, folder: Path) -> list[Path]:
        """FOLDER/vae in diffusers' layout, float16, with the scaling_factor of its latents: measured if they changed."""
        if any(parameter.requires_grad for parameter in self.vae.encoder.parameters()):
            self.average.register_to_config(scaling_factor=round(self.scaling_factor(), 6))
        return [folders.save_part(self.average, folder, "vae")]

    def weights(self) -> dict[str, str]:
        return {self.start: weights.sha256(folders.part(self.start, "vae"))} if self.start else {}

    def networks(self) -> dict[str, str]:
        network = self.perceptual.network if self.perceptual else None
        return {"perceptual": network} if network else {}


def autoencoder(widths, layers: int, latent_channels: int, groups: int, resolution: int):
    """A small AutoencoderKL, channels last."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    model = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=latent_channels,
        block_out_channels=tuple(widths),
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        layers_per_block=layers,
        norm_num_groups=groups,
        sample_size=resolution,
        mid_block_add_attention=False,
    )
    with torch.no_grad():
        # little noise in the latents, or the decoder first learns to ignore them
        model.quant_conv.bias[latent_channels:].fill_(-5.0)
        for name, module in model.named_modules():
            if name.endswith(
                "conv2"
            ):  # residual blocks start as the identity: escapes the blurs sooner
                module.weight.zero_()
                module.bias.zero_()
    return model.to(memory_format=torch.channels_last)


def multiscale(image: Tensor, target: Tensor, scales: int = 3) -> Tensor:
    """Mean absolute error at 1, 1/2, 1/4 … of the resolution, averaged."""
    total = 0.0
    for scale in range(scales):
        if scale:
            image, target = F.avg_pool2d(image, 2), F.avg_pool2d(target, 2)
        total = total + (image - target).abs().mean()
    return total / scales


def _check_resolution(resolution: int, levels: int) -> None:
    factor = 2 ** (levels - 1)
    if resolution % factor:
        raise UsageError(
            f"Images of {resolution} px cannot be reduced by {factor}; use fewer widths."
        )
