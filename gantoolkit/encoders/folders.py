"""Components of a latent diffusion model in diffusers' folder layout, read from local folders only.

    FOLDER/vae/  FOLDER/unet/  FOLDER/text_encoder/  FOLDER/tokenizer/  FOLDER/scheduler/

The same layout as Stable Diffusion 1.5, so that one loader serves a published folder and the small
embedded one. Nothing is fetched: a missing file is an error with a sentence.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  diffusers and transformers import torchvision

import torch
from torch import Tensor, nn

from gantoolkit import weights
from gantoolkit.core import files
from gantoolkit.core.errors import WeightsError
from gantoolkit.encoders import family
from gantoolkit.networks.clip_folder import load_text_model, load_tokenizer
from gantoolkit.weights.blank import build_blank
from gantoolkit.weights.folders import read_folder
from gantoolkit.weights.recognize import read_json
from gantoolkit.weights.state_dict import load_state_dict

TOKENIZER_OPTION = " --tokenizer DIR"  # of `weights convert`
STEMS = ("diffusion_pytorch_model",)  # names of diffusers' weights, without endings
OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}

LEAST_SIGNAL = 1e-6  # ᾱ_t at the last step; DDIM divides by its root


# -- where folders are -------------------------------------------------------------------------


def as_list(value) -> list:
    """Return one value, several or None as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def find_folder(name: str | Path) -> Path:
    """Return the folder of a path, a name of registry.yaml, or OWNER/NAME of the Hub."""
    return weights.resolve(name)


def checksums(encoder_spec: dict) -> dict[str, str]:
    """Return name → sha256 of the folders that the spec of an encoder names.

    These are its `weights`, its `controlnet`s, and what an MMFaceEncoder names beside them.
    """
    keys = ("weights", "controlnet", "vae", "text")
    named = [name for key in keys for name in as_list(encoder_spec.get(key))]
    return {name: weights.checksum(name) for name in named if isinstance(name, str)}


def component_folder(folder: str | Path, component: str) -> Path:
    """Return the path of one component, such as 'unet', of a path or a name from registry.yaml."""
    path = find_diffusers_folder(folder, TOKENIZER_OPTION) / component
    if not path.is_dir():
        raise WeightsError(
            f"{path.parent} has no part '{component}': a diffusers folder with "
            "unet, vae, text_encoder, tokenizer and scheduler is expected."
        )
    return path


def find_diffusers_folder(name: str | Path, convert_options: str = "") -> Path:
    """`find_folder`, refusing a single file."""
    path = find_folder(name)
    if path.is_file():
        raise WeightsError(
            f"{path} is a single file; make a folder of it with `gantoolkit weights convert {path} "
            f"FOLDER{convert_options}` and name that."
        )
    return path


# -- reading -----------------------------------------------------------------------------------


