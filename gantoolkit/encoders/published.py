"""Published diffusion models by name, so that plans can be made before weights are there.

The numbers are those of Stable Diffusion 1.5's and its ControlNets' config.json.
"""

from __future__ import annotations

from types import SimpleNamespace

import gantoolkit.core.compat  # noqa: F401  diffusers and transformers import torchvision

import torch
from torch import nn

from gantoolkit.core.errors import WeightsError
from gantoolkit.encoders import conditioning, folders
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.diffusion_model import DiffusionModel
from gantoolkit.encoders.single_file import SCHEDULER
from gantoolkit.encoders.text_encoder import EncodedPrompts
from gantoolkit.weights.recognize import read_json

SD15 = dict(
    unet=dict(
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=(320, 640, 1280, 1280),
        layers_per_block=2,
        cross_attention_dim=768,
        attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    ),
    vae=dict(
        latent_channels=4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=0.18215,
    ),
    text_encoder=dict(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        max_position_embeddings=77,
        vocab_size=49408,
        projection_dim=768,
    ),
    scheduler=SCHEDULER,
)
# Widths of the small network in a ControlNet that brings the control image to the latents' size.
CONDITIONING_WIDTHS = (16, 32, 96, 256)
KNOWN_NAMES = ("stable-diffusion-v1-5", "stable-diffusion-v1-4", "v1-5-pruned-emaonly")


class PlaceholderTextEncoder(nn.Module):
    """In place of text model and tokenizer: embeddings and word masks of the right shape.

    They are on the device of the text model, such as the meta device.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.num_tokens = int(model.config.max_position_embeddings)

    def forward(self, prompts) -> EncodedPrompts:
        """Return ones for every prompt."""
        device = next(self.model.parameters()).device
        shape = len(prompts), self.num_tokens
        embedding = torch.ones(*shape, self.model.config.hidden_size, device=device)
        words = torch.ones(shape, dtype=torch.bool, device=device)
        return EncodedPrompts(embedding, words, embedding[:, 0])


def build_meta_encoder(spec: dict, channels: int = 3) -> tuple[ControlNetEncoder, list[str]]:
    """Build the encoder of a config on the meta device; no weights are read.

    Returns the encoder, and sentences that say what had to be assumed.

    spec      a config's `encoder`
    channels  of the control image of a ControlNet whose folder is not here
    """
    options = {k: v for k, v in spec.items() if k not in ("type", "weights", "controlnet")}
    controlnet = spec.get("controlnet")
    listed = controlnet if isinstance(controlnet, list) else [controlnet]
    names = [str(name) for name in listed if name is not None]
    if options.get("condition") is None:
        options["condition"] = [conditioning.guess_kind(name) for name in names] or None

    notes: list[str] = []
    model = _build_meta_model(str(spec["weights"]), names, notes, channels)
    encoder = ControlNetEncoder(model, **options)
    encoder.text_encoder = PlaceholderTextEncoder(model.text_encoder)
    return encoder.to("meta"), notes


def _build_meta_model(
    name: str, controlnet_names: list[str], notes: list[str], channels: int
) -> DiffusionModel:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from transformers import CLIPTextConfig, CLIPTextModel

    components = ("unet", "vae", "text_encoder", "scheduler")
    configs = {component: _read_config(name, component, notes) for component in components}
    text_config = configs["text_encoder"]
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(configs["unet"])
        vae = AutoencoderKL.from_config(configs["vae"])
        text_encoder = CLIPTextModel(CLIPTextConfig(**text_config))
        widths = CONDITIONING_WIDTHS[: len(vae.config.block_out_channels)]
        controlnets = [
            _build_meta_controlnet(controlnet, unet, channels, widths, notes)
            for controlnet in controlnet_names
        ]
    scheduler = DDIMScheduler.from_config(configs["scheduler"], clip_sample=False)
    num_tokens = text_config.get("max_position_embeddings", 77)
    tokenizer = SimpleNamespace(model_max_length=num_tokens)
    return DiffusionModel(unet, controlnets, vae, text_encoder, tokenizer, scheduler)


def _read_config(name: str, component: str, notes: list[str]) -> dict:
    """config.json of a component where the folder is here, else the published one."""
    file = "scheduler_config.json" if component == "scheduler" else "config.json"
    try:
        path = folders.component_folder(name, component) / file
    except WeightsError:
        path = None
    if path is not None and path.is_file():
        return read_json(path)
    if not any(known in name for known in KNOWN_NAMES):
        raise WeightsError(
            f"'{name}' is not here and its architecture is not known; known are "
            f"{', '.join(KNOWN_NAMES)}."
        )
    if component == "unet":
        notes.append(
            f"'{name}' is not here: Stable Diffusion 1.5's published architecture is assumed"
        )
    return dict(SD15[component])


def _build_meta_controlnet(
    name: str, unet: nn.Module, channels: int, widths: tuple[int, ...], notes: list[str]
) -> nn.Module:
    """A ControlNet by its folder's config.json; without a folder, as it follows from the U-Net."""
    from diffusers.models.controlnets.controlnet import ControlNetModel

    if name:
        try:
            config_file = folders.find_folder(name) / "config.json"
        except WeightsError:
            config_file = None
        if config_file is not None and config_file.is_file():
            return ControlNetModel.from_config(read_json(config_file))
        notes.append(f"'{name}' is not here: a ControlNet of the U-Net's architecture is assumed")
    return ControlNetModel.from_unet(
        unet,
        load_weights_from_unet=False,
        conditioning_channels=channels,
        conditioning_embedding_out_channels=widths,
    )
