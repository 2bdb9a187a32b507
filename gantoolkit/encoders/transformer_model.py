"""The networks of Stable Diffusion 3 and FLUX.1, from folders of diffusers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gantoolkit.core.compat  # noqa: F401  diffusers imports torchvision

import torch
from torch import Tensor, nn

from gantoolkit.encoders import folders
from gantoolkit.encoders.diffusion_model import check_folder
from gantoolkit.encoders.t5_text import FluxTextEncoder, SD3TextEncoder, T5TextEncoder
from gantoolkit.encoders.text_encoder import PairedTextEncoder, PenultimateTextEncoder
from gantoolkit.networks.t5_folder import load_t5_model, load_t5_tokenizer

SHARED = ("transformer", "vae", "text_encoder", "text_encoder_2")
SHARED += ("tokenizer", "tokenizer_2", "scheduler")
SD3_T5_TOKENS = 256


@dataclass(kw_only=True)
class TransformerModel:
    """The components of a ControlNet-conditioned diffusion transformer."""

    transformer: nn.Module
    controlnets: list[nn.Module]
    vae: nn.Module
    text_encoder: nn.Module
    text_encoder_2: nn.Module
    tokenizer: Any
    tokenizer_2: Any
    scheduler: Any  # FlowMatchEulerDiscreteScheduler
    controlnet_names: tuple[str, ...] = ()  # where they came from folders


@dataclass(kw_only=True)
class SD3Model(TransformerModel):
    """Of Stable Diffusion 3: two CLIP text models, and T5 where it is there."""

    text_encoder_3: nn.Module | None = None
    tokenizer_3: Any = None

    def build_text_encoder(self) -> SD3TextEncoder:
        """Return what encodes prompts."""
        second = PenultimateTextEncoder(self.text_encoder_2, self.tokenizer_2)
        clip = PairedTextEncoder(self.text_encoder, self.tokenizer, second, pools_both=True)
        t5 = None
        if self.text_encoder_3 is not None:
            t5 = T5TextEncoder(self.text_encoder_3, self.tokenizer_3, SD3_T5_TOKENS)
        width = self.transformer.config.joint_attention_dim
        return SD3TextEncoder(clip, t5, width, SD3_T5_TOKENS)

    def sigmas(self, steps: int) -> Tensor:
        """Return the σ of `steps` steps, as the folder's scheduler spaces them."""
        self.scheduler.set_timesteps(steps)
        return self.scheduler.sigmas[:-1]


@dataclass(kw_only=True)
class FluxModel(TransformerModel):
    """Of FLUX.1: a CLIP text model for the pooled vector, and T5 as the second one."""

    num_tokens: int = 512  # of T5

    def build_text_encoder(self) -> FluxTextEncoder:
        """Return what encodes prompts."""
        clip = PenultimateTextEncoder(self.text_encoder, self.tokenizer)
        return FluxTextEncoder(self.text_encoder_2, self.tokenizer_2, self.num_tokens, clip)

    def sigmas(self, steps: int, image_tokens: int) -> Tensor:
        """Return the σ of `steps` steps; larger images are shifted towards noise."""
        config = self.scheduler.config
        lengths = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
        shifts = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
        slope = (shifts[1] - shifts[0]) / (lengths[1] - lengths[0])
        mu = shifts[0] + slope * (image_tokens - lengths[0])
        even = torch.linspace(1, 1 / steps, steps, dtype=torch.float64)
        self.scheduler.set_timesteps(sigmas=even.tolist(), mu=mu)
        return self.scheduler.sigmas[:-1]


def load_sd3_model(
    folder: str | Path, controlnet: str | Path | list[str] | None = None
) -> SD3Model:
    """Load all components of Stable Diffusion 3 from folders, which may be names."""
    root = check_folder(folder, "SD3Encoder", SHARED)
    third: dict[str, Any] = {}
    if (root / "text_encoder_3").is_dir():
        third["text_encoder_3"] = load_t5_model(root / "text_encoder_3")
        third["tokenizer_3"] = load_t5_tokenizer(folders.component_folder(root, "tokenizer_3"))
    text_encoder, tokenizer = folders.load_text(folder, projected=True)
    text_encoder_2, tokenizer_2 = folders.load_text(folder, "_2", projected=True)
    return SD3Model(
        **_load_shared(folder, controlnet, "SD3Encoder"),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        text_encoder_2=text_encoder_2,
        tokenizer_2=tokenizer_2,
        **third,
    )


def load_flux_model(
    folder: str | Path, controlnet: str | Path | list[str] | None = None
) -> FluxModel:
    """Load all components of FLUX.1 from folders, which may be names."""
    root = check_folder(folder, "FluxEncoder", SHARED)
    text_encoder, tokenizer = folders.load_text(folder)
    shared = _load_shared(folder, controlnet, "FluxEncoder")
    guided = shared["transformer"].config.guidance_embeds
    return FluxModel(
        **shared,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        text_encoder_2=load_t5_model(root / "text_encoder_2"),
        tokenizer_2=load_t5_tokenizer(root / "tokenizer_2"),
        num_tokens=512 if guided else 256,  # FLUX.1-schnell reads 256
    )


def _load_shared(folder: str | Path, controlnet, encoder: str) -> dict[str, Any]:
    """Transformer, ControlNets, VAE and scheduler."""
    names = tuple(str(name) for name in folders.as_list(controlnet) if name)
    return dict(
        transformer=folders.load_transformer(folder),
        controlnets=[folders.load_controlnet(name, encoder) for name in names],
        vae=folders.load_vae(folder),
        scheduler=folders.load_flow_scheduler(folder),
        controlnet_names=names,
    )
