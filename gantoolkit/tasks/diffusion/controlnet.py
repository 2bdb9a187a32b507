"""Task `controlnet`: a copy of the U-Net's encoder learns to follow a mask or a scribble."""

from __future__ import annotations

from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.core.images import one_hot, to_float
from gantoolkit.core.labels import PALETTE
from gantoolkit.core.types import Score, Scores
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders import controls, folders
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.tasks.diffusion.denoising import Denoising, Noised, explicit_attention
from gantoolkit.tasks.sheet import joined
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema

CHANNELS = {"mask": 19, "scribble": 1}


class ControlNet(Denoising):
    """Trains diffusers' ControlNetModel beside the frozen U-Net of `diffusion`.

    diffusion  folder (or name) in Stable Diffusion's layout: unet/ vae/ text_encoder/ tokenizer/ scheduler/
    condition  'mask' or 'scribble'
    start      folder (or name) of a ControlNet to fine-tune; None: a copy of the U-Net's encoder
    palette    how a mask is shown: 'one-hot' (19 channels), 'celebamask' or 'ade20k' (RGB); None: by the channels
    checkpointing   the ControlNet's and the U-Net's activations are made again in the backward pass
    widths     channels of the network that brings the condition to the latents' size: one halving per step
    empty      part of the prompts that are empty; high, so that the condition is followed without words
    """

    def __init__(
        self,
        data: str,
        diffusion: str,
        condition: str = "mask",
        val: str | None = None,
        held_out: int = 64,
        widths: tuple[int, ...] | None = None,
        lr: float = 1e-3,
        empty: float = 0.3,
        min_snr: float | None = 5.0,
        ema: float = 0.998,
        guidance: float = 3.0,
        steps: int = 10,
        cache: str | None = None,
        start: str | None = None,
        palette: str | None = None,
        checkpointing: bool = False,
        device: str | torch.device = "cpu",
        seed: int = 0,
    ):
        super().__init__(
            data,
            val,
            held_out,
            diffusion,
            diffusion,
            folders.load_scheduler(diffusion),
            empty,
            min_snr,
            guidance,
            steps,
            cache,
            device,
        )
        torch.manual_seed(seed)
        self.unet_source = folders.part(diffusion, "unet")
        self.unet = folders.load_unet(diffusion).to(self.device)
        if condition not in CHANNELS:
            raise UsageError(f"condition='{condition}' is unknown; choose mask or scribble.")
        self.condition, self.start = condition, start
        self.controlnet = self._begin(start, palette, widths).to(self.device)
        channels = self.controlnet.config.conditioning_channels
        self.palette = controls.palette_of(channels, palette) if condition == "mask" else "one-hot"
        self.average = frozen_copy(self.controlnet)
        if checkpointing:
            self.controlnet.enable_gradient_checkpointing()
            self.unet.enable_gradient_checkpointing()
        explicit_attention(self.unet)
        explicit_attention(self.controlnet)
        self.ema = ema
        self.modules, self.averages = {"controlnet": self.controlnet}, {"controlnet": self.average}
        self.optimizers = {
            "controlnet": torch.optim.AdamW(
                self.controlnet.parameters(), lr, (0.9, 0.99), weight_decay=1e-3
            )
        }

    def _begin(self, start: str | None, palette: str | None, widths: tuple[int, ...] | None):
        """The ControlNet at the first iteration: a published one, or a copy of the U-Net's encoder."""
        if start is not None:
            return folders.load_controlnet(start).requires_grad_(True).train()
        halvings = len(self.vae.config.block_out_channels) - 1
        channels = 3 if palette not in (None, "one-hot") else CHANNELS[self.condition]
        return controlnet(self.unet, channels, tuple(widths or (16,) + (32,) * halvings))

    def _picture(self, source: FaceZip, rows: Tensor) -> Tensor:
        """The condition of some rows [b,·,R,R] in 0..1, channels last."""
        if self.condition == "mask":
            picture = controls.mask_picture(one_hot(source.labels[rows]), self.palette)
        else:
            picture = source.scribbles[rows].float().div(255).unsqueeze(1)
            picture = picture.expand(-1, self.controlnet.config.conditioning_channels, -1, -1)
        return picture.to(self.device).contiguous(memory_format=torch.channels_last)

    def _predict(self, model, batch: Noised, picture: Tensor) -> Tensor:
        """ε̂(z_t, t, c, x) [b,4,h,w]."""
        with torch.no_grad():
            embedding = self.prompts(batch.prompts).embedding
        down, mid = model(
            batch.latents, batch.t, embedding, controlnet_cond=picture, return_dict=False
        )
        return self.unet(
            batch.latents,
            batch.t,
            embedding,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0]

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        batch = self.noised(draw)
        predicted = self._predict(self.controlnet, batch, self._picture(self.zip, batch.rows))
        return {"epsilon": self.weighted(predicted, batch).mean()}

    def after_step(self, iteration: int) -> None:
        update_ema(self.average, self.controlnet, iteration, self.ema)

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Squared error of ε̂ on held-out rows, and how much the right condition helps against another's."""
        batch, (source, rows) = self.held_batch(min(limit or 128, 128)), self.held
        picture = self._picture(source, rows[: len(batch.t)])
        right = (self._predict(self.average, batch, picture) - batch.epsilon).square().mean()
        wrong = (
            (self._predict(self.average, batch, picture.roll(1, 0)) - batch.epsilon).square().mean()
        )
        conditions = {"steps": "even over 20..980", "data": "held out"}
        return {
            "epsilon MSE": Score(float(right), len(batch.t), False, conditions),
            "condition gain": Score(float(wrong / right - 1), len(batch.t), True, conditions),
        }

    def encoder(self) -> ControlNetEncoder:
        """The present state as everybody else uses it."""
        parts = folders.Parts(
            self.unet,
            self.average,
            self.vae,
            self.prompts.text,
            self.prompts.tokenizer,
            self.scheduler,
        )
        palette = self.palette if self.condition == "mask" else None
        return ControlNetEncoder(
            parts,
            condition=self.condition,
            palette=palette,
            steps=self.steps,
            guidance=self.guidance,
        )

    def pictures(self) -> dict[str, Tensor]:
        """Conditions, samples with the caption, samples without words, ground truth."""
        source, rows = self.held
        wanted = source.sample(rows[:8], condition=self.condition, seed=1)
        condition, encoder = wanted.condition.to(self.device), self.encoder()
        silent = type(condition)(
            ("",) * len(condition),
            condition.mask,
            condition.scribble,
            condition.camera,
            condition.seed,
        )
        shown = [
            _shown(condition),
            encoder.trajectory(condition)[1],
            encoder.trajectory(silent)[1],
            to_float(source.images[rows[:8]]),
        ]
        return {"samples": joined(shown)}

    def export(self, folder: Path) -> list[Path]:
        """config.json and diffusion_pytorch_model.safetensors in FOLDER/controlnet, float16."""
        return [folders.save_part(self.average, folder, "controlnet")]

    def weights(self) -> dict[str, str]:
        start = {self.start: weights.sha256(folders.find(self.start))} if self.start else {}
        return {**super().weights(), "unet": weights.sha256(self.unet_source), **start}


def _shown(condition) -> Tensor:
    """The visual condition as RGB [B,3,R,R] in −1..1."""
    if condition.mask is None:
        return condition.scribble.expand(-1, 3, -1, -1) * 2 - 1
    colours = torch.tensor(PALETTE, device=condition.mask.device) / 127.5 - 1
    return torch.einsum("bkhw,kc->bchw", condition.mask, colours)


def controlnet(unet, channels: int, widths: tuple[int, ...]):
    """A ControlNetModel that starts with the U-Net's encoder and silent (zero) outputs, channels last.

    The condition's own last layer, which diffusers zeroes too, starts at random: one zero layer is silence
    enough, and behind two the condition would get no gradient for many iterations.
    """
    from diffusers.models.controlnets.controlnet import ControlNetModel

    model = ControlNetModel.from_unet(
        unet, conditioning_channels=channels, conditioning_embedding_out_channels=widths
    )
    model.controlnet_cond_embedding.conv_out.reset_parameters()
    return model.requires_grad_(True).train().to(memory_format=torch.channels_last)
