"""Parts of a latent diffusion model in diffusers' folder layout, read from local folders only.

    FOLDER/vae/  FOLDER/unet/  FOLDER/text_encoder/  FOLDER/tokenizer/  FOLDER/scheduler/

The same layout as Stable Diffusion 1.5, so that one loader serves a published folder and the small embedded
one. Nothing is fetched: a missing file is an error with a sentence.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import gantoolkit.compat  # noqa: F401  diffusers and transformers import torchvision
from gantoolkit import weights
from gantoolkit.errors import WeightsError


def part(folder: str | Path, name: str) -> Path:
    """The path of one part of a diffusion folder; `folder` is a path or a name from registry.yaml."""
    path = weights.resolve(folder) / name
    if not path.is_dir():
        raise WeightsError(f"{path.parent} has no part '{name}': a diffusers folder with "
                           "unet, vae, text_encoder, tokenizer and scheduler is expected.")
    return path


def _load(cls, path: Path, **options) -> nn.Module:
    """A frozen module in eval mode, from local files alone."""
    try:
        module = cls.from_pretrained(path, local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path} cannot be read as a {cls.__name__} ({reason}).") from None
    return module.eval().requires_grad_(False)


def _load_diffusers(cls, path: Path) -> nn.Module:
    """A diffusers model in float32, channels last."""
    module = _load(cls, path, torch_dtype=torch.float32, low_cpu_mem_usage=False)
    return module.to(memory_format=torch.channels_last)


def load_vae(folder) -> nn.Module:
    """AutoencoderKL in float32, frozen."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return _load_diffusers(AutoencoderKL, part(folder, "vae"))


def load_unet(folder) -> nn.Module:
    """UNet2DConditionModel in float32, frozen."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    return _load_diffusers(UNet2DConditionModel, part(folder, "unet"))


def load_controlnet(folder) -> nn.Module:
    """ControlNetModel in float32, frozen; `folder` holds config.json itself."""
    from diffusers.models.controlnets.controlnet import ControlNetModel

    return _load_diffusers(ControlNetModel, weights.resolve(folder))


@dataclass
class Parts:
    """Everything a ControlNet-conditioned latent diffusion model consists of."""

    unet: nn.Module
    controlnet: nn.Module
    vae: nn.Module
    text: nn.Module
    tokenizer: Any
    scheduler: Any


def load_parts(folder: str | Path, controlnet: str | Path) -> Parts:
    """All parts from a diffusers folder and a ControlNet's folder (paths or names from registry.yaml)."""
    text, tokenizer = load_text(folder)
    return Parts(load_unet(folder), load_controlnet(controlnet), load_vae(folder), text, tokenizer,
                 load_scheduler(folder))


def load_text(folder) -> tuple[nn.Module, object]:
    """(CLIPTextModel in float32, frozen; its CLIPTokenizer)."""
    from transformers import CLIPTextModel, CLIPTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = _load(CLIPTextModel, part(folder, "text_encoder"), dtype=torch.float32)
    tokenizer = CLIPTokenizer.from_pretrained(part(folder, "tokenizer"), local_files_only=True)
    return model, tokenizer


def load_scheduler(folder):
    """A DDIMScheduler with the noise schedule of the folder's scheduler (of whatever class)."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler.from_pretrained(part(folder, "scheduler"), local_files_only=True, clip_sample=False)


def save_part(module, folder: str | Path, name: str = "", half: bool = True) -> Path:
    """Write a diffusers or transformers part as FOLDER/NAME, floats as float16 where `half`."""
    path = Path(folder) / name
    path.mkdir(parents=True, exist_ok=True)
    if not isinstance(module, nn.Module):
        module.save_pretrained(path)
        return path
    copied = copy.deepcopy(module).to(memory_format=torch.contiguous_format)
    (copied.half() if half else copied).save_pretrained(path, safe_serialization=True)
    return path
