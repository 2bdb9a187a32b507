"""The official generators, imported from checkouts of the user, beside ours at the same weights.

Nothing of those repositories is part of this project. Ours is loaded from the pickle that their own
code writes of the randomly initialized network, so that the converter is part of the comparison.
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

PACKAGES = ("dnnlib", "torch_utils", "training")  # both repositories have these names
PIXEL_STD = 0.5  # standard deviation that random networks are scaled to: that of photos in −1..1

FFHQ_RENDERING = dict(  # ffhq512-128 of EG3D
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
    """Make the packages of one checkout importable, and no others of the same names."""
    forget()
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        forget()


def forget() -> None:
    """Drop the imported modules of a checkout."""
    for name in list(sys.modules):
        if name.split(".")[0] in PACKAGES:
            del sys.modules[name]


def make(case: Case, folder: Path) -> nn.Module:
    """Make their generator with random weights; to be called while `importing(folder)`."""
    torch.manual_seed(0)
    generator = _stylegan2(case) if case.repository == "stylegan2" else _eg3d(case)
    return universe.stir(generator)


def _stylegan2(case: Case) -> nn.Module:
    networks = importlib.import_module("training.networks")
    mapping = dict(num_layers=8)
    synthesis = dict(channel_base=case.channel_base, channel_max=512)
    return networks.Generator(512, 0, 512, case.resolution, 3, mapping, synthesis)


def _eg3d(case: Case) -> nn.Module:
    triplane = importlib.import_module("training.triplane")
    widths = dict(channel_base=case.channel_base, channel_max=512)
    generator = triplane.TriPlaneGenerator(
        512,
        25,
        512,
        case.resolution,
        3,
        sr_num_fp16_res=4,
        mapping_kwargs=dict(num_layers=2),
        sr_kwargs=widths,
        rendering_kwargs=FFHQ_RENDERING,
        num_fp16_res=0,
        conv_clamp=None,
        **widths,
    )
    generator.neural_rendering_resolution = 128
    return generator


def save(network: nn.Module, path: Path) -> None:
    """Write a snapshot as their training does; to be called while `importing` their packages."""
    snapshot = dict(G=None, D=None, G_ema=network, augment_pipe=None, training_set_kwargs=None)
    with path.open("wb") as file:
        pickle.dump(snapshot, file)


def rgb_layers(network: nn.Module) -> list[nn.Module]:
    """Return the layers whose sum is the image."""
    last = getattr(network, "superresolution", network)
    return [module for name, module in last.named_modules() if name.endswith("torgb")]


class Pair(synthesis.Pair):
    """Their generator and ours; `run` renders with "theirs" or "ours"."""

    def __init__(self, case: Case, folder: Path, scratch: Path, device: str):
        from gantoolkit.core.camera import orbit_camera
        from gantoolkit.generators import load_generator

        self.case = case
        self.camera = orbit_camera(0.2).to(device)
        stream = torch.Generator().manual_seed(1)
        size = case.resolution
        self.cotangent = (torch.randn(1, 3, size, size, generator=stream) / size).to(device)
        path = scratch / f"{case.repository}{size}.pkl"
        with importing(folder):
            self.theirs = make(case, folder).to(device)
            z = torch.randn(1, 512, generator=stream).to(device)
            self.ws = self.theirs.mapping(z, self.label()).detach()
            self.scale()
            save(self.theirs.cpu(), path)
            self.theirs.to(device)
        self.generator = load_generator(path).to(device)
        path.unlink()
        self.variants = {"theirs": self.render_theirs, "ours": self.render_ours}

    def label(self) -> torch.Tensor | None:
        """Return the camera as EG3D's label [1,25]; None for a 2D generator."""
        return self.camera.label if self.case.repository == "eg3d" else None

    @torch.no_grad()
    def scale(self) -> None:
        """Scale pixels to the standard deviation of photos, in which RGB layers are linear."""
        factor = PIXEL_STD / float(self.render_theirs(self.ws).std())
        for layer in rgb_layers(self.theirs):
            layer.weight.mul_(factor)
            layer.bias.mul_(factor)

    def render_theirs(self, ws: torch.Tensor) -> torch.Tensor:
        """Render an image [1,3,R,R] by the official code."""
        if self.case.repository == "stylegan2":
            return self.theirs.synthesis(ws, noise_mode="const")
        torch.manual_seed(2)  # of the positions of samples along rays
        return self.theirs.synthesis(ws, self.label(), noise_mode="const")["image"]

    def render_ours(self, ws: torch.Tensor) -> torch.Tensor:
        """Render an image [1,3,R,R] by ours."""
        stream = torch.Generator(ws.device).manual_seed(2)
        return self.generator.render(ws, self.camera, generator=stream).image
