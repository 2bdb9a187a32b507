"""The networks of an MMFace-DiT, from the published folder or from files and folders one by one.

FOLDER/**/dit-unified-flux-vae-512-rfm/checkpoint-44070/dit_model_weights_ema.safetensors
FOLDER/VAE/  FOLDER/stable-diffusion-2-1-base/text_encoder/, tokenizer/
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from gantoolkit import weights
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.suggest import check_choice
from gantoolkit.encoders import family, folders
from gantoolkit.networks.dual_stream_dit import DualStreamDiT
from gantoolkit.networks.dual_stream_file import load_dit, published_training

OBJECTIVES = ("flow", "diffusion")
VAE = "VAE"
TEXT = "stable-diffusion-2-1-base"


@dataclass
class MMFaceModel:
    """The networks, and what the transformer was trained for."""

    dit: DualStreamDiT
    vae: nn.Module
    text_encoder: nn.Module
    tokenizer: Any
    objective: str  # 'flow' or 'diffusion'
    resolution: int  # pixels per side

    def __post_init__(self) -> None:
        check_choice("objective", self.objective, OBJECTIVES)


def load_mmface_model(
    name: str | Path,
    vae: str | Path | None = None,
    text: str | Path | None = None,
    objective: str | None = None,
    resolution: int | None = None,
    num_heads: int | None = None,
) -> MMFaceModel:
    """Load the networks, in float32 and frozen; arguments as of MMFaceEncoder."""
    path = weights.resolve(name)
    if path.is_dir():
        family.check_family(path, "MMFaceEncoder")
        vae = vae or path / VAE
        text = text or path / TEXT
        path = find_transformer(path, objective, resolution)
    if vae is None or text is None:
        raise WeightsError(
            f"{path} is only the transformer: give `vae`, the folder of the VAE that it was "
            "trained on, and `text`, a folder with text_encoder/ and tokenizer/."
        )
    dit, training = load_dit(path, num_heads)
    objective = objective or training.get("objective")
    resolution = resolution or int(training.get("resolution", 0))
    if not (objective and resolution):
        raise WeightsError(
            f"{path} does not say what it was trained for; give objective='flow' or "
            "'diffusion', and resolution=256 or 512."
        )
    text_encoder, tokenizer = folders.load_text(text)
    model = MMFaceModel(dit, folders.load_vae(vae), text_encoder, tokenizer, objective, resolution)
    check_fit(model, path)
    return model


def find_transformer(folder: Path, objective: str | None, resolution: int | None) -> Path:
    """Find the transformer in a published folder, which may hold several."""
    paths = sorted(folder.rglob(family.MMFACE_FILE))
    fitting = []
    for path in paths:
        training = published_training(path)
        right_objective = objective in (None, training.get("objective"))
        right_resolution = str(resolution) in ("None", training.get("resolution"))
        if right_objective and right_resolution:
            fitting.append(path)
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(path.relative_to(folder).parts[0] for path in paths) or "none"
    raise WeightsError(
        f"{folder} holds {len(fitting)} files {family.MMFACE_FILE} for objective={objective} and "
        f"resolution={resolution} where one is expected (of all: {listed}); give both."
    )


def check_fit(model: MMFaceModel, source: Path) -> None:
    """Refuse a VAE or a text model that the transformer was not trained with."""
    dit = model.dit.arch
    channels = model.vae.config.latent_channels
    if channels != dit["channels"]:
        raise WeightsError(
            f"{source} reads latents of {dit['channels']} channels and this VAE makes {channels}; "
            "give the VAE that it was trained on."
        )
    width = model.text_encoder.config.hidden_size
    if width != dit["text_width"]:
        raise WeightsError(
            f"{source} reads text states of {dit['text_width']} numbers and this text model makes "
            f"{width}; give the one that it was trained with."
        )
