"""Components of a latent diffusion model in diffusers' folder layout, read from local folders only.

    FOLDER/vae/  FOLDER/unet/  FOLDER/text_encoder/  FOLDER/tokenizer/  FOLDER/scheduler/

The same layout as Stable Diffusion 1.5, so that one loader serves a published folder and the small
embedded one. Nothing is fetched: a missing file is an error with a sentence.
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


@dataclass
class DiffusionModel:
    """The components of a ControlNet-conditioned latent diffusion model."""

    unet: nn.Module
    controlnet: nn.Module | list[nn.Module] | None  # one, several, or none
    vae: nn.Module
    text_encoder: nn.Module
    tokenizer: Any
    scheduler: Any
    controlnet_names: tuple[str, ...] = ()  # where they came from folders

    @property
    def controlnets(self) -> list[nn.Module]:
        """The ControlNets as a list, perhaps empty."""
        return _as_list(self.controlnet)


def load_diffusion_model(
    folder: str | Path, controlnet: str | Path | list[str] | None
) -> DiffusionModel:
    """Load all components from a diffusers folder and ControlNets' folders.

    Both are paths or names from registry.yaml.
    """
    text_encoder, tokenizer = load_text(folder)
    unet = load_unet(folder)
    names = tuple(str(name) for name in _as_list(controlnet) if name)
    controlnets = [load_controlnet(name) for name in names]
    for name, network in zip(names, controlnets):
        check_controlnet_fits(name, network, folder, unet)
    return DiffusionModel(
        unet,
        controlnets,
        load_vae(folder),
        text_encoder,
        tokenizer,
        load_scheduler(folder),
        names,
    )


def check_controlnet_fits(name: str, controlnet: nn.Module, folder, unet: nn.Module) -> None:
    """Refuse a ControlNet of another U-Net (SD 2 or XL beside SD 1.5)."""
    for key in ("block_out_channels", "cross_attention_dim"):
        if _without_tuples(controlnet.config[key]) != _without_tuples(unet.config[key]):
            raise UsageError(
                f"The ControlNet '{name}' does not fit the U-Net of '{folder}': its {key} is "
                f"{controlnet.config[key]}, not {unet.config[key]}."
            )


def _without_tuples(value):
    """A config's value as JSON would give it back."""
    return list(value) if isinstance(value, (list, tuple)) else value


def _as_list(value) -> list:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


# -- where folders are -------------------------------------------------------------------------


def find_folder(name: str | Path) -> Path:
    """Return the folder of a path, or of a name of registry.yaml.

    A Hub's OWNER/NAME is accepted where registry.yaml lists NAME.
    """
    listed = str(name).rpartition("/")[2]
    if not Path(name).exists() and listed != str(name) and listed in manifest.load().weights:
        return weights.resolve(listed)
    return weights.resolve(name)


def checksums(encoder_spec: dict) -> dict[str, str]:
    """Return name → sha256 of the folders that the spec of an encoder names.

    These are its `weights`, then its `controlnet`s.
    """
    named = _as_list(encoder_spec.get("weights")) + _as_list(encoder_spec.get("controlnet"))
    return {name: weights.sha256(find_folder(name)) for name in named if isinstance(name, str)}


def component_folder(folder: str | Path, component: str) -> Path:
    """Return the path of one component, such as 'unet', of a path or a name from registry.yaml."""
    path = _find_diffusers_folder(folder, " --tokenizer DIR") / component
    if not path.is_dir():
        raise WeightsError(
            f"{path.parent} has no part '{component}': a diffusers folder with "
            "unet, vae, text_encoder, tokenizer and scheduler is expected."
        )
    return path


def _find_diffusers_folder(name: str | Path, convert_options: str = "") -> Path:
    """`find_folder`, refusing a single file."""
    path = find_folder(name)
    if path.is_file():
        raise WeightsError(
            f"{path} is a single file; make a folder of it with `gantoolkit weights convert {path} "
            f"FOLDER{convert_options}` and name that."
        )
    return path


# -- reading -----------------------------------------------------------------------------------


def _load(cls, path: Path, **options) -> nn.Module:
    """A frozen module in eval mode, from local files only."""
    try:
        module = cls.from_pretrained(path, local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path} cannot be read as a {cls.__name__} ({reason}).") from None
    return module.eval().requires_grad_(False)


def _variant(path: Path, full_precision: str) -> dict:
    """The option that reads the fp16 variant, where a folder holds only that."""
    only_half = not list(path.glob(full_precision)) and list(path.glob("*.fp16.safetensors"))
    return {"variant": "fp16"} if only_half else {}


def _load_diffusers(cls, path: Path) -> nn.Module:
    """A diffusers model in float32, channels last."""
    variant = _variant(path, "diffusion_pytorch_model.safetensors*")
    module = _load(cls, path, torch_dtype=torch.float32, low_cpu_mem_usage=False, **variant)
    return module.to(memory_format=torch.channels_last)


def load_vae(folder) -> nn.Module:
    """Load the AutoencoderKL in float32, frozen."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return _load_diffusers(AutoencoderKL, component_folder(folder, "vae"))


def load_unet(folder) -> nn.Module:
    """Load the UNet2DConditionModel in float32, frozen."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    return _load_diffusers(UNet2DConditionModel, component_folder(folder, "unet"))


def load_controlnet(folder) -> nn.Module:
    """Load a ControlNetModel in float32, frozen; `folder` holds config.json itself."""
    from diffusers.models.controlnets.controlnet import ControlNetModel

    return _load_diffusers(ControlNetModel, _find_diffusers_folder(folder))


def load_text(folder) -> tuple[nn.Module, object]:
    """Load the CLIPTextModel in float32, frozen, and its CLIPTokenizer."""
    from transformers import CLIPTextModel, CLIPTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    path = component_folder(folder, "text_encoder")
    variant = _variant(path, "model.safetensors")
    model = _load(CLIPTextModel, path, dtype=torch.float32, **variant)
    tokenizer_path = component_folder(folder, "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(tokenizer_path, local_files_only=True)
    return model, tokenizer


def load_scheduler(folder):
    """Load a DDIMScheduler with the noise schedule of the folder's scheduler, of whatever class.

    The U-Net must predict ε.
    """
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    path = component_folder(folder, "scheduler")
    scheduler = DDIMScheduler.from_pretrained(path, local_files_only=True, clip_sample=False)
    prediction_type = scheduler.config.prediction_type
    if prediction_type != "epsilon":
        raise WeightsError(
            f"{path} belongs to a U-Net that predicts '{prediction_type}'; only those that predict "
            "the noise ('epsilon', as Stable Diffusion 1.5 and 2.1-base do) can be read."
        )
    return scheduler


# -- writing -----------------------------------------------------------------------------------


def save_component(module, folder: str | Path, name: str = "", half: bool = True) -> Path:
    """Write a diffusers or transformers component as FOLDER/NAME, as float16 if `half`."""
    path = Path(folder) / name
    path.mkdir(parents=True, exist_ok=True)
    if not isinstance(module, nn.Module):  # a tokenizer or a scheduler
        module.save_pretrained(path)
        return path

    copied = copy.deepcopy(module).to(memory_format=torch.contiguous_format)
    if half:
        copied = copied.half()
    copied.save_pretrained(path, safe_serialization=True)

    config = json.loads((path / "config.json").read_text())
    if config.pop("_name_or_path", None):  # where it was loaded from, a place of this machine
        files.write_text(path / "config.json", json.dumps(config, indent=2) + "\n")
    return path
