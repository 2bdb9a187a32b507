"""The published MMFace-DiT by its sizes, so that plans can be made before weights are there.

The numbers are those of the published transformer's tensors, of FLUX.1's VAE, and of Stable
Diffusion 2.1's text model.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import gantoolkit.core.compat  # noqa: F401  diffusers and transformers import torchvision

import torch

from gantoolkit import weights
from gantoolkit.core.errors import WeightsError
from gantoolkit.encoders import mmface_model
from gantoolkit.encoders.mmface import MMFaceEncoder
from gantoolkit.encoders.mmface_model import MMFaceModel
from gantoolkit.encoders.published import PlaceholderTextEncoder
from gantoolkit.networks.dual_stream_dit import DualStreamDiT
from gantoolkit.weights.recognize import read_json

VAE = dict(
    latent_channels=16,
    block_out_channels=(128, 256, 512, 512),
    layers_per_block=2,
    down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4,
    use_quant_conv=False,
    use_post_quant_conv=False,
    scaling_factor=0.3611,
    shift_factor=0.1159,
)
TEXT = dict(
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=23,
    num_attention_heads=16,
    max_position_embeddings=77,
    vocab_size=49408,
    projection_dim=512,
    hidden_act="gelu",
)
RESOLUTION = 512  # pixels, where neither config nor file says it
ARGUMENTS = ("type", "weights", "vae", "text", "objective", "resolution", "num_heads")


def build_meta_mmface(spec: dict) -> tuple[MMFaceEncoder, list[str]]:
    """Build the encoder of a config on the meta device; no weights are read.

    Returns the encoder, and sentences that say what had to be assumed.

    spec  a config's `encoder`
    """
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from transformers import CLIPTextConfig, CLIPTextModel

    notes: list[str] = []
    folder = _find(spec["weights"], notes)
    own_file = folder if folder and folder.is_file() else None
    arch = weights.architecture(own_file) if own_file else {}
    training = weights.header(own_file) if own_file else {}
    arch.pop("type", None)
    text_config = _config(spec.get("text"), folder, mmface_model.TEXT, "text_encoder") or TEXT
    with torch.device("meta"):
        dit = DualStreamDiT(**arch)
        vae = AutoencoderKL.from_config(
            _config(spec.get("vae"), folder, mmface_model.VAE, "vae") or VAE
        )
        text_encoder = CLIPTextModel(CLIPTextConfig(**text_config))
    model = MMFaceModel(
        dit,
        vae,
        text_encoder,
        SimpleNamespace(model_max_length=text_encoder.config.max_position_embeddings),
        spec.get("objective") or training.get("objective", "flow"),
        spec.get("resolution") or int(training.get("resolution", RESOLUTION)),
    )
    mmface_model.check_fit(model, Path(spec["weights"]))
    options = {key: value for key, value in spec.items() if key not in ARGUMENTS}
    encoder = MMFaceEncoder(model, **options)
    encoder.text_encoder = PlaceholderTextEncoder(text_encoder)
    return encoder.to("meta"), notes


def _find(name: str, notes: list[str]) -> Path | None:
    """The published folder or the transformer's file, if it is here."""
    try:
        return weights.resolve(name)
    except WeightsError:
        notes.append(f"'{name}' is not here: MMFace-DiT's published architecture is assumed")
        return None


def _config(name: str | None, folder: Path | None, inside: str, component: str) -> dict | None:
    """config.json of the VAE or the text model, if it is here.

    name    as the config says it; None: it is `inside` the published folder
    """
    if name is None:
        roots = [folder / inside] if folder else []
    else:
        found = _find(name, [])
        roots = [found] if found else []
    for root in roots:
        for path in (root / component / "config.json", root / "config.json"):
            if path.is_file():
                return read_json(path)
    return None
