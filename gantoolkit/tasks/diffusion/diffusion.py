"""Task `diffusion`: a text-conditioned denoising U-Net in the latent space of a VAE."""

from __future__ import annotations

import shutil
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.images import to_float
from gantoolkit.core.types import Score, Scores
from gantoolkit.encoders import folders, sampling
from gantoolkit.encoders.prompts import Prompts
from gantoolkit.tasks.diffusion.denoising import Denoising, Noised, explicit_attention
from gantoolkit.tasks.sheet import joined
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.ema import frozen_copy, update_ema


class Diffusion(Denoising):
    """Trains diffusers' UNet2DConditionModel; exports a folder in Stable Diffusion's layout.

    vae, text   folders (or names) that hold vae/ and text_encoder/ with tokenizer/
    widths      channels per level: all but the last have cross-attention, the first has no self-attention
    text_lr     learning rate of the text encoder; None keeps it frozen
    texts       so many captions of a sample are used, the first ones, which may say more; None: all
    start       folder (or name) whose U-Net is trained further, whatever `widths` to `groups` say; None: a new one
    also        a data set that is drawn from as well, so that what the U-Net knew of it stays
    cache       folder for the encoded data sets (default: the run folder)
    """

    def __init__(
        self,
        data: str,
        vae: str,
        text: str,
        val: str | None = None,
        held_out: int = 64,
        widths: tuple[int, ...] = (32, 64, 96, 96),
        layers: int = 1,
        heads: int = 2,
        groups: int = 8,
        lr: float = 1e-3,
        text_lr: float | None = None,
        texts: int | None = None,
        empty: float = 0.12,
        min_snr: float | None = 5.0,
        ema: float = 0.999,
        guidance: float = 3.0,
        steps: int = 10,
        cache: str | None = None,
        start: str | None = None,
        also: str | None = None,
        device: str | torch.device = "cpu",
        seed: int = 0,
    ):
        super().__init__(
            data,
            val,
            held_out,
            vae,
            text,
            ddim_schedule(),
            empty,
            min_snr,
            guidance,
            steps,
            cache,
            device,
            also,
        )
        torch.manual_seed(seed)
        self.start = start
        self.unet = self._begin(widths, layers, heads, groups).to(self.device)
        self.average = frozen_copy(self.unet)
        explicit_attention(self.unet)
        self.ema, self.text_lr, self.texts = ema, text_lr, texts
        self.modules, self.averages = {"unet": self.unet}, {"unet": self.average}
        parameters = [dict(params=list(self.unet.parameters()), lr=lr)]
        self.averaged_prompts = self.prompts  # by the text encoder that is exported
        if text_lr is not None:
            text_model = self.prompts.text.requires_grad_(True)
            self.modules["text"] = text_model
            self.averages["text"] = self.text_average = frozen_copy(text_model)
            self.averaged_prompts = Prompts(self.text_average, self.prompts.tokenizer)
            parameters.append(dict(params=list(text_model.parameters()), lr=text_lr))
        self.optimizers = {
            "unet": torch.optim.AdamW(parameters, lr, (0.9, 0.99), weight_decay=1e-3)
        }

    def _begin(self, widths, layers: int, heads: int, groups: int):
        """The U-Net at the first iteration: that of `start`, or a new one of the VAE's and the text's sizes."""
        if self.start is not None:
            return folders.load_unet(self.start).requires_grad_(True).train()
        factor = 2 ** (len(self.vae.config.block_out_channels) - 1)
        size, channels = self.zip.resolution // factor, self.vae.config.latent_channels
        return unet(
            channels, size, widths, layers, heads, groups, self.prompts.text.config.hidden_size
        )

    def _embed(self, prompts: list[str]) -> Tensor:
        """Embeddings [b,T,D]; with a gradient when the text encoder is trained."""
        with torch.set_grad_enabled(self.text_lr is not None and torch.is_grad_enabled()):
            return self.prompts(prompts).embedding

    def losses(self, phase: str, draw: SeededBatch, iteration: int) -> dict[str, Tensor]:
        batch = self.noised(draw)
        predicted = self.unet(
            batch.latents, batch.t, self._embed(batch.prompts), return_dict=False
        )[0]
        return {"epsilon": self.weighted(predicted, batch).mean()}

    def after_step(self, iteration: int) -> None:
        update_ema(self.average, self.unet, iteration, self.ema)
        if self.text_lr is not None:
            update_ema(self.text_average, self.prompts.text, iteration, self.ema)

    def _predict(self, batch: Noised, prompts: list[str], size: int = 64) -> Tensor:
        """ε̂ of the averaged U-Net and text encoder."""
        embedding = self.averaged_prompts(prompts).embedding
        rows = torch.arange(len(batch.t)).split(size)
        return torch.cat(
            [
                self.average(batch.latents[r], batch.t[r], embedding[r], return_dict=False)[0]
                for r in rows
            ]
        )

    @torch.no_grad()
    def validate(self, limit: int | None = None) -> Scores:
        """Squared error of ε̂ on held-out rows, and how much the right prompt helps against another's."""
        batch = self.held_batch(min(limit or 256, 256))
        right = (self._predict(batch, batch.prompts) - batch.epsilon).square().mean()
        other = batch.prompts[1:] + batch.prompts[:1]
        wrong = (self._predict(batch, other) - batch.epsilon).square().mean()
        conditions = {"steps": "even over 20..980", "data": "held out"}
        return {
            "epsilon MSE": Score(float(right), len(batch.t), False, conditions),
            "prompt gain": Score(float(wrong / right - 1), len(batch.t), True, conditions),
        }

    @torch.no_grad()
    def sample(self, prompts: list[str], seeds: Tensor) -> Tensor:
        """Images [B,3,R,R] in −1..1 of the averaged networks: DDIM with guidance from each seed's noise."""
        both = torch.cat(
            [self.averaged_prompts(told).embedding for told in ([""] * len(prompts), prompts)]
        )
        config = self.average.config
        start = sampling.noise(seeds, (config.in_channels, config.sample_size, config.sample_size))
        forward = lambda z, t, e: self.average(z, t, e, return_dict=False)[0]  # noqa: E731
        times = sampling.grid(self.scheduler, self.steps)
        last = sampling.run(
            self.scheduler,
            times,
            start.to(self.device),
            lambda z, t: sampling.guided(forward, z, t, both, self.guidance),
        )
        return self.vae.decode(last / self.vae.config.scaling_factor, return_dict=False)[0].clamp(
            -1, 1
        )

    def pictures(self) -> dict[str, Tensor]:
        """Held-out faces, and two samples of each one's caption."""
        source, rows = self.held
        rows = rows[:8]
        prompts = self.captions(source, rows)
        samples = [self.sample(prompts, torch.arange(len(rows)) + k * 1000) for k in range(2)]
        return {"samples": joined([to_float(source.images[rows]), *samples])}

    def weights(self) -> dict[str, str]:
        start = {self.start: weights.sha256(folders.part(self.start, "unet"))} if self.start else {}
        return super().weights() | start

    def export(self, folder: Path) -> list[Path]:
        """unet/ scheduler/ vae/ text_encoder/ tokenizer/ in diffusers' layout, float16."""
        paths = [
            folders.save_part(self.average, folder, "unet"),
            folders.save_part(self.scheduler, folder, "scheduler"),
        ]
        for source in (
            self.vae_source,
            self.text_source / "text_encoder",
            self.text_source / "tokenizer",
        ):
            paths.append(Path(shutil.copytree(source, folder / source.name, dirs_exist_ok=True)))
        if self.text_lr is not None:
            folders.save_part(self.text_average, folder, "text_encoder")
        return paths


def ddim_schedule():
    """Stable Diffusion's noise schedule; the grid ends at the first steps and begins at pure noise."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=0,
        prediction_type="epsilon",
        timestep_spacing="trailing",
    )


def unet(channels: int, size: int, widths, layers: int, heads: int, groups: int, context: int):
    """A small UNet2DConditionModel, channels last; every residual branch and the output start at zero."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    crossed = len(widths) - 1
    model = UNet2DConditionModel(
        sample_size=size,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=tuple(widths),
        layers_per_block=layers,
        attention_head_dim=heads,
        norm_num_groups=groups,
        cross_attention_dim=context,
        down_block_types=("CrossAttnDownBlock2D",) * crossed + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * crossed,
        only_cross_attention=(True,) + (False,) * crossed,
        mid_block_only_cross_attention=False,
    )
    with torch.no_grad():
        for name, module in model.named_modules():
            if name.endswith(("conv2", "proj_out")) or name == "conv_out":
                module.weight.zero_()
                module.bias.zero_()
    return model.to(memory_format=torch.channels_last)
