"""Whether a folder of diffusers is of the family that is read here: said before anything is loaded.

Stable Diffusion 1 and 2-base: a U-Net with cross-attention to one CLIP text model.
"""

from __future__ import annotations

import re
from pathlib import Path

from gantoolkit.core.errors import WeightsError
from gantoolkit.weights.recognize import read_json

# Pipelines whose parts can be read; the same model serves all of them.
PIPELINES = re.compile(
    r"(Stable|Latent)Diffusion(ControlNet|PAG|Attend)?(Img2Img)?(Legacy|Safe|AndExcite)?Pipeline"
)
READ_HERE = "Stable Diffusion 1 and 2-base, and small models in the same layout"
ROLES = {  # channels that a U-Net reads beyond the latents → what such models do
    5: "an inpainting model: latents, mask and masked picture",
    4: "a model that edits a picture (InstructPix2Pix)",
    3: "an upscaler",
    1: "a model that reads depth",
}


def check_family(root: Path) -> None:
    """Raise WeightsError, in one sentence, for a folder of a family that no encoder here reads.

    root  with unet/, vae/ and text_encoder/, which are there
    """
    path = root / "unet"
    unet = read_json(path / "config.json")
    if unet.get("addition_embed_type") == "text_time" or (root / "text_encoder_2").is_dir():
        raise WeightsError(f"{root} is Stable Diffusion XL; read here: {READ_HERE}.")
    vae = read_json(root / "vae/config.json")
    latents = vae.get("latent_channels", 4)
    channels = unet.get("in_channels", 4)
    if channels != latents:
        role = ROLES.get(channels - latents, "a model of another task")
        raise WeightsError(
            f"{path} reads {channels} channels where the VAE makes {latents}: {role}; give the "
            "folder of the text-to-image model that it was made from."
        )
    text = read_json(root / "text_encoder/config.json")
    _check_text_width(path, unet, text)


def check_pipeline(root: Path) -> None:
    """Refuse a folder that another pipeline of diffusers reads, by its model_index.json, if any."""
    index = root / "model_index.json"
    if not index.is_file():
        return
    name = str(read_json(index).get("_class_name") or "StableDiffusionPipeline")
    if not PIPELINES.fullmatch(name):
        raise WeightsError(
            f"{index} names a {name}, which is another family; read here: {READ_HERE} (if the "
            "parts are those of such a model, delete model_index.json)."
        )


def _check_text_width(path: Path, unet: dict, text: dict) -> None:
    """Refuse a text model whose states the U-Net's cross-attention cannot read."""
    width = text.get("hidden_size", (text.get("text_config") or {}).get("hidden_size", 512))
    wanted = unet.get("cross_attention_dim", 1280)
    if isinstance(wanted, int) and wanted != width:
        raise WeightsError(
            f"{path} reads text states of {wanted} numbers, and text_encoder/ beside it makes "
            f"{width}: it is another model's; copy the one published with this U-Net."
        )


def check_class(config: dict, expected: str, path: Path) -> None:
    """Refuse a component of another class, such as a T2I-Adapter given for a ControlNet."""
    name = config.get("_class_name", expected)
    if name != expected:
        raise WeightsError(f"{path} holds a {name}, where a {expected} is expected.")
