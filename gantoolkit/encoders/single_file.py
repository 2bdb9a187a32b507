"""A latent diffusion model in one file (the LDM layout) as the folders of diffusers.

diffusers' own `from_single_file` renames the tensors. It is given the state dict, so that it opens
no file itself, and a configuration read off the shapes, so that it asks no server.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers and transformers import torchvision

import torch
from torch import Tensor

from gantoolkit.core import files
from gantoolkit.core.errors import WeightsError
from gantoolkit.encoders.folders import save_component
from gantoolkit.networks.clip_folder import load_tokenizer

UNET, CONTROLNET = "model.diffusion_model.", "control_model."
VAE, TEXT = "first_stage_model.", "cond_stage_model.transformer."
HEADS = 8  # of every attention of Stable Diffusion 1: no shape shows it
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "prediction_type": "epsilon",
}


def strip_prefix(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, without it.

    >>> strip_prefix({"unet.bias": 1, "vae.bias": 2}, "unet.")
    {'bias': 1}
    """
    return {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}


def count_layers(state: dict[str, Tensor], prefix: str) -> int:
    """1 + the largest number that follows `prefix` in a tensor's name."""
    return 1 + max(int(name.partition(".")[0]) for name in strip_prefix(state, prefix))


# -- config.json of every component, read off the shapes ---------------------------------------


def down_path_config(state: dict[str, Tensor]) -> dict:
    """Return the sizes of the down path that U-Net and ControlNet share."""
    downsamplers = [key for key in state if key.endswith(".0.op.weight")]
    positions = sorted(int(key.split(".")[1]) for key in downsamplers)
    if not positions or "input_blocks.0.0.weight" not in state:
        raise WeightsError(
            "This U-Net has no whole down path of Stable Diffusion's form; fetch the file again."
        )
    period = positions[0]  # input blocks per resolution
    firsts = range(1, 1 + period * (len(positions) + 1), period)
    has_attention = [f"input_blocks.{i}.1.norm.weight" in state for i in firsts]

    keys = [value for key, value in state.items() if key.endswith("attn2.to_k.weight")]
    projections = [value for key, value in state.items() if key.endswith("1.proj_in.weight")]
    if not keys or any(projection.ndim == 2 for projection in projections):
        raise WeightsError(
            "This is Stable Diffusion 2, XL or later; version 1 is known here. Use diffusers' own "
            "scripts and give the folder."
        )
    widths = [len(state[f"input_blocks.{i}.0.out_layers.3.weight"]) for i in firsts]
    block_types = ["CrossAttnDownBlock2D" if has else "DownBlock2D" for has in has_attention]
    return {
        "in_channels": state["input_blocks.0.0.weight"].shape[1],
        "layers_per_block": period - 1,
        "block_out_channels": widths,
        "down_block_types": block_types,
        "cross_attention_dim": keys[0].shape[1],
        "attention_head_dim": HEADS,
    }


def unet_config(state: dict[str, Tensor]) -> dict:
    """Return config.json of UNet2DConditionModel."""
    down = down_path_config(state)
    ups = [kind.replace("Down", "Up") for kind in reversed(down["down_block_types"])]
    return {
        "_class_name": "UNet2DConditionModel",
        **down,
        "out_channels": len(state["out.2.weight"]),
        "up_block_types": ups,
        "sample_size": 64,
    }


def controlnet_config(state: dict[str, Tensor]) -> dict:
    """Return config.json of ControlNetModel."""
    hint = "input_hint_block.{}.weight"
    return {
        "_class_name": "ControlNetModel",
        **down_path_config(state),
        "conditioning_channels": state[hint.format(0)].shape[1],
        "conditioning_embedding_out_channels": [len(state[hint.format(i)]) for i in (0, 4, 8, 12)],
    }


def vae_config(state: dict[str, Tensor]) -> dict:
    """Return config.json of AutoencoderKL."""
    levels = count_layers(state, "encoder.down.")
    widths = [len(state[f"encoder.down.{i}.block.0.conv1.weight"]) for i in range(levels)]
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": state["encoder.conv_in.weight"].shape[1],
        "out_channels": len(state["decoder.conv_out.weight"]),
        "block_out_channels": widths,
        "latent_channels": state["post_quant_conv.weight"].shape[1],
        "scaling_factor": 0.18215,
        "layers_per_block": count_layers(state, "encoder.down.0.block."),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "sample_size": 512,
    }


