"""Task `diffusion`: train a text-conditioned denoising U-Net in the latent space of a VAE."""

from __future__ import annotations

import shutil
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders import folders, sampling, schedules
from gantoolkit.encoders.schedules import ddim_scheduler
from gantoolkit.encoders.text_encoder import TextEncoder
from gantoolkit.networks.cpu.group_norm import train_in_channels_last
from gantoolkit.tasks.diffusion.config import DiffusionConfig
from gantoolkit.tasks.diffusion.denoising import (
    BETAS,
    WEIGHT_DECAY,
    Denoising,
    NoisyBatch,
    use_explicit_attention,
)
from gantoolkit.tasks.image_grid import image_grid
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema


class Diffusion(Denoising):
    """Train diffusers' UNet2DConditionModel; export a folder in Stable Diffusion's layout."""

    config: DiffusionConfig
    config_class = DiffusionConfig

    def __init__(self, config: DiffusionConfig, device: str | torch.device = "cpu", seed: int = 0):
        noise_schedule = schedules.Diffusion(ddim_scheduler(), config.steps)
        super().__init__(config, config.vae, config.text, noise_schedule, device)
        self.drop_prompt_prob = config.drop_prompt_prob
        self.max_captions = config.max_captions
        if config.extra_data:
            self.extra_faces = FaceZip(config.extra_data)
        torch.manual_seed(seed)
        self.unet = self._initial_unet().to(self.device)
        self.ema_unet = frozen_copy(self.unet)
        use_explicit_attention(self.unet)
        self.modules = {"unet": self.unet}
        self.ema_modules = {"unet": self.ema_unet}
        parameters = [{"params": list(self.unet.parameters()), "lr": config.lr}]
        self.train_text = config.lr_text is not None
        self.ema_text_encoder = self.text_encoder  # what is scored and exported
        if self.train_text:
            self._add_text_model()
            text_parameters = list(self.text_encoder.model.parameters())
            parameters.append({"params": text_parameters, "lr": config.lr_text})
        optimizer = torch.optim.AdamW(parameters, config.lr, BETAS, weight_decay=WEIGHT_DECAY)
        self.optimizers = {"unet": optimizer}

    @property
    def latent_size(self) -> int:
        """Pixels per side of the faces' latents."""
        return self.faces.resolution // self.vae_factor

    def _initial_unet(self):
        """Return the U-Net of `init_from`, or a new one that fits the VAE and the text encoder."""
        config = self.config
        if config.init_from is not None:
            unet = folders.load_unet(config.init_from).requires_grad_(True).train()
            unet.register_to_config(sample_size=self.latent_size)  # it may have been another one's
            return train_in_channels_last(unet)
        return new_unet(
            self.vae.config.latent_channels,
            self.latent_size,
            config.widths,
            config.layers,
            config.heads,
            config.groups,
            self.text_encoder.model.config.hidden_size,
        )

    def _add_text_model(self) -> None:
        """Let the text model learn, beside a moving average of it."""
        model = self.text_encoder.model.requires_grad_(True)
        self.modules["text"] = model
        self.ema_modules["text"] = frozen_copy(model)
        tokenizer = self.text_encoder.tokenizer
        self.ema_text_encoder = TextEncoder(self.ema_modules["text"], tokenizer)

    def _embed(self, prompts: list[str]) -> Tensor:
        """Embed prompts [b,T,D]; with a gradient when the text encoder is trained."""
        with torch.set_grad_enabled(self.train_text and torch.is_grad_enabled()):
            return self.text_encoder(prompts).embedding

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        noisy = self.noisy_batch(batch)
        embedding = self._embed(noisy.prompts)
        predicted = self.unet(noisy.latents, noisy.t, embedding, return_dict=False)[0]
        return {"epsilon": self.sample_losses(predicted, noisy).mean()}

    def after_step(self, iteration: int) -> None:
        decay = self.config.ema
        update_ema(self.ema_unet, self.unet, iteration, decay)
        if self.train_text:
            update_ema(self.ema_text_encoder.model, self.text_encoder.model, iteration, decay)

    def predict_noise(self, noisy: NoisyBatch, prompts: list[str], chunk: int = 64) -> Tensor:
        """Return ε̂ [b,4,h,w] of the averaged U-Net and text encoder."""
        embedding = self.ema_text_encoder(prompts).embedding
        predicted = []
        for rows in torch.arange(len(noisy.t)).split(chunk):
            inputs = noisy.latents[rows], noisy.t[rows], embedding[rows]
            predicted.append(self.ema_unet(*inputs, return_dict=False)[0])
        return torch.cat(predicted)

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score ε̂ on held-out rows, and how much the right prompt helps against another's."""
        noisy = self.held_out_batch(min(limit or 256, 256))
        predicted = self.predict_noise(noisy, noisy.prompts)
        other_prompts = noisy.prompts[1:] + noisy.prompts[:1]
        worse = self.predict_noise(noisy, other_prompts)
        return self.denoising_scores(noisy, predicted, worse, "prompt gain")

    @torch.no_grad()
    def sample(self, prompts: list[str], seeds: Tensor) -> Tensor:
        """Sample images [B,3,R,R] in −1..1 by the averaged networks (guided DDIM, seeded noise)."""
        scale = self.config.guidance
        embedding = self.ema_text_encoder(prompts).embedding
        if scale != 1:
            empty = self.ema_text_encoder([""] * len(prompts)).embedding
            embedding = torch.cat([empty, embedding])
        config = self.ema_unet.config
        shape = (config.in_channels, config.sample_size, config.sample_size)
        latents = sampling.seeded_noise(seeds, shape).to(self.device)

        def predict(z: Tensor, t: Tensor) -> Tensor:
            return self.ema_unet(z, t, embedding, return_dict=False)[0]

        def predict_guided(z: Tensor, t: int) -> Tensor:
            return sampling.predict_guided(predict, z, t, scale)

        times = self.noise_schedule.timesteps
        latents = sampling.denoise(self.noise_schedule, times, latents, predict_guided)
        images = self.vae.decode(latents / self.vae.config.scaling_factor, return_dict=False)[0]
        return images.clamp(-1, 1)

    def pictures(self) -> dict[str, Tensor]:
        """Draw held-out faces above two samples of each one's caption."""
        faces, rows = self.split.held_out_rows(8)
        prompts = self.first_captions(faces, rows)
        seeds = torch.arange(len(rows))
        samples = [self.sample(prompts, seeds + offset) for offset in (0, 1000)]
        return {"samples": image_grid([to_float(faces.images[rows]), *samples])}

    def weights(self) -> dict[str, str]:
        checksums = super().weights()
        init_from = self.config.init_from
        if init_from:
            unet_folder = folders.component_folder(init_from, "unet")
            checksums[init_from] = weights.sha256(unet_folder)
        return checksums

    def export(self, folder: Path) -> list[Path]:
        """Write unet/ scheduler/ vae/ text_encoder/ tokenizer/ in diffusers' layout, float16."""
        paths = [
            folders.save_component(self.ema_unet, folder, "unet"),
            folders.save_component(self.noise_schedule.scheduler, folder, "scheduler"),
        ]
        text_folders = [self.text_source / name for name in ("text_encoder", "tokenizer")]
        for source in (self.vae_source, *text_folders):
            copy = shutil.copytree(source, folder / source.name, dirs_exist_ok=True)
            paths.append(Path(copy))
        if self.train_text:
            folders.save_component(self.ema_text_encoder.model, folder, "text_encoder")
        return paths


def new_unet(channels: int, size: int, widths, layers: int, heads: int, groups: int, context: int):
    """Make a small UNet2DConditionModel, channels last.

    Every residual branch and the output start at zero.

    channels  of the latents
    size      of the latents in pixels
    context   length of the prompt's embeddings
    """
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    attention_levels = len(widths) - 1
    model = UNet2DConditionModel(
        sample_size=size,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=tuple(widths),
        layers_per_block=layers,
        attention_head_dim=heads,
        norm_num_groups=groups,
        cross_attention_dim=context,
        down_block_types=("CrossAttnDownBlock2D",) * attention_levels + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * attention_levels,
        only_cross_attention=(True,) + (False,) * attention_levels,
        mid_block_only_cross_attention=False,
    )
    with torch.no_grad():
        for name, module in model.named_modules():
            if name.endswith(("conv2", "proj_out")) or name == "conv_out":
                module.weight.zero_()
                module.bias.zero_()
    return train_in_channels_last(model)
