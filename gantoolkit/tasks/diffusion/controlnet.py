"""Task `controlnet`: train a copy of the U-Net's encoder to follow a mask or a scribble."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.core.images import colorize_labels, one_hot, to_float
from gantoolkit.core.suggest import check_choice
from gantoolkit.core.types import Condition, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders import conditioning, diffusion_model, folders
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.schedules import Diffusion as NoiseSchedule
from gantoolkit.networks.cpu.group_norm import train_in_channels_last
from gantoolkit.tasks.diffusion.config import ControlNetConfig
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

CHANNELS = {"mask": 19, "scribble": 1}


class ControlNet(Denoising):
    """Train diffusers' ControlNetModel beside the frozen U-Net of `diffusion`."""

    config: ControlNetConfig
    config_class = ControlNetConfig

    def __init__(self, config: ControlNetConfig, device: str | torch.device = "cpu", seed: int = 0):
        diffusion = config.diffusion
        noise_schedule = NoiseSchedule(folders.load_scheduler(diffusion), config.steps)
        super().__init__(config, diffusion, diffusion, noise_schedule, device)
        self.drop_prompt_prob = config.drop_prompt_prob
        torch.manual_seed(seed)
        self.unet_source = folders.component_folder(diffusion, "unet")
        self.unet = folders.load_unet(diffusion).to(self.device)
        self._check_size()
        check_choice("condition", config.condition, CHANNELS)
        self.controlnet = self._initial_controlnet().to(self.device)
        self.palette = None
        if config.condition == "mask":
            channels = self.controlnet.config.conditioning_channels
            self.palette = conditioning.choose_palette(channels, config.palette)
        self.ema_controlnet = frozen_copy(self.controlnet)
        if config.recompute:
            self.controlnet.enable_gradient_checkpointing()
            self.unet.enable_gradient_checkpointing()
        use_explicit_attention(self.unet)
        use_explicit_attention(self.controlnet)
        self.modules = {"controlnet": self.controlnet}
        self.ema_modules = {"controlnet": self.ema_controlnet}
        parameters = self.controlnet.parameters()
        optimizer = torch.optim.AdamW(parameters, config.lr, BETAS, weight_decay=WEIGHT_DECAY)
        self.optimizers = {"controlnet": optimizer}

    def _check_size(self) -> None:
        """Refuse faces of another size than the U-Net draws."""
        drawn = self.unet.config.sample_size * self.vae_factor
        resolution = self.faces.resolution
        if drawn != resolution:
            raise UsageError(
                f"The faces of {self.config.data} have {resolution} px, but the diffusion model "
                f"{self.config.diffusion} draws {drawn} px; make them that size with `gantoolkit "
                f"data resize {self.config.data} --resolution {drawn} --out FILE`."
            )

    def _initial_controlnet(self):
        """Return the ControlNet of `init_from`, or a copy of the U-Net's encoder."""
        config = self.config
        if config.init_from is not None:
            return folders.load_controlnet(config.init_from).requires_grad_(True).train()
        halvings = len(self.vae.config.block_out_channels) - 1
        is_rgb = config.palette not in (None, "one-hot")
        channels = 3 if is_rgb else CHANNELS[config.condition]
        widths = config.widths or (16,) + (32,) * halvings
        return new_controlnet(self.unet, channels, tuple(widths))

    def control_images(self, faces: FaceZip, rows: Tensor) -> Tensor:
        """Return the visual conditions of `rows` [b,·,R,R] in 0..1, channels last."""
        if self.config.condition == "mask":
            images = conditioning.mask_image(one_hot(faces.labels[rows]), self.palette)
        else:
            channels = self.controlnet.config.conditioning_channels
            images = faces.scribbles[rows].float().div(255).unsqueeze(1)
            images = images.expand(-1, channels, -1, -1)
        return images.to(self.device).contiguous(memory_format=torch.channels_last)

    def predict_noise(self, controlnet, noisy: NoisyBatch, control_images: Tensor) -> Tensor:
        """Return ε̂(z_t, t, c, x) [b,4,h,w]."""
        with torch.no_grad():
            embedding = self.text_encoder(noisy.prompts).embedding
        down, mid = controlnet(
            noisy.latents, noisy.t, embedding, controlnet_cond=control_images, return_dict=False
        )
        return self.unet(
            noisy.latents,
            noisy.t,
            embedding,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0]

    def losses(self, phase: str, batch: SeededBatch, iteration: int) -> dict[str, Tensor]:
        noisy = self.noisy_batch(batch)
        control_images = self.control_images(self.faces, noisy.rows)
        predicted = self.predict_noise(self.controlnet, noisy, control_images)
        return {"epsilon": self.sample_losses(predicted, noisy).mean()}

    def after_step(self, iteration: int) -> None:
        update_ema(self.ema_controlnet, self.controlnet, iteration, self.config.ema)

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Score ε̂ on held-out rows, and how much the right condition helps against another's."""
        limit = min(limit or 128, 128)
        noisy = self.held_out_batch(limit)
        control_images = self.control_images(*self.split.held_out_rows(limit))
        predicted = self.predict_noise(self.ema_controlnet, noisy, control_images)
        worse = self.predict_noise(self.ema_controlnet, noisy, control_images.roll(1, 0))
        return self.denoising_scores(noisy, predicted, worse, "condition gain")

    def encoder(self) -> ControlNetEncoder:
        """Return the encoder that bridges use, with the averaged ControlNet of now."""
        model = diffusion_model.DiffusionModel(
            self.unet,
            self.ema_controlnet,
            self.vae,
            self.text_encoder.model,
            self.text_encoder.tokenizer,
            self.noise_schedule.scheduler,
        )
        return ControlNetEncoder(
            model,
            condition=self.config.condition,
            palette=self.palette,
            steps=self.config.steps,
            guidance=self.config.guidance,
        )

    def pictures(self) -> dict[str, Tensor]:
        """Draw conditions, samples with the caption, samples without words, and the photographs."""
        faces, rows = self.split.held_out_rows(8)
        condition = faces.sample(rows, condition=self.config.condition, seed=1).condition
        condition = condition.to(self.device)
        without_words = dataclasses.replace(condition, text=("",) * len(condition))
        encoder = self.encoder()
        shown = [
            _condition_image(condition),
            encoder.trajectory(condition)[1],
            encoder.trajectory(without_words)[1],
            to_float(faces.images[rows]),
        ]
        return {"samples": image_grid(shown)}

    def export(self, folder: Path) -> list[Path]:
        """Write FOLDER/controlnet in diffusers' layout, float16."""
        return [folders.save_component(self.ema_controlnet, folder, "controlnet")]

    def weights(self) -> dict[str, str]:
        checksums = {**super().weights(), "unet": weights.sha256(self.unet_source)}
        init_from = self.config.init_from
        if init_from:
            checksums[init_from] = weights.sha256(folders.find_folder(init_from))
        return checksums


def _condition_image(condition: Condition) -> Tensor:
    """Return the visual condition as RGB [B,3,R,R] in −1..1."""
    if condition.mask is None:
        return condition.scribble.expand(-1, 3, -1, -1) * 2 - 1
    colored = colorize_labels(condition.mask.argmax(1))
    return to_float(colored).permute(0, 3, 1, 2).contiguous()


def new_controlnet(unet, channels: int, widths: tuple[int, ...]):
    """Make a ControlNetModel from the U-Net's encoder, with zero outputs, channels last.

    The condition's own last layer, which diffusers sets to zero too, starts at random. One zero
    layer keeps the outputs at zero; behind two the condition would get no gradient for many
    iterations.
    """
    from diffusers.models.controlnets.controlnet import ControlNetModel

    model = ControlNetModel.from_unet(
        unet, conditioning_channels=channels, conditioning_embedding_out_channels=widths
    )
    model.controlnet_cond_embedding.conv_out.reset_parameters()
    return train_in_channels_last(model.requires_grad_(True).train())
