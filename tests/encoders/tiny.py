"""An untrained latent diffusion model of a few thousand parameters, in memory or as folders."""

from pathlib import Path

import gantoolkit.core.compat  # noqa: F401

import torch

from gantoolkit.core.types import Condition
from gantoolkit.encoders.diffusion_model import DiffusionModel
from gantoolkit.encoders.folders import save_component
from gantoolkit.encoders.mmface_model import MMFaceModel
from gantoolkit.networks.dual_stream_dit import DualStreamDiT
from gantoolkit.networks.tokenizer import train_tokenizer
from gantoolkit.networks.towers import text_model
from gantoolkit.tasks.diffusion.controlnet import new_controlnet
from gantoolkit.tasks.diffusion.diffusion import ddim_scheduler, new_unet
from gantoolkit.tasks.diffusion.vae import new_autoencoder

CAPTIONS = ["a woman with black hair", "a bald man who smiles", "blond hair and a hat"]


def spread(module, seed=0, scale=0.15):
    """Move every parameter away from its start (zero layers would hide most of the network)."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=g) * scale)
    return module.eval().requires_grad_(False)


def parts(channels=19, layers=1, seed=0):
    """32 px images, latents [4,8,8], three levels, N = 2 up blocks, K = layers + 1 attentions."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(CAPTIONS * 3, vocab_size=560, max_length=24)
    text = spread(text_model(tokenizer, width=16, layers=1, heads=2), seed, 0.02)
    denoiser = spread(new_unet(4, 8, (16, 24, 32), layers, 2, 8, 16), seed)
    control = spread(new_controlnet(denoiser, channels, (8, 8, 8)), seed + 1)
    vae = spread(new_autoencoder((8, 8, 8), 1, 4, 4, 32), seed, 0.02)
    return DiffusionModel(denoiser, control, vae, text, tokenizer, ddim_scheduler())


def mmface_parts(objective="flow"):
    """A transformer of four blocks on the same VAE and text model."""
    torch.manual_seed(0)
    model = parts()
    dit = spread(DualStreamDiT(4, 32, 4, 2, 2, 16), 0, 0.1)
    return MMFaceModel(dit, model.vae, model.text_encoder, model.tokenizer, objective, 32)


def condition(count=3, channels=19, seeds=None):
    """Prompts (the last one empty) with random masks or scribbles of 32 px."""
    g = torch.Generator().manual_seed(5)
    texts = tuple([*CAPTIONS, ""][(i if i < count - 1 else 3) % 4] for i in range(count))
    labels = (
        torch.randint(19, (count, 8, 8), generator=g)
        .repeat_interleave(4, 1)
        .repeat_interleave(4, 2)
    )
    mask = torch.nn.functional.one_hot(labels, 19).permute(0, 3, 1, 2).float()
    scribble = (torch.rand(count, 1, 32, 32, generator=g) > 0.9).float()
    seed = torch.arange(count) + 7 if seeds is None else torch.tensor(seeds)
    return Condition(
        texts, mask if channels != 1 else None, scribble if channels != 19 else None, seed=seed
    )


def write(folder: Path, all_parts: DiffusionModel) -> Path:
    """The folders FOLDER/diffusion and FOLDER/controlnet in diffusers' layout, float32."""
    for name in ("unet", "vae", "scheduler", "tokenizer"):
        save_component(getattr(all_parts, name), folder / "diffusion", name, half=False)
    save_component(all_parts.text_encoder, folder / "diffusion", "text_encoder", half=False)
    save_component(all_parts.controlnet, folder, "controlnet", half=False)
    return folder
