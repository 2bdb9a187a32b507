"""Published diffusion models by name, so that plans can be made before weights are there.

The numbers are those of Stable Diffusion 1.5's and its ControlNets' config.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gantoolkit.core.compat  # noqa: F401  diffusers and transformers import torchvision

import torch
from torch import nn

from gantoolkit.core.errors import WeightsError
from gantoolkit.encoders import family, folders
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.diffusion_model import DiffusionModel
from gantoolkit.encoders.single_file import SCHEDULER
from gantoolkit.encoders.text_encoder import EncodedPrompts
from gantoolkit.weights.recognize import read_json

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
    text_encoder=dict(
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
# Widths of the small network in a ControlNet that brings the control image to the latents' size.
CONDITIONING_WIDTHS = (16, 32, 96, 256)


@dataclass(frozen=True)
class Published:
    """A published model: its components' config.json, and how its folders are called."""

    title: str
    names: tuple[str, ...]  # parts of a folder's name by which it is known
    configs: dict[str, dict]

    def config(self, name: str, component: str) -> dict:
        """Return config.json of a component of the folder `name`, if that is known."""
        if not any(known in name for known in self.names):
            raise WeightsError(
                f"'{name}' is not here and its architecture is not known; known are "
                f"{', '.join(self.names)}."
            )
        return dict(self.configs[component])


STABLE_DIFFUSION = Published(
    "Stable Diffusion 1.5",
    ("stable-diffusion-v1-5", "stable-diffusion-v1-4", "v1-5-pruned-emaonly"),
    SD15,
)


class PlaceholderTextEncoder(nn.Module):
    """In place of text model and tokenizer: embeddings and word masks of the right shape.

    They are on the device of the text models, such as the meta device.

    models  CLIP text models side by side; the last one gives the pooled vector
    """

    def __init__(self, *models: nn.Module):
        super().__init__()
        self.model = models[0] if len(models) == 1 else nn.ModuleList(models)
        last = models[-1]
        self.num_tokens = int(getattr(last.config, "max_position_embeddings", 0))
        self.width = sum(model.config.hidden_size for model in models)
        has_projection = hasattr(last, "text_projection")
        self.pooled_width = (
            last.config.projection_dim if has_projection else last.config.hidden_size
        )

    def forward(self, prompts) -> EncodedPrompts:
        """Return ones for every prompt."""
        device = next(self.model.parameters()).device
        shape = len(prompts), self.num_tokens
        embedding = torch.ones(*shape, self.width, device=device)
        words = torch.ones(shape, dtype=torch.bool, device=device)
        return EncodedPrompts(embedding, words, embedding.new_ones(len(prompts), self.pooled_width))


def build_meta_encoder(spec: dict, channels: int = 3) -> tuple[ControlNetEncoder, list[str]]:
    """Build the encoder of a config on the meta device; no weights are read.

    Returns the encoder, and sentences that say what had to be assumed.

    spec      a config's `encoder`
    channels  of the control image of a ControlNet whose folder is not here
    """
    options, names = split_spec(spec)
    notes: list[str] = []
    components = read_components(str(spec["weights"]), STABLE_DIFFUSION, notes)
    model = DiffusionModel(**build_components(components, names, notes, channels))
    encoder = ControlNetEncoder(model, **options)
    encoder.text_encoder = PlaceholderTextEncoder(model.text_encoder)
    return encoder.to("meta"), notes


def split_spec(spec: dict) -> tuple[dict, list[str]]:
    """Return the options of an encoder's spec, and the names of its ControlNets."""
    options = {k: v for k, v in spec.items() if k not in ("type", "weights", "controlnet")}
    names = [str(name) for name in folders.as_list(spec.get("controlnet")) if name is not None]
    return options, names


def build_components(
    configs: dict[str, dict], controlnet_names: list[str], notes: list[str], channels: int
) -> dict[str, Any]:
    """Build what Stable Diffusion 1 and XL share on the meta device, by their config.json."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(configs["unet"])
        vae = AutoencoderKL.from_config(configs["vae"])
        text_encoder = CLIPTextModel(CLIPTextConfig(**configs["text_encoder"]))
        widths = CONDITIONING_WIDTHS[: len(vae.config.block_out_channels)]
        controlnets = [
            _build_meta_controlnet(controlnet, unet, channels, widths, notes)
            for controlnet in controlnet_names
        ]
    num_tokens = text_encoder.config.max_position_embeddings
    return dict(
        unet=unet,
        controlnet=controlnets,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=SimpleNamespace(model_max_length=num_tokens),
        scheduler=DDIMScheduler.from_config(configs["scheduler"], clip_sample=False),
        controlnet_names=tuple(controlnet_names),
    )


def read_components(name: str, published: Published, notes: list[str]) -> dict[str, dict]:
    """Return the config.json of every component: the folder's where it is here, else published."""
    configs = {}
    for component in published.configs:
        file = "scheduler_config.json" if component == "scheduler" else "config.json"
        try:
            path = folders.component_folder(name, component) / file
        except WeightsError:
            path = None
        if path is not None and path.is_file():
            configs[component] = read_json(path)
        else:
            configs[component] = published.config(name, component)
            if component in ("unet", "transformer"):
                notes.append(
                    f"'{name}' is not here: {published.title}'s published architecture is assumed"
                )
    return configs


def _build_meta_controlnet(
    name: str, unet: nn.Module, channels: int, widths: tuple[int, ...], notes: list[str]
) -> nn.Module:
    """A ControlNet by its folder's config.json; without a folder, as it follows from the U-Net."""
    from diffusers.models import controlnets

    if name:
        try:
            config_file = folders.find_folder(name) / "config.json"
        except WeightsError:
            config_file = None
        if config_file is not None and config_file.is_file():
            config = read_json(config_file)
            return getattr(controlnets, family.controlnet_class(config)).from_config(config)
        notes.append(f"'{name}' is not here: a ControlNet of the U-Net's architecture is assumed")
    if "union" in name.lower():
        return controlnets.ControlNetUnionModel.from_unet(unet, load_weights_from_unet=False)
    return controlnets.ControlNetModel.from_unet(
        unet,
        load_weights_from_unet=False,
        conditioning_channels=channels,
        conditioning_embedding_out_channels=widths,
    )