def _load_diffusers(cls, path: Path) -> nn.Module:
    """A diffusers model in float32, channels last, frozen and in eval mode."""
    config = read_json(path / "config.json")
    state, file = read_folder(path, STEMS)
    module = build_blank(lambda: cls.from_config(config), cls.__name__, path / "config.json")
    load_state_dict(module, with_current_attention_names(state, module.state_dict()), file)
    return module.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def with_current_attention_names(
    state: dict[str, Tensor], expected: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Rename the attention of VAEs written before diffusers 0.15, such as Stable Diffusion 1.5's.

    expected  the model's own state dict

    Projections that were 1×1 convolutions become matrices.
    """
    renamed = {}
    for key, value in state.items():
        parent, _, tensor = key.rpartition(".")
        module, _, name = parent.rpartition(".")
        current = f"{module}.{OLD_ATTENTION.get(name, name)}.{tensor}"
        is_old = key not in expected and current in expected
        own = current if is_old else key
        like = expected.get(own)
        if is_old and like is not None and value.ndim == 4 and like.ndim == 2:
            value = value.flatten(1)
        renamed[own] = value
    return renamed


def load_vae(folder) -> nn.Module:
    """Load the AutoencoderKL in float32, frozen; `folder` holds vae/, or is the VAE's own."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    path = find_diffusers_folder(folder)
    if not (path / "config.json").is_file():
        path = component_folder(folder, "vae")
    family.check_class(read_json(path / "config.json"), "AutoencoderKL", path)
    return _load_diffusers(AutoencoderKL, path)


def load_unet(folder) -> nn.Module:
    """Load the UNet2DConditionModel in float32, frozen."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    path = component_folder(folder, "unet")
    family.check_class(read_json(path / "config.json"), "UNet2DConditionModel", path)
    return _load_diffusers(UNet2DConditionModel, path)


def load_controlnet(folder, encoder: str = "ControlNetEncoder") -> nn.Module:
    """Load a ControlNet in float32, frozen; `folder` holds config.json itself.

    encoder  which is to use it; those of other families are refused
    """
    from diffusers.models import controlnets

    path = find_diffusers_folder(folder)
    name = family.check_controlnet(path, encoder)
    return _load_diffusers(getattr(controlnets, name), path)


def load_transformer(folder) -> nn.Module:
    """Load the transformer of Stable Diffusion 3 or FLUX in float32, frozen."""
    from diffusers.models import transformers

    path = component_folder(folder, "transformer")
    name = read_json(path / "config.json").get("_class_name")
    if name not in family.TRANSFORMERS:
        raise WeightsError(
            f"{path} holds a {name}; transformers that are read are "
            f"{', '.join(family.TRANSFORMERS)}."
        )
    return _load_diffusers(getattr(transformers, name), path)


def load_flow_scheduler(folder):
    """Load the FlowMatchEulerDiscreteScheduler of a folder."""
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
        FlowMatchEulerDiscreteScheduler,
    )

    path = component_folder(folder, "scheduler")
    family.check_class(
        read_json(path / "scheduler_config.json"), "FlowMatchEulerDiscreteScheduler", path
    )
    return FlowMatchEulerDiscreteScheduler.from_pretrained(path, local_files_only=True)


def load_text(folder, suffix: str = "", projected: bool = False) -> tuple[nn.Module, object]:
    """Load the CLIPTextModel in float32, frozen, and its CLIPTokenizer.

    suffix     "_2" of a second text model
    projected  as of `load_text_model`
    """
    model = load_text_model(component_folder(folder, f"text_encoder{suffix}"), projected)
    return model, load_tokenizer(component_folder(folder, f"tokenizer{suffix}"), model.config)


def load_scheduler(folder, predicts: tuple[str, ...] = ("epsilon",)):
    """Load a DDIMScheduler with the noise schedule of the folder's scheduler, of whatever class.

    predicts  what the U-Net may predict: 'epsilon' and 'v_prediction', where the caller reads both
    """
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    path = component_folder(folder, "scheduler")
    read_json(path / "scheduler_config.json")
    scheduler = DDIMScheduler.from_pretrained(path, local_files_only=True, clip_sample=False)
    prediction_type = scheduler.config.prediction_type
    if prediction_type not in predicts:
        raise WeightsError(
            f"{path} belongs to a U-Net that predicts '{prediction_type}'; only those that predict "
            f"{' or '.join(predicts)} can be used here (Stable Diffusion 1.5 and 2.1-base predict "
            "epsilon, the noise)."
        )
    if float(scheduler.alphas_cumprod[-1]) < LEAST_SIGNAL:
        raise WeightsError(
            f"{path} has a noise schedule without signal at its end (rescale_betas_zero_snr), "
            "which is not supported; choose a model without it."
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

    config = files.read_json_object(path / "config.json")
    if config.pop("_name_or_path", None):  # where it was loaded from, a place of this machine
        files.write_text(path / "config.json", json.dumps(config, indent=2) + "\n")
    return path
