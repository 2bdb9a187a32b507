"""Files of families that are known by sight and not read: what they are, what to give instead."""

from __future__ import annotations

import re

from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError

# Pattern of a tensor's name → what such a file is, and what to do. The first that matches counts.
FAMILIES = {
    r"lora_(unet|te)|\.lora_(up|down|A|B)\.|\.lora\.": (
        "LoRA weights, which change a model and are none themselves; merge them into a folder with "
        "diffusers' fuse_lora() and give that"
    ),
    r"(adapter\.)?body\.\d+\.(block\d|resnets\.\d+\.block\d|in_conv)": (
        "a T2I-Adapter; encoders here are steered by ControlNets: give one of these"
    ),
    r"label_emb\.|conditioner\.embedders\.|add_embedding\.": (
        "of Stable Diffusion XL; version 1 and its ControlNets are read from one file"
    ),
    r"clip_seq_proj\.|blocks\.\d+\.attn\.to_q_t\.": (
        "the transformer of MMFace-DiT, which is read as it is; name it as the weights of a "
        "MMFaceEncoder"
    ),
    r"joint_blocks\.|double_blocks\.": "of Stable Diffusion 3 or Flux; version 1 is read",
    r"synthesis\.input\.(freqs|weight)": (
        "the synthesis network of a StyleGAN3 without its mapping network; give the whole generator"
    ),
    r"backbone\.synthesis\.b4\.const": (
        "a state dict of EG3D, without the rendering options that only NVIDIA's pickle keeps; give "
        "the pickle that it was made from"
    ),
    r"lin\d\.model\.1\.weight": (
        "LPIPS's linear layers, which come with the package lpips; give the trunk instead "
        "(torchvision's AlexNet, VGG-16 or SqueezeNet)"
    ),
    r"(^|\.)up_blocks\.\d+\.": (
        "a U-Net or VAE in diffusers' names; put it into its folder with config.json and give the "
        "folder"
    ),
    r"(text_model\.)?encoder\.layers\.\d+\.(self_attn|mlp)\.": (
        "a transformer such as CLIP's text model; put it into its folder with config.json and give "
        "the folder"
    ),
}


def refuse_by_sight(source: Source) -> None:
    """Raise WeightsError for a file of a family that is not read."""
    names: list[str] = []
    for keys in ((), ("state_dict",), ("G_ema", "g_ema"), ("model",)):
        names += source.state(*keys)
    for pattern, what in FAMILIES.items():
        if any(re.search(pattern, name) for name in names):
            raise WeightsError(f"{source.path} is {what}.")
