"""Untrained Stable Diffusion 3 and FLUX.1 of a few hundred thousand parameters."""

from pathlib import Path

import tiny
import tiny_sdxl
import torch

from gantoolkit.core import files
from gantoolkit.encoders.folders import save_component
from gantoolkit.encoders.transformer_model import FluxModel, SD3Model
from gantoolkit.networks.tokenizer import train_tokenizer
from gantoolkit.networks.towers import text_model

WIDTH = 48  # of T5's states
T5_WORDS = " ".join(tiny.CAPTIONS).split()


def t5():
    """A tiny T5EncoderModel and its tokenizer."""
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    words = [(f"▁{word}", -2.0) for word in dict.fromkeys(T5_WORDS)]
    letters = [(letter, -5.0) for letter in "▁abcdefghijklmnopqrstuvwxyz."]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0), *words, *letters]
    tokenizer = T5TokenizerFast(vocab=vocabulary, extra_ids=0)
    config = T5Config(
        vocab_size=len(vocabulary),
        d_model=WIDTH,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
    )
    return tiny.spread(T5EncoderModel(config), 5, 0.02), tokenizer


def vae(levels=3):
    """16 channels, each level but the first halves; with a shift, without quant convolutions."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    model = AutoencoderKL(
        latent_channels=16,
        block_out_channels=(8,) * levels,
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        use_quant_conv=False,
        use_post_quant_conv=False,
        scaling_factor=1.5,
        shift_factor=0.06,
        sample_size=32,
    )
    return tiny.spread(model, 1, 0.02)


def flow_scheduler(**options):
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
        FlowMatchEulerDiscreteScheduler,
    )

    return FlowMatchEulerDiscreteScheduler(**options)


def _tokenizers():
    first = train_tokenizer(tiny.CAPTIONS * 3, vocab_size=560, max_length=24)
    second = train_tokenizer(tiny.CAPTIONS * 3, vocab_size=560, max_length=24)
    second.pad_token = "!"
    return first, second


# -- Stable Diffusion 3 ------------------------------------------------------------------------

SD3 = dict(
    sample_size=8,
    patch_size=2,
    in_channels=16,
    attention_head_dim=16,
    num_attention_heads=2,
    joint_attention_dim=WIDTH,
    caption_projection_dim=32,
    pooled_projection_dim=2 * tiny_sdxl.POOLED,
    out_channels=16,
    pos_embed_max_size=24,
)


def sd3_controlnet(official=False):
    """Two layers: as Stable Diffusion 3's InstantX, or as Stable Diffusion 3.5-large's own."""
    from diffusers.models.controlnets import SD3ControlNetModel

    config = dict(SD3, num_layers=2)
    if official:
        config |= dict(
            joint_attention_dim=None,
            use_pos_embed=False,
            pos_embed_type=None,
            force_zeros_for_pooled_projection=False,
        )
    return tiny.spread(SD3ControlNetModel(**config), 7, 0.1)


def sd3(official=False, with_t5=True, dual=True) -> SD3Model:
    from diffusers.models.transformers import SD3Transformer2DModel

    torch.manual_seed(0)
    tokenizer, tokenizer_2 = _tokenizers()
    config = dict(SD3, num_layers=4)
    if dual:
        config |= dict(dual_attention_layers=(0, 1), qk_norm="rms_norm")
    third, tokenizer_3 = t5() if with_t5 else (None, None)
    return SD3Model(
        transformer=tiny.spread(SD3Transformer2DModel(**config), 3, 0.1),
        controlnets=[sd3_controlnet(official)],
        vae=vae(),
        text_encoder=tiny.spread(tiny_sdxl.projected_text_model(tokenizer, 16), 0, 0.02),
        text_encoder_2=tiny.spread(tiny_sdxl.projected_text_model(tokenizer_2, 24), 1, 0.02),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        scheduler=flow_scheduler(shift=3.0),
        text_encoder_3=third,
        tokenizer_3=tokenizer_3,
    )


# -- FLUX.1 ------------------------------------------------------------------------------------

FLUX = dict(
    patch_size=1,
    in_channels=64,
    attention_head_dim=16,
    num_attention_heads=2,
    joint_attention_dim=WIDTH,
    pooled_projection_dim=16,
    guidance_embeds=True,
    axes_dims_rope=(4, 6, 6),
)
FLUX_LAYOUTS = {  # double and single blocks of a ControlNet, and what else it is
    "both": dict(num_layers=1, num_single_layers=2),
    "double": dict(num_layers=2, num_single_layers=0, guidance_embeds=False),
    "union": dict(num_layers=1, num_single_layers=0, num_mode=7),
    "xlabs": dict(
        num_layers=2, num_single_layers=0, patch_size=2, conditioning_embedding_channels=16
    ),
}


def flux_controlnet(layout="both"):
    from diffusers.models.controlnets import FluxControlNetModel

    return tiny.spread(FluxControlNetModel(**(FLUX | FLUX_LAYOUTS[layout])), 7, 0.1)


def flux(layout="both", guided=True) -> FluxModel:
    from diffusers.models.transformers import FluxTransformer2DModel

    torch.manual_seed(0)
    tokenizer, _ = _tokenizers()
    config = dict(FLUX, num_layers=2, num_single_layers=4, guidance_embeds=guided)
    second, tokenizer_2 = t5()
    return FluxModel(
        transformer=tiny.spread(FluxTransformer2DModel(**config), 3, 0.1),
        controlnets=[flux_controlnet(layout)],
        vae=vae(4),  # an eighth, as XLabs's ControlNets expect
        text_encoder=tiny.spread(text_model(tokenizer, width=16, layers=2, heads=2), 0, 0.02),
        text_encoder_2=second,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        scheduler=flow_scheduler(use_dynamic_shifting=True, base_image_seq_len=16),
    )


def write(folder: Path, model: SD3Model | FluxModel) -> Path:
    """The folders FOLDER/model and FOLDER/controlnet in diffusers' layout, float32."""
    for name, part in vars(model).items():
        is_component = hasattr(part, "save_pretrained")
        if is_component:
            save_component(part, folder / "model", name, half=False)
    save_component(model.controlnets[0], folder, "controlnet", half=False)
    pipeline = "StableDiffusion3Pipeline" if isinstance(model, SD3Model) else "FluxPipeline"
    files.write_json(folder / "model/model_index.json", {"_class_name": pipeline})
    return folder
