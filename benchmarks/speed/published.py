"""The official generators, imported from checkouts that the user names, beside ours at the same weights.

Nothing of those repositories is part of this project. Ours is loaded from the pickle that their own code
writes of the randomly initialised network, so that the converter is part of what is compared.
"""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import synthesis
import torch
import universe
from torch import nn

PACKAGES = ("dnnlib", "torch_utils", "training")  # of the same names in both repositories
SPREAD = (
    0.5  # standard deviation of pixels that random networks are scaled to: that of photos in −1..1
)

FACES = dict(  # ffhq512-128 of EG3D
    image_resolution=512,
    disparity_space_sampling=False,
    clamp_mode="softplus",
    c_gen_conditioning_zero=False,
    superresolution_module="training.superresolution.SuperresolutionHybrid8XDC",
    c_scale=1,
    decoder_lr_mul=1,
    superresolution_noise_mode="none",
    sr_antialias=True,
    depth_resolution=48,
    depth_resolution_importance=48,
    ray_start=2.25,
    ray_end=3.3,
    box_warp=1,
    avg_camera_radius=2.7,
    avg_camera_pivot=[0, 0, 0.2],
)


@dataclass(frozen=True)
class Case:
    """A generator of one of the repositories."""

    title: str
    repository: str  # "stylegan2" or "eg3d"
    resolution: int
    channel_base: int


CASES = (
    Case("StyleGAN2 256 px", "stylegan2", 256, 16384),
    Case("StyleGAN2 1024 px", "stylegan2", 1024, 32768),
    Case("EG3D 512 px", "eg3d", 512, 32768),
)


@contextmanager
def importing(folder: Path) -> Iterator[None]:
    """The packages of one checkout; those of another do not get in the way, before or afterwards."""
    forget()
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in PACKAGES]:
        del sys.modules[name]


def make(case: Case, folder: Path) -> nn.Module:
    """Their generator with random weights; to be called while `importing(folder)`."""
    torch.manual_seed(0)
    widths = dict(channel_base=case.channel_base, channel_max=512)
    if case.repository == "stylegan2":
        networks = importlib.import_module("training.networks")
        made = networks.Generator(512, 0, 512, case.resolution, 3, dict(num_layers=8), widths)
    else:
        module = importlib.import_module("training.triplane")
        made = module.TriPlaneGenerator(
            512,
            25,
            512,
            case.resolution,
            3,
            sr_num_fp16_res=4,
            mapping_kwargs=dict(num_layers=2),
            sr_kwargs=widths,
            rendering_kwargs=FACES,
            num_fp16_res=0,
            conv_clamp=None,
            **widths,
        )
        made.neural_rendering_resolution = 128
    return universe.stir(made)


def save(network: nn.Module, path: Path) -> None:
    """As their training loop writes a snapshot; to be called while `importing` their packages."""
    with path.open("wb") as file:
        pickle.dump(
            dict(G=None, D=None, G_ema=network, augment_pipe=None, training_set_kwargs=None), file
        )


def drawing_layers(network: nn.Module) -> list[nn.Module]:
    """The layers whose sum is the picture."""
    part = getattr(network, "superresolution", network)
    return [module for name, module in part.named_modules() if name.endswith("torgb")]


class Pair(synthesis.Pair):
    """Their generator and ours; `run(name, precision, backward)` draws with "theirs" or "ours"."""

    def __init__(self, case: Case, folder: Path, scratch: Path, device: str):
        from gantoolkit.core.camera import orbit_camera
        from gantoolkit.generators import load_generator

        stream, path = (
            torch.Generator().manual_seed(1),
            scratch / f"{case.repository}{case.resolution}.pkl",
        )
        self.case, self.camera = case, orbit_camera(0.2).to(device)
        size = case.resolution
        self.cotangent = (torch.randn(1, 3, size, size, generator=stream) / size).to(device)
        with importing(folder):
            self.theirs = make(case, folder).to(device)
            z = torch.randn(1, 512, generator=stream).to(device)
            self.ws = self.theirs.mapping(z, self.label()).detach()
            self.scale()
            save(self.theirs.cpu(), path)
            self.theirs.to(device)
        self.generator = load_generator(path).to(device)
        path.unlink()
        self.variants = {"theirs": self.draw_theirs, "ours": self.draw_ours}

    def label(self) -> torch.Tensor | None:
        return self.camera.label if self.case.repository == "eg3d" else None

    def scale(self) -> None:
        """Let pixels spread as those of photos do: the layers that draw are linear in their weights."""
        with torch.no_grad():
            factor = SPREAD / float(self.draw_theirs(self.ws).std())
            for layer in drawing_layers(self.theirs):
                layer.weight.mul_(factor)
                layer.bias.mul_(factor)

    def draw_theirs(self, ws: torch.Tensor) -> torch.Tensor:
        if self.case.repository == "stylegan2":
            return self.theirs.synthesis(ws, noise_mode="const")
        torch.manual_seed(2)  # of the positions of samples along rays
        return self.theirs.synthesis(ws, self.label(), noise_mode="const")["image"]

    def draw_ours(self, ws: torch.Tensor) -> torch.Tensor:
        stream = torch.Generator(ws.device).manual_seed(2)
        return self.generator.render(ws, self.camera, generator=stream).image
