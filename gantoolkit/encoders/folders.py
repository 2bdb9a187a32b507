"""Parts of a latent diffusion model in diffusers' folder layout, read from local folders only.

    FOLDER/vae/  FOLDER/unet/  FOLDER/text_encoder/  FOLDER/tokenizer/  FOLDER/scheduler/

The same layout as Stable Diffusion 1.5, so that one loader serves a published folder and the small embedded
one. Nothing is fetched: a missing file is an error with a sentence.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gantoolkit.core.compat  # noqa: F401  diffusers and transformers import torchvision

import torch
from torch import nn

from gantoolkit import weights
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.registry import manifest


def find(name: str | Path) -> Path:
    """The folder of a path, a name of registry.yaml, or a Hub's OWNER/NAME whose NAME registry.yaml lists."""
    listed = str(name).rpartition("/")[2]
    if not Path(name).exists() and listed != str(name) and listed in manifest.load().weights:
        return weights.resolve(listed)
    return weights.resolve(name)


def checksums(encoder: dict) -> dict[str, str]:
    """name → sha256 of the folders that the spec of an encoder names: its `weights`, then its `controlnet`s."""
    given = [encoder.get(key) for key in ("weights", "controlnet")]
    names = [
        n
        for value in given
        for n in (value if isinstance(value, (list, tuple)) else [value])
        if isinstance(n, str)
    ]
    return {name: weights.sha256(find(name)) for name in names}


def part(folder: str | Path, name: str) -> Path:
    """The path of one part of a diffusion folder; `folder` is a path or a name from registry.yaml."""
    path = _opened(folder, " --tokenizer DIR") / name
    if not path.is_dir():
        raise WeightsError(
            f"{path.parent} has no part '{name}': a diffusers folder with "
            "unet, vae, text_encoder, tokenizer and scheduler is expected."
        )
    return path


def _opened(name: str | Path, more: str = "") -> Path:
    """`find`, refusing a single file."""
    path = find(name)
    if path.is_file():
        raise WeightsError(
            f"{path} is a single file; make a folder of it with `gantoolkit weights convert {path} "
            f"FOLDER{more}` and name that."
        )
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
    """A diffusers model in float32, channels last; a folder that holds only its fp16 variant will do."""
    half = not list(path.glob("diffusion_pytorch_model.safetensors*")) and list(
        path.glob("*.fp16.safetensors")
    )
    variant = {"variant": "fp16"} if half else {}
    module = _load(cls, path, torch_dtype=torch.float32, low_cpu_mem_usage=False, **variant)
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

    return _load_diffusers(ControlNetModel, _opened(folder))


@dataclass
class Parts:
    """Everything a ControlNet-conditioned latent diffusion model consists of."""

    unet: nn.Module
    controlnet: nn.Module | list[nn.Module] | None  # one, several, or none
    vae: nn.Module
    text: nn.Module
    tokenizer: Any
    scheduler: Any
    names: tuple[str, ...] = ()  # of the ControlNets, where they came from folders

    @property
    def controlnets(self) -> list[nn.Module]:
        """The ControlNets as a list, perhaps empty."""
        if self.controlnet is None:
            return []
        return self.controlnet if isinstance(self.controlnet, list) else [self.controlnet]


def load_parts(folder: str | Path, controlnet: str | Path | list[str] | None) -> Parts:
    """All parts from a diffusers folder and ControlNets' folders (paths or names from registry.yaml)."""
    text, tokenizer = load_text(folder)
    names = tuple(
        map(
            str,
            controlnet
            if isinstance(controlnet, (list, tuple))
            else [controlnet]
            if controlnet
            else (),
        )
    )
    unet = load_unet(folder)
    networks = [load_controlnet(name) for name in names]
    for name, network in zip(names, networks):
        _fits(name, network, folder, unet)
    return Parts(unet, networks, load_vae(folder), text, tokenizer, load_scheduler(folder), names)


def _fits(name: str, controlnet: nn.Module, folder, unet: nn.Module) -> None:
    """Refuse a ControlNet of another U-Net (SD 2 or XL beside SD 1.5)."""
    for key in ("block_out_channels", "cross_attention_dim"):
        if _plain(controlnet.config[key]) != _plain(unet.config[key]):
            raise UsageError(
                f"The ControlNet '{name}' does not fit the U-Net of '{folder}': its {key} is "
                f"{controlnet.config[key]}, not {unet.config[key]}."
            )


def _plain(value):
    return list(value) if isinstance(value, (list, tuple)) else value


def load_text(folder) -> tuple[nn.Module, object]:
    """(CLIPTextModel in float32, frozen; its CLIPTokenizer)."""
    from transformers import CLIPTextModel, CLIPTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    path = part(folder, "text_encoder")
    variant = (
        {}
        if (path / "model.safetensors").is_file() or not list(path.glob("*.fp16.safetensors"))
        else {"variant": "fp16"}
    )
    model = _load(CLIPTextModel, path, dtype=torch.float32, **variant)
    tokenizer = CLIPTokenizer.from_pretrained(part(folder, "tokenizer"), local_files_only=True)
    return model, tokenizer


def load_scheduler(folder):
    """A DDIMScheduler with the noise schedule of the folder's scheduler (of whatever class), of a U-Net that predicts ε."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    path = part(folder, "scheduler")
    scheduler = DDIMScheduler.from_pretrained(path, local_files_only=True, clip_sample=False)
    if (kind := scheduler.config.prediction_type) != "epsilon":
        raise WeightsError(
            f"{path} belongs to a U-Net that predicts '{kind}'; only those that predict the noise "
            "('epsilon', as Stable Diffusion 1.5 and 2.1-base do) can be read."
        )
    return scheduler


def save_part(module, folder: str | Path, name: str = "", half: bool = True) -> Path:
    """Write a diffusers or transformers part as FOLDER/NAME, floats as float16 where `half`."""
    path = Path(folder) / name
    path.mkdir(parents=True, exist_ok=True)
    if not isinstance(module, nn.Module):
        module.save_pretrained(path)
        return path
    copied = copy.deepcopy(module).to(memory_format=torch.contiguous_format)
    (copied.half() if half else copied).save_pretrained(path, safe_serialization=True)
    config = json.loads((path / "config.json").read_text())
    if config.pop("_name_or_path", None):  # where it was loaded from, a place of this machine
        files.write_text(path / "config.json", json.dumps(config, indent=2) + "\n")
    return path
