"""Task `vae`: train the autoencoder whose latents the diffusion model works on (AutoencoderKL)."""

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
from gantoolkit.data.split import HeldOutSplit
from gantoolkit.encoders import folders
from gantoolkit.networks.cpu.group_norm import train_in_channels_last
from gantoolkit.registry import registry
from gantoolkit.tasks.diffusion.config import VAEConfig
from gantoolkit.tasks.diffusion.denoising import BETAS, WEIGHT_DECAY
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema
from gantoolkit.training.freeze import unfreeze_only
from gantoolkit.training.task import Task

INITIAL_LOGVAR = -5.0  # little noise in the latents, or the decoder first learns to ignore them


class VAE(Task):
    """Train diffusers' AutoencoderKL.

    L = Σ over scales of |x̂ − x| + mse · ‖x̂ − x‖² + kl · KL(q ‖ N(0,1)) + weight · d(x̂, x)
    """

    config: VAEConfig
    config_class = VAEConfig

    def __init__(self, config: VAEConfig, device: str | torch.device = "cpu", seed: int = 0):
        self.config = config
        self.device = torch.device(device)
        self.split = HeldOutSplit(config.data, config.val, config.held_out)
        self.faces = self.split.train
        torch.manual_seed(seed)
        self.vae = train_in_channels_last(self._initial_vae()).to(self.device)
        unfreeze_only(self.vae, config.train_only)
        self.ema_vae = frozen_copy(self.vae)
        self.modules = {"vae": self.vae}
        self.ema_modules = {"vae": self.ema_vae}
        parameters = self.vae.parameters()
        optimizer = torch.optim.AdamW(parameters, config.lr, BETAS, weight_decay=WEIGHT_DECAY)
        self.optimizers = {"vae": optimizer}
        self.perceptual = None
        if config.perceptual:
            self.perceptual = registry.build("loss", config.perceptual).to(self.device)

    def _initial_vae(self):
        """Return the autoencoder of `init_from`, or a new one of the data's size."""
        config = self.config
        resolution = self.faces.resolution
        if config.init_from is not None:
            vae = folders.load_vae(config.init_from).train()
            _check_resolution(resolution, len(vae.config.block_out_channels))
            return vae
        _check_resolution(resolution, len(config.widths))
        return new_autoencoder(
            config.widths, config.layers, config.latent_channels, config.groups, resolution
        )

    def size(self) -> int:
        return self.split.train_size

    def _images(self, rows: Tensor) -> Tensor:
        """Return training images in −1..1 [b,3,R,R]."""
        images = to_float(self.faces.images[rows]).to(self.device)
        return images.contiguous(memory_format=torch.channels_last)

    def _held_out_images(self, limit: int) -> Tensor:
        """Return held-out images in −1..1 [n,3,R,R]."""
        faces, rows = self.split.held_out_rows(limit)
        return to_float(faces.images[rows]).to(self.device)

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        images = self._images(batch.indices)
        posterior = self.vae.encode(images).latent_dist
        mean = posterior.mean.float()
        logvar = posterior.logvar.float()
        noise = batch.normal(*mean.shape[1:]).to(self.device)
        latents = mean + noise * (0.5 * logvar).exp()
        decoded = self.vae.decode(latents).sample.float()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        losses = {
            "l1": multiscale_l1(decoded, images),
            "mse": self.config.mse * F.mse_loss(decoded, images),
            "kl": self.config.kl * kl,
        }
        if self.perceptual is not None:
            weight = self.perceptual.weight * min(1.0, iteration / max(1, self.config.ramp))
            distance = self.perceptual(decoded, self.perceptual.prepare(images))
            losses["perceptual"] = weight * distance
        return losses

    def after_step(self, iteration: int) -> None:
        update_ema(self.ema_vae, self.vae, iteration, self.config.ema)

    @torch.no_grad()
    def reconstruct(self, images: Tensor, chunk: int = 64) -> Tensor:
        """Return the decoded means of the averaged network, clamped to −1..1."""
        decoded = []
        for batch in images.split(chunk):
            latents = self.ema_vae.encode(batch).latent_dist.mode()
            decoded.append(self.ema_vae.decode(latents).sample)
        return torch.cat(decoded).clamp(-1, 1)

    def validate(self, limit: int | None = None) -> Scores:
        """Score PSNR in dB (peak 2 in −1..1), mean over images."""
        images = self._held_out_images(limit or 500)
        mse = (self.reconstruct(images) - images).square().mean((1, 2, 3)).clamp_min(1e-10)
        psnr = (10 * torch.log10(4 / mse)).mean()
        conditions = {"range": "-1..1", "data": "held out"}
        return {"PSNR": Score(float(psnr), len(images), True, conditions)}

    def pictures(self) -> dict[str, Tensor]:
        """Draw held-out images above their reconstructions."""
        images = self._held_out_images(8)
        return {"reconstructions": image_grid([images, self.reconstruct(images)])}

    @torch.no_grad()
    def scaling_factor(self, count: int = 2048, chunk: int = 64) -> float:
        """Return 1 / standard deviation of the latents: what gives the U-Net unit variance."""
        count = min(count, self.size())
        rows = torch.linspace(0, self.size() - 1, count).long()
        latents = []
        for chunk_rows in rows.split(chunk):
            latents.append(self.ema_vae.encode(self._images(chunk_rows)).latent_dist.mode())
        return 1 / float(torch.cat(latents).float().std())

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/vae in diffusers' layout, float16, with the scaling_factor of its latents.

        The factor is measured if the encoder has learned, else it stays.
        """
        if any(parameter.requires_grad for parameter in self.vae.encoder.parameters()):
            self.ema_vae.register_to_config(scaling_factor=round(self.scaling_factor(), 6))
        return [folders.save_component(self.ema_vae, folder, "vae")]

    def weights(self) -> dict[str, str]:
        init_from = self.config.init_from
        if not init_from:
            return {}
        vae_folder = folders.component_folder(init_from, "vae")
        return {init_from: weights.sha256(vae_folder)}

    def networks(self) -> dict[str, str]:
        network = self.perceptual.network if self.perceptual else None
        return {"perceptual": network} if network else {}


def new_autoencoder(widths, layers: int, latent_channels: int, groups: int, resolution: int):
    """Make a small AutoencoderKL."""
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
        model.quant_conv.bias[latent_channels:].fill_(INITIAL_LOGVAR)
        # Residual blocks start as the identity: training leaves the blurs sooner.
        for name, module in model.named_modules():
            if name.endswith("conv2"):
                module.weight.zero_()
                module.bias.zero_()
    return model


def multiscale_l1(image: Tensor, target: Tensor, scales: int = 3) -> Tensor:
    """Return the mean absolute error at 1, 1/2, 1/4 … of the resolution, averaged over scales."""
    total = 0.0
    for scale in range(scales):
        if scale:
            image = F.avg_pool2d(image, 2)
            target = F.avg_pool2d(target, 2)
        total = total + (image - target).abs().mean()
    return total / scales


def _check_resolution(resolution: int, levels: int) -> None:
    factor = 2 ** (levels - 1)
    if resolution % factor:
        raise UsageError(
            f"Images of {resolution} px cannot be reduced by {factor}; use fewer widths."
        )
