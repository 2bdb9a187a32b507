"""The published Stable Diffusion XL, so that plans can be made before weights are there.

The numbers are those of its folders' config.json.
"""

from __future__ import annotations

from types import SimpleNamespace

import gantoolkit.core.compat  # noqa: F401  transformers imports torchvision

import torch

from gantoolkit.encoders.diffusion_model import SDXLModel
from gantoolkit.encoders.published import (
    SD15,
    PlaceholderTextEncoder,
    Published,
    build_components,
    read_components,
    split_spec,
)
from gantoolkit.encoders.sdxl import SDXLEncoder

UNET = dict(
    sample_size=128,
    in_channels=4,
    out_channels=4,
    block_out_channels=(320, 640, 1280),
    layers_per_block=2,
    cross_attention_dim=2048,
    attention_head_dim=(5, 10, 20),
    transformer_layers_per_block=(1, 2, 10),
    use_linear_projection=True,
    down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 2,
    up_block_types=("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",),
    addition_embed_type="text_time",
    addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816,
)
TEXT_2 = dict(
    hidden_size=1280,
    intermediate_size=5120,
    num_hidden_layers=32,
    num_attention_heads=20,
    max_position_embeddings=77,
    vocab_size=49408,
    projection_dim=1280,
    hidden_act="gelu",
)
SDXL = Published(
    "Stable Diffusion XL",
    ("stable-diffusion-xl", "sdxl"),
    dict(
        unet=UNET,
        vae=SD15["vae"] | dict(sample_size=1024, scaling_factor=0.13025),
        text_encoder=SD15["text_encoder"],
        text_encoder_2=TEXT_2,
        scheduler=SD15["scheduler"],
    ),
)
CHANNELS = 3  # of the picture of a ControlNet whose folder is not here


def build_meta_sdxl(spec: dict) -> tuple[SDXLEncoder, list[str]]:
    """Build the encoder of a config on the meta device, as `build_meta_encoder` does."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    options, names = split_spec(spec)
    notes: list[str] = []
    configs = read_components(str(spec["weights"]), SDXL, notes)
    with torch.device("meta"):
        text_config = CLIPTextConfig(**configs["text_encoder_2"])
        text_encoder_2 = CLIPTextModelWithProjection(text_config)
    model = SDXLModel(
        **build_components(configs, names, notes, CHANNELS),
        text_encoder_2=text_encoder_2,
        tokenizer_2=SimpleNamespace(model_max_length=text_config.max_position_embeddings),
    )
    encoder = SDXLEncoder(model, **options)
    encoder.text_encoder = PlaceholderTextEncoder(model.text_encoder, text_encoder_2)
    return encoder.to("meta"), notes