# -- models and folders ------------------------------------------------------------------------


def from_state(cls, state: dict[str, Tensor], config: dict):
    """Build a diffusers model of these tensors; every one of them must fit."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config))
        try:
            model = cls.from_single_file(
                dict(state),
                config=folder,
                subfolder="",
                local_files_only=True,
                torch_dtype=torch.float32,
                low_cpu_mem_usage=False,
            )
        except Exception as error:  # whatever class diffusers chooses
            reason = " ".join(str(error).split())[:200]
            raise WeightsError(
                f"diffusers cannot read these tensors as a {cls.__name__} ({reason})."
            ) from None
    return model.eval()


def write_stable_diffusion(
    state: dict[str, Tensor], folder: Path, tokenizer: str | None
) -> list[str]:
    """Write unet, vae, text_encoder, scheduler and tokenizer below `folder`.

    Returns a sentence for each component that could not be written.

    tokenizer  a folder with the tokenizer's files, which no single file has
    """
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    unet_state = strip_prefix(state, UNET)
    vae_state = strip_prefix(state, VAE)
    text_state = strip_prefix(state, TEXT)
    missing = []
    text_model = clip_text_model(text_state) if text_state else None
    if tokenizer and text_model is not None:
        load_tokenizer(Path(tokenizer), text_model.config)

    unet = from_state(UNet2DConditionModel, state, unet_config(unet_state))
    save_component(unet, folder, "unet")
    if vae_state:
        save_component(from_state(AutoencoderKL, state, vae_config(vae_state)), folder, "vae")
    else:
        missing.append("the file has no VAE: copy vae/ from another folder of Stable Diffusion 1.5")
    if text_model is not None:
        save_component(text_model, folder, "text_encoder")
    else:
        missing.append("the file has no text encoder: copy text_encoder/ from another folder")
    files.write_json(folder / "scheduler/scheduler_config.json", SCHEDULER)
    if tokenizer:
        shutil.copytree(
            tokenizer, folder / "tokenizer", dirs_exist_ok=True, copy_function=shutil.copyfile
        )
    else:
        missing.append(
            "no single file has a tokenizer: give --tokenizer DIR, the folder tokenizer/ of "
            "stable-diffusion-v1-5/stable-diffusion-v1-5 or of openai/clip-vit-large-patch14"
        )
    return missing


def write_controlnet(state: dict[str, Tensor], folder: Path) -> list[str]:
    """Write the ControlNet's folder; nothing is ever missing."""
    from diffusers.models.controlnets.controlnet import ControlNetModel

    state = strip_prefix(state, CONTROLNET) or state
    save_component(from_state(ControlNetModel, state, controlnet_config(state)), folder)
    return []


def _text_names(names) -> dict[str, str]:
    """Name without `text_model.` → name; the position ids are no weights."""
    return {n.removeprefix("text_model."): n for n in names if "position_ids" not in n}


def clip_text_model(state: dict[str, Tensor]):
    """Build the CLIPTextModel of the tensors under `text_model.`; its sizes are read off them."""
    from transformers import CLIPTextConfig, CLIPTextModel

    state = {name: state[key] for name, key in _text_names(state).items()}
    vocabulary, hidden = state["embeddings.token_embedding.weight"].shape
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_attention_heads=max(1, hidden // 64),
        hidden_act="quick_gelu",
        intermediate_size=len(state["encoder.layers.0.mlp.fc1.weight"]),
        projection_dim=hidden,
        num_hidden_layers=count_layers(state, "encoder.layers."),
        max_position_embeddings=len(state["embeddings.position_embedding.weight"]),
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )
    model = CLIPTextModel(config)
    own_names = _text_names(model.state_dict())
    if own_names.keys() != state.keys():
        different = min(own_names.keys() ^ state.keys())
        raise WeightsError(f"The text encoder in this file is not CLIP's ({different}).")
    renamed = {own_names[name]: value for name, value in state.items()}
    model.load_state_dict(renamed, strict=False)
    return model.eval()
