"""An untrained Stable Diffusion XL of a few thousand parameters, in memory or as folders."""

from pathlib import Path

import tiny
import torch

from gantoolkit.core import files
from gantoolkit.core.types import Condition
from gantoolkit.encoders.diffusion_model import SDXLModel
from gantoolkit.encoders.folders import save_component
from gantoolkit.networks.tokenizer import train_tokenizer
from gantoolkit.networks.towers import text_model
from gantoolkit.tasks.diffusion.diffusion import ddim_scheduler
from gantoolkit.tasks.diffusion.vae import new_autoencoder

POOLED = 20  # width of the pooled text


def new_unet():
    """32 px images, latents [4,8,8], three levels, N = 2 up blocks with 1 and 2 layers of depth."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(16, 24, 32),
        layers_per_block=1,
        cross_attention_dim=16 + 24,
        attention_head_dim=(2, 3, 4),
        transformer_layers_per_block=(1, 1, 2),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + POOLED,
        norm_num_groups=8,
    )


def projected_text_model(tokenizer, width=24):
    from transformers import CLIPTextModelWithProjection

    config = text_model(tokenizer, width=width, layers=2, heads=2).config
    config.projection_dim = POOLED
    return CLIPTextModelWithProjection(config)


def new_controlnet(unet, union=False):
    from diffusers.models.controlnets import ControlNetModel, ControlNetUnionModel

    if not union:
        return ControlNetModel.from_unet(
            unet, load_weights_from_unet=False, conditioning_embedding_out_channels=(8, 8, 8)
        )
    shared = ("down_block_types", "block_out_channels", "layers_per_block", "cross_attention_dim")
    shared += ("attention_head_dim", "transformer_layers_per_block", "use_linear_projection")
    shared += ("addition_embed_type", "addition_time_embed_dim", "norm_num_groups")
    shared += ("projection_class_embeddings_input_dim",)
    return ControlNetUnionModel(
        **{key: unet.config[key] for key in shared},
        conditioning_embedding_out_channels=(8, 8, 8),
        num_trans_channel=16,
        num_trans_head=2,
        num_trans_layer=1,
        num_proj_channel=16,
    )


def parts(union=False, seed=0) -> SDXLModel:
    """All components, every parameter moved away from its start."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(tiny.CAPTIONS * 3, vocab_size=560, max_length=24)
    tokenizer_2 = train_tokenizer(tiny.CAPTIONS * 3, vocab_size=560, max_length=24)
    tokenizer_2.pad_token = "!"  # as published; the first one's is the end of text
    text = tiny.spread(text_model(tokenizer, width=16, layers=2, heads=2), seed, 0.02)
    text_2 = tiny.spread(projected_text_model(tokenizer_2), seed + 1, 0.02)
    unet = tiny.spread(new_unet(), seed, 0.1)
    controlnet = tiny.spread(new_controlnet(unet, union), seed + 1, 0.1)
    vae = tiny.spread(new_autoencoder((8, 8, 8), 1, 4, 4, 32), seed, 0.02)
    return SDXLModel(
        unet,
        controlnet,
        vae,
        text,
        tokenizer,
        ddim_scheduler(),
        text_encoder_2=text_2,
        tokenizer_2=tokenizer_2,
    )


def wanted(count=2) -> Condition:
    """Prompts with masks and scribbles of 32 px."""
    masks, scribbles = tiny.condition(count), tiny.condition(count, 1)
    return Condition(masks.text, masks.mask, scribbles.scribble, seed=masks.seed)


def write(folder: Path, model: SDXLModel) -> Path:
    """The folders FOLDER/sdxl and FOLDER/controlnet in diffusers' layout, float32."""
    names = ("unet", "vae", "text_encoder", "text_encoder_2")
    for name in (*names, "tokenizer", "tokenizer_2", "scheduler"):
        save_component(getattr(model, name), folder / "sdxl", name, half=False)
    save_component(model.controlnet, folder, "controlnet", half=False)
    index = {"_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": True}
    files.write_json(folder / "sdxl/model_index.json", index)
    return folder
