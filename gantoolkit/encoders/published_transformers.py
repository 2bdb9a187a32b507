"""The published Stable Diffusion 3.5 and FLUX.1, so that plans can be made before they are there.

The numbers are those of their folders' config.json.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gantoolkit.core.compat  # noqa: F401  diffusers and transformers import torchvision

import torch
from torch import nn

from gantoolkit.core.errors import WeightsError
from gantoolkit.encoders import folders
from gantoolkit.encoders.flux import FluxEncoder
from gantoolkit.encoders.published import (
    SD15,
    PlaceholderTextEncoder,
    Published,
    read_components,
    split_spec,
)
from gantoolkit.encoders.published_mmface import VAE as FLUX_VAE
from gantoolkit.encoders.published_sdxl import TEXT_2
from gantoolkit.encoders.sd3 import SD3Encoder
from gantoolkit.encoders.transformer_model import SD3_T5_TOKENS, FluxModel, SD3Model
from gantoolkit.weights.recognize import read_json

CLIP_TOKENS = 77
T5_XXL = dict(
    vocab_size=32128,
    d_model=4096,
    d_kv=64,
    d_ff=10240,
    num_layers=24,
    num_heads=64,
    feed_forward_proj="gated-gelu",
)
SD35_LARGE = dict(
    sample_size=128,
    patch_size=2,
    in_channels=16,
    out_channels=16,
    num_layers=38,
    attention_head_dim=64,
    num_attention_heads=38,
    joint_attention_dim=4096,
    caption_projection_dim=2432,
    pooled_projection_dim=2048,
    pos_embed_max_size=192,
    qk_norm="rms_norm",
)
SD35_CONTROLNET = SD35_LARGE | dict(
    num_layers=19,
    joint_attention_dim=None,
    use_pos_embed=False,
    pos_embed_type=None,
    force_zeros_for_pooled_projection=False,
    qk_norm=None,
)
FLUX_DEV = dict(
    patch_size=1,
    in_channels=64,
    num_layers=19,
    num_single_layers=38,
    attention_head_dim=128,
    num_attention_heads=24,
    joint_attention_dim=4096,
    pooled_projection_dim=768,
    guidance_embeds=True,
)
FLUX_CONTROLNET = FLUX_DEV | dict(num_layers=6, num_single_layers=0)  # Union-Pro-2.0's layout

SD3 = Published(
    "Stable Diffusion 3.5-large",
    ("stable-diffusion-3.5-large", "sd3.5-large"),
    dict(
        transformer=SD35_LARGE,
        vae=FLUX_VAE | dict(scaling_factor=1.5305, shift_factor=0.0609),
        text_encoder=SD15["text_encoder"],
        text_encoder_2=TEXT_2,
        text_encoder_3=T5_XXL,
        scheduler=dict(shift=3.0),
    ),
)
FLUX = Published(
    "FLUX.1",
    ("FLUX.1-dev", "flux-dev"),
    dict(
        transformer=FLUX_DEV,
        vae=FLUX_VAE,
        text_encoder=SD15["text_encoder"],
        text_encoder_2=T5_XXL,
        scheduler=dict(shift=3.0, use_dynamic_shifting=True),
    ),
)


def build_meta_sd3(spec: dict) -> tuple[SD3Encoder, list[str]]:
    """Build the encoder of a config on the meta device, as `build_meta_encoder` does."""
    from diffusers.models.controlnets import SD3ControlNetModel
    from diffusers.models.transformers import SD3Transformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection, T5Config, T5EncoderModel

    options, names = split_spec(spec)
    notes: list[str] = []
    configs = read_components(str(spec["weights"]), SD3, notes)
    with torch.device("meta"):
        texts = [
            CLIPTextModelWithProjection(CLIPTextConfig(**configs["text_encoder"])),
            CLIPTextModelWithProjection(CLIPTextConfig(**configs["text_encoder_2"])),
            T5EncoderModel(T5Config(**configs["text_encoder_3"])),
        ]
        model = SD3Model(
            **_build_shared(configs, SD3Transformer2DModel),
            controlnets=_build_controlnets(SD3ControlNetModel, SD35_CONTROLNET, names, notes),
            controlnet_names=tuple(names),
            text_encoder=texts[0],
            text_encoder_2=texts[1],
            text_encoder_3=texts[2],
        )
    encoder = SD3Encoder(model, **options)
    config = model.transformer.config
    num_tokens = CLIP_TOKENS + SD3_T5_TOKENS
    _replace_text(
        encoder, texts, num_tokens, config.joint_attention_dim, config.pooled_projection_dim
    )
    return encoder.to("meta"), notes


def build_meta_flux(spec: dict) -> tuple[FluxEncoder, list[str]]:
    """Build the encoder of a config on the meta device, as `build_meta_encoder` does."""
    from diffusers.models.controlnets import FluxControlNetModel
    from diffusers.models.transformers import FluxTransformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

    options, names = split_spec(spec)
    notes: list[str] = []
    configs = read_components(str(spec["weights"]), FLUX, notes)
    with torch.device("meta"):
        texts = [
            CLIPTextModel(CLIPTextConfig(**configs["text_encoder"])),
            T5EncoderModel(T5Config(**configs["text_encoder_2"])),
        ]
        model = FluxModel(
            **_build_shared(configs, FluxTransformer2DModel),
            controlnets=_build_controlnets(FluxControlNetModel, FLUX_CONTROLNET, names, notes),
            controlnet_names=tuple(names),
            text_encoder=texts[0],
            text_encoder_2=texts[1],
        )
    encoder = FluxEncoder(model, **options)
    config = model.transformer.config
    _replace_text(
        encoder, texts, model.num_tokens, config.joint_attention_dim, config.pooled_projection_dim
    )
    return encoder.to("meta"), notes


def _build_shared(configs: dict[str, dict], transformer: type) -> dict[str, Any]:
    """Transformer, VAE, scheduler, and what stands in place of tokenizers."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
        FlowMatchEulerDiscreteScheduler,
    )

    with torch.device("cpu"):
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(configs["scheduler"])
    tokenizer = SimpleNamespace(model_max_length=CLIP_TOKENS)
    return dict(
        transformer=transformer.from_config(configs["transformer"]),
        vae=AutoencoderKL.from_config(configs["vae"]),
        scheduler=scheduler,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
    )


def _build_controlnets(
    controlnet: type, published: dict, names: list[str], notes: list[str]
) -> list[nn.Module]:
    """ControlNets by their folders' config.json; without a folder, as one is published."""
    networks = []
    for name in names:
        try:
            config = read_json(folders.find_folder(name) / "config.json")
        except (WeightsError, OSError):
            config = published
            notes.append(f"'{name}' is not here: a published ControlNet's layout is assumed")
        networks.append(controlnet.from_config(config))
    return networks


def _replace_text(
    encoder, models: list[nn.Module], num_tokens: int, width: int, pooled_width: int
) -> None:
    """Put a text encoder without tokenizers in place; its embeddings have the right shape."""
    dtype = encoder.dtype
    encoder.text_encoder = PlaceholderTextEncoder(*models).to(dtype)
    encoder.text_encoder.num_tokens = num_tokens
    encoder.text_encoder.width = width
    encoder.text_encoder.pooled_width = pooled_width
