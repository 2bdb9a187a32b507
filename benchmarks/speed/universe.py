"""The networks that are timed: the zoo's where present, else the recipe's with random weights."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path

import torch
from torch import nn

from gantoolkit import weights
from gantoolkit.config import loader
from gantoolkit.core.errors import WeightsError
from gantoolkit.data.face_zip import FaceZip

DATA = "val"  # the smaller of the two embedded data sets: what is drawn does not matter here


class Universe:
    """Give weights by name; stand-ins with random weights are written into `folder`.

    origins  weights name → 'zoo' or 'random', of all that were asked for
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.origins: dict[str, str] = {}

    def name(self, name: str) -> str:
        """Return the weights' own name, or the path of a stand-in of the same architecture."""
        if name not in self.origins:
            self.origins[name] = "zoo" if is_present(name) else "random"
            if self.origins[name] == "random":
                torch.manual_seed(0)
                MAKERS[name](self, self.folder / name)
        return name if self.origins[name] == "zoo" else str(self.folder / name)


def is_present(name: str) -> bool:
    """Whether the file of a weights name is there."""
    try:
        return weights.resolve(name).exists()
    except WeightsError:
        return False


def recipe(name: str) -> dict:
    """Return the arguments of the task of configs/pretrain/NAME.py, defaults included."""
    from gantoolkit.registry.registry import get

    values = loader.load_config(f"configs/pretrain/{name}.py").to_dict()
    task = get("task", values["task"])
    known = inspect.signature(task.config_class or task).parameters.values()
    return {a.name: values.get(a.name, a.default) for a in known}


def stir(module: nn.Module, scale: float = 0.05) -> nn.Module:
    """Move what starts at zero (noise strengths, biases), so that comparisons see all of it."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * scale)
    return module.eval().requires_grad_(False)


def make_generator(universe: Universe, path: Path, name: str) -> None:
    """Make an EG3D or StyleGAN2 as its recipe says."""
    arch = {"resolution": FaceZip(DATA).resolution, **recipe(name)["generator"]}
    save(random_generator(arch), arch, path)


def random_generator(arch: dict) -> nn.Module:
    """Make a frozen generator with random weights, whose w̄ is the mean of its mapping."""
    from gantoolkit.generators import build_generator

    torch.manual_seed(0)
    generator = stir(build_generator(arch))
    with torch.no_grad():
        generator.mean_w.copy_(generator.mapping(torch.randn(256, generator.z_dim))[:, 0].mean(0))
    return generator


def make_arcface(universe: Universe, path: Path) -> None:
    """Make an ArcFace as its recipe says."""
    from gantoolkit.networks.arcface import ArcFace

    face = ArcFace(**recipe("arcface")["network"])
    save(stir(face), face.arch, path)


def make_parser(universe: Universe, path: Path) -> None:
    """Make a face parser as its recipe says."""
    from gantoolkit.networks.face_parser import FaceParser

    parser = FaceParser(**recipe("parser")["network"])
    save(stir(parser), parser.arch, path)


def save(module: nn.Module, arch: dict, path: Path) -> None:
    """Write a module's weights file."""
    weights.save(path, module.state_dict(), arch)


def make_diffusion(universe: Universe, path: Path) -> None:
    """Make U-Net, autoencoder, text tower and tokenizer as their recipes say."""
    from transformers.utils import logging

    from gantoolkit.encoders.folders import save_component
    from gantoolkit.networks.tokenizer import train_tokenizer
    from gantoolkit.networks.towers import text_model
    from gantoolkit.tasks.diffusion.diffusion import ddim_scheduler, new_unet
    from gantoolkit.tasks.diffusion.vae import new_autoencoder

    logging.disable_progress_bar()
    data = FaceZip(DATA)
    towers, vae, diffusion = recipe("towers"), recipe("vae"), recipe("diffusion")

    captions = [captions[0] for captions in data.captions]
    tokenizer = train_tokenizer(captions, towers["vocab_size"], towers["max_length"])
    text_tower = text_model(tokenizer, towers["width"], towers["layers"], towers["heads"])
    autoencoder = new_autoencoder(
        vae["widths"], vae["layers"], vae["latent_channels"], vae["groups"], data.resolution
    )
    latent_size = data.resolution // 2 ** (len(vae["widths"]) - 1)
    unet = new_unet(
        vae["latent_channels"],
        latent_size,
        diffusion["widths"],
        diffusion["layers"],
        diffusion["heads"],
        diffusion["groups"],
        towers["width"],
    )
    for network, name in ((text_tower, "text_encoder"), (autoencoder, "vae"), (unet, "unet")):
        save_component(stir(network, 0.01), path, name)
    save_component(tokenizer, path, "tokenizer")
    save_component(ddim_scheduler(), path, "scheduler")


def make_controlnet(universe: Universe, path: Path) -> None:
    """Make a ControlNet for masks as its recipe says."""
    from gantoolkit.encoders.folders import load_unet, save_component
    from gantoolkit.tasks.diffusion.controlnet import CHANNELS, new_controlnet

    values = recipe("controlnet_mask")
    levels = len(recipe("vae")["widths"]) - 1
    widths = values["widths"] or (16, *[32] * levels)
    unet = load_unet(universe.name("diffusion"))
    controlnet = new_controlnet(unet, CHANNELS[values["condition"]], widths)
    save_component(stir(controlnet, 0.01), path)


MAKERS = {
    "arcface": make_arcface,
    "parser": make_parser,
    "diffusion": make_diffusion,
    "controlnet-mask": make_controlnet,
    **{name: partial(make_generator, name=name) for name in ("eg3d", "stylegan2")},
}
