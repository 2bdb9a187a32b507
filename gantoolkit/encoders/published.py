"""Published diffusion models by name: their architecture, so that plans can be made before weights are there.

Numbers of Stable Diffusion 1.5's and its ControlNets' config.json.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import gantoolkit.core.compat  # noqa: F401  diffusers and transformers import torchvision

import torch
from torch import nn

from gantoolkit.core.errors import WeightsError
from gantoolkit.encoders import controls, folders
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.folders import Parts
from gantoolkit.encoders.prompts import Prompt
from gantoolkit.encoders.single_file import SCHEDULER

SD15 = dict(
    unet=dict(
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=(320, 640, 1280, 1280),
        layers_per_block=2,
        cross_attention_dim=768,
        attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    ),
    vae=dict(
        latent_channels=4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=0.18215,
    ),
    text=dict(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        max_position_embeddings=77,
        vocab_size=49408,
        projection_dim=768,
    ),
    scheduler=SCHEDULER,
)
WIDTHS = (
    16,
    32,
    96,
    256,
)  # of the network that brings the condition's picture to the latents' size
KNOWN = ("stable-diffusion-v1-5", "stable-diffusion-v1-4", "v1-5-pruned-emaonly")


class Words(nn.Module):
    """In place of text model and tokeniser: embeddings and word masks of the right shape, on their device."""

    def __init__(self, text: nn.Module):
        super().__init__()
        self.text, self.tokens = text, int(text.config.max_position_embeddings)

    def forward(self, prompts) -> Prompt:
        shape, device = (len(prompts), self.tokens), next(self.text.parameters()).device
        return Prompt(
            torch.ones(*shape, self.text.config.hidden_size, device=device),
            torch.ones(shape, dtype=torch.bool, device=device),
        )


def planned(spec: dict, channels: int = 3) -> tuple[ControlNetEncoder, list[str]]:
    """(an encoder on the meta device for a config's `encoder`, what had to be assumed); no weights are read.

    channels  of the picture that a ControlNet sees whose folder is not here
    """
    options = {k: v for k, v in spec.items() if k not in ("type", "weights", "controlnet")}
    given = spec.get("controlnet")
    names = [str(n) for n in (given if isinstance(given, list) else [given]) if n is not None]
    notes: list[str] = []
    parts = _parts(str(spec["weights"]), names, options, notes, channels)
    encoder = ControlNetEncoder(parts, **options)
    encoder.prompts = Words(parts.text)
    return encoder.to("meta"), notes


def _parts(
    name: str, controlnets: list[str], options: dict, notes: list[str], channels: int
) -> Parts:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from transformers import CLIPTextConfig, CLIPTextModel

    configs = {
        part: _config(name, part, notes) for part in ("unet", "vae", "text_encoder", "scheduler")
    }
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(configs["unet"])
        vae = AutoencoderKL.from_config(configs["vae"])
        text = CLIPTextModel(CLIPTextConfig(**configs["text_encoder"]))
        widths = WIDTHS[: len(vae.config.block_out_channels)]
        networks = [
            ControlNetModel.from_config(c)
            if (c := _controlnet(n, notes))
            else ControlNetModel.from_unet(
                unet,
                load_weights_from_unet=False,
                conditioning_channels=channels,
                conditioning_embedding_out_channels=widths,
            )
            for n in controlnets
        ]
    scheduler = DDIMScheduler.from_config(configs["scheduler"], clip_sample=False)
    tokenizer = SimpleNamespace(
        model_max_length=configs["text_encoder"].get("max_position_embeddings", 77)
    )
    if options.get("condition") is None:
        options["condition"] = [controls.kind_by_name(n) for n in controlnets] or None
    return Parts(unet, networks, vae, text, tokenizer, scheduler)


def _config(name: str, part: str, notes: list[str]) -> dict:
    """config.json of a part where the folder is here, else the published one."""
    try:
        file = "scheduler_config.json" if part == "scheduler" else "config.json"
        return json.loads((folders.part(name, part) / file).read_text())
    except (WeightsError, OSError, ValueError):
        pass
    if not any(known in name for known in KNOWN):
        raise WeightsError(
            f"'{name}' is not here and its architecture is not known; known are {', '.join(KNOWN)}."
        )
    if part == "unet":
        notes.append(
            f"'{name}' is not here: Stable Diffusion 1.5's published architecture is assumed"
        )
    return dict(SD15["text" if part == "text_encoder" else part])


def _controlnet(name: str, notes: list[str]) -> dict | None:
    """config.json of a ControlNet where its folder is here; None: as it follows from the U-Net, RGB."""
    try:
        return json.loads((folders.find(name) / "config.json").read_text()) if name else None
    except (WeightsError, OSError, ValueError):
        if name:
            notes.append(
                f"'{name}' is not here: a ControlNet of the U-Net's architecture is assumed"
            )
        return None
