"""The networks of a latent diffusion model with a U-Net, from folders of diffusers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from gantoolkit.core.errors import UsageError
from gantoolkit.encoders import family, folders
from gantoolkit.encoders.text_encoder import PairedTextEncoder, PenultimateTextEncoder, TextEncoder
from gantoolkit.weights.recognize import read_json

COMPONENTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
XL_COMPONENTS = (*COMPONENTS, "text_encoder_2", "tokenizer_2")
PREDICTS = ("epsilon", "v_prediction")


@dataclass
class DiffusionModel:
    """The components of a ControlNet-conditioned latent diffusion model with a U-Net."""

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
        return folders.as_list(self.controlnet)

    def build_text_encoder(self) -> TextEncoder:
        """Return what encodes prompts."""
        return TextEncoder(self.text_encoder, self.tokenizer)


@dataclass(kw_only=True)
class SDXLModel(DiffusionModel):
    """The same of Stable Diffusion XL, which has two text models."""

    text_encoder_2: nn.Module
    tokenizer_2: Any
    # whether the U-Net was trained with zeros in place of an empty prompt's embeddings
    has_zero_empty_prompt: bool = True

    def build_text_encoder(self) -> TextEncoder:
        """Return what encodes prompts by both text models."""
        second = PenultimateTextEncoder(self.text_encoder_2, self.tokenizer_2)
        return PairedTextEncoder(self.text_encoder, self.tokenizer, second)


def load_diffusion_model(
    folder: str | Path, controlnet: str | Path | list[str] | None
) -> DiffusionModel:
    """Load all components from a diffusers folder and ControlNets' folders.

    Both are paths or names from registry.yaml.
    """
    family.check_unet(check_folder(folder, "ControlNetEncoder", COMPONENTS))
    text = folders.load_text(folder)
    unet = folders.load_unet(folder)
    names, controlnets = load_controlnets(controlnet, "ControlNetEncoder", folder, unet)
    return DiffusionModel(
        unet,
        controlnets,
        folders.load_vae(folder),
        *text,
        folders.load_scheduler(folder, PREDICTS),
        names,
    )


def load_sdxl_model(folder: str | Path, controlnet: str | Path | list[str] | None) -> SDXLModel:
    """Load all components of Stable Diffusion XL; arguments as of `load_diffusion_model`."""
    root = check_folder(folder, "SDXLEncoder", XL_COMPONENTS)
    family.check_unet(root)
    text_encoder, tokenizer = folders.load_text(folder)
    text_encoder_2, tokenizer_2 = folders.load_text(folder, "_2", projected=True)
    unet = folders.load_unet(folder)
    names, controlnets = load_controlnets(controlnet, "SDXLEncoder", folder, unet)
    index = root / "model_index.json"
    settings = read_json(index) if index.is_file() else {}
    return SDXLModel(
        unet,
        controlnets,
        folders.load_vae(folder),
        text_encoder,
        tokenizer,
        folders.load_scheduler(folder, PREDICTS),
        names,
        text_encoder_2=text_encoder_2,
        tokenizer_2=tokenizer_2,
        has_zero_empty_prompt=settings.get("force_zeros_for_empty_prompt", True),
    )


def check_folder(folder: str | Path, encoder: str, components: Sequence[str]) -> Path:
    """Refuse a folder that lacks components, or that another encoder reads; returns its path."""
    root = folders.find_diffusers_folder(folder, folders.TOKENIZER_OPTION)
    family.check_family(root, encoder)
    for component in components:
        folders.component_folder(root, component)
    return root


def load_controlnets(
    controlnet: str | Path | list[str] | None, encoder: str, folder: str | Path, unet: nn.Module
) -> tuple[tuple[str, ...], list[nn.Module]]:
    """Load the ControlNets of an encoder, which must fit its U-Net; returns their names too."""
    names = tuple(str(name) for name in folders.as_list(controlnet) if name)
    controlnets = [folders.load_controlnet(name, encoder) for name in names]
    for name, network in zip(names, controlnets):
        check_controlnet_fits(name, network, folder, unet)
    return names, controlnets


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
