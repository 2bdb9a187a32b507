"""Which encoder reads a folder of diffusers: said before anything is loaded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gantoolkit import weights
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.weights.recognize import read_json

FAMILIES = {  # encoder → the models that it reads
    "ControlNetEncoder": "Stable Diffusion 1 or 2-base",
    "SDXLEncoder": "Stable Diffusion XL",
    "SD3Encoder": "Stable Diffusion 3",
    "FluxEncoder": "FLUX.1",
    "MMFaceEncoder": "MMFace-DiT",
}
TRANSFORMERS = {  # class → encoder
    "SD3Transformer2DModel": "SD3Encoder",
    "FluxTransformer2DModel": "FluxEncoder",
}
MMFACE_FILE = "dit_model_weights_ema.safetensors"  # the transformer, as it was published
CONTROLNETS = {  # class → encoder; a ControlNetModel is of Stable Diffusion 1 or XL
    "ControlNetUnionModel": "SDXLEncoder",
    "SD3ControlNetModel": "SD3Encoder",
    "FluxControlNetModel": "FluxEncoder",
}
READ_HERE = (
    "Stable Diffusion 1 and 2-base (ControlNetEncoder), Stable Diffusion XL (SDXLEncoder), "
    "Stable Diffusion 3 (SD3Encoder), FLUX.1 (FluxEncoder), MMFace-DiT (MMFaceEncoder), and small "
    "models in the same layouts"
)
PIPELINES = {  # encoder → names of the pipelines whose parts it can read
    "ControlNetEncoder": re.compile(
        r"(Stable|Latent)Diffusion(ControlNet|PAG|Attend)?(Img2Img)?"
        r"(Legacy|Safe|AndExcite)?Pipeline"
    ),
    "SDXLEncoder": re.compile(
        r"StableDiffusionXL(ControlNet|ControlNetUnion|ControlNetPAG|PAG)?(Img2Img)?Pipeline"
    ),
    "SD3Encoder": re.compile(r"StableDiffusion3(ControlNet|PAG)?(Img2Img)?Pipeline"),
    "FluxEncoder": re.compile(r"Flux(ControlNet)?(Img2Img)?Pipeline"),
}
ROLES = {  # channels that a U-Net reads beyond the latents → what such models do
    5: "an inpainting model: latents, mask and masked picture",
    4: "a model that edits a picture (InstructPix2Pix)",
    3: "an upscaler",
    1: "a model that reads depth",
}


def complete_spec(spec: str | dict[str, Any]) -> dict[str, Any]:
    """Return the spec of an encoder with its `type`; where it has none, its `weights` tell it.

    spec  as a config says it, or the folder (or name) of the weights alone
    """
    if isinstance(spec, str):
        spec = {"weights": spec}
    if "type" in spec:
        return spec
    name = spec.get("weights")
    if name is None:
        raise UsageError("An encoder needs type='NAME', or weights='FOLDER' that tell the type.")
    found = recognize(weights.resolve(name))
    if found is None:
        raise WeightsError(f"'{name}' is read by no encoder; read here: {READ_HERE}.")
    return {"type": found, **spec}


def recognize(root: Path) -> str | None:
    """Return the name of the encoder that reads a folder, or a file; None if none does."""
    if _is_mmface(root):
        return "MMFaceEncoder"
    index = root / "model_index.json"
    if index.is_file():
        name = str(read_json(index).get("_class_name") or "StableDiffusionPipeline")
        return next((key for key, names in PIPELINES.items() if names.fullmatch(name)), None)
    transformer = root / "transformer/config.json"
    if transformer.is_file():
        return TRANSFORMERS.get(read_json(transformer).get("_class_name", ""))
    unet = root / "unet/config.json"
    if not unet.is_file():
        return None
    is_xl = _is_xl(read_json(unet)) or (root / "text_encoder_2").is_dir()
    return "SDXLEncoder" if is_xl else "ControlNetEncoder"


def _is_mmface(root: Path) -> bool:
    """Whether this is the transformer of an MMFace-DiT, or a folder with it."""
    if root.is_dir():
        return any(root.rglob(MMFACE_FILE))
    return root.name == MMFACE_FILE or weights.architecture(root).get("type") == "DualStreamDiT"


def _is_xl(config: dict) -> bool:
    """Whether a U-Net, or a ControlNet, is told sizes and a pooled text."""
    return config.get("addition_embed_type") == "text_time"


def check_family(root: Path, encoder: str) -> None:
    """Raise WeightsError, in one sentence, for a folder that another encoder reads, or none."""
    found = recognize(root)
    if found is not None and found != encoder:
        raise WeightsError(
            f"{root} is {FAMILIES[found]}, which {found} reads; name it as type='{found}'."
        )
    index = root / "model_index.json"
    if found is None and index.is_file():
        name = read_json(index).get("_class_name")
        raise WeightsError(
            f"{index} names a {name}, which is another family; read here: {READ_HERE} (if the "
            "parts are those of such a model, delete model_index.json)."
        )


def check_unet(root: Path) -> None:
    """Refuse a U-Net of another task, or with text models that are not its own.

    root  with unet/, vae/ and text_encoder/, which are there
    """
    path = root / "unet"
    unet = read_json(path / "config.json")
    vae = read_json(root / "vae/config.json")
    latents = vae.get("latent_channels", 4)
    channels = unet.get("in_channels", 4)
    if channels != latents:
        role = ROLES.get(channels - latents, "a model of another task")
        raise WeightsError(
            f"{path} reads {channels} channels where the VAE makes {latents}: {role}; give the "
            "folder of the text-to-image model that it was made from."
        )
    _check_text_width(root, unet)


def _check_text_width(root: Path, unet: dict) -> None:
    """Refuse text models whose states the U-Net's cross-attention cannot read."""
    width = 0
    for name in ("text_encoder", "text_encoder_2"):
        config = root / name / "config.json"
        if config.is_file():
            text = read_json(config)
            width += text.get(
                "hidden_size", (text.get("text_config") or {}).get("hidden_size", 512)
            )
    wanted = unet.get("cross_attention_dim", 1280)
    if isinstance(wanted, int) and wanted != width:
        raise WeightsError(
            f"{root / 'unet'} reads text states of {wanted} numbers, and text_encoder/ beside it "
            f"makes {width}: it is another model's; copy the one published with this U-Net."
        )


def check_class(config: dict, expected: str, path: Path) -> None:
    """Refuse a component of another class, such as a T2I-Adapter given for a ControlNet."""
    name = config.get("_class_name", expected)
    if name != expected:
        raise WeightsError(f"{path} holds a {name}, where a {expected} is expected.")


def controlnet_class(config: dict) -> str:
    """Return the class of a ControlNet; unions of SDXL are known by their types too."""
    name = config.get("_class_name", "ControlNetModel")
    is_union = "num_control_type" in config or name.startswith("ControlNetModel_Union")
    return "ControlNetUnionModel" if is_union else name


def check_controlnet(path: Path, encoder: str) -> str:
    """Refuse a ControlNet that another encoder reads; returns the name of its class."""
    config = read_json(path / "config.json")
    name = controlnet_class(config)
    found = CONTROLNETS.get(name)
    if name == "ControlNetModel":
        found = "SDXLEncoder" if _is_xl(config) else "ControlNetEncoder"
    if found is None:
        check_class(config, "ControlNetModel", path)
    if found != encoder:
        raise WeightsError(
            f"{path} is a ControlNet of {FAMILIES[found]}, which {found} reads; give one of "
            f"{FAMILIES[encoder]}."
        )
    return name
