"""What images are compared by: features of the generator's own discriminator, or of a perceptual trunk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import networks, weights
from gantoolkit.core.errors import UsageError
from gantoolkit.generators import load_state
from gantoolkit.registry import plugins, registry

KIND = "Discriminator"


class Matching(nn.Module):
    """L = mean over levels of the mean |φ^n(a) − φ^n(b)| (JoJoGAN) + pixels · mean |a − b|.

    The paper has no term of pixels. Recognisers are trained to ignore colours, unlike discriminators, so that
    a trunk alone leaves them undecided.
    """

    def __init__(self, network: nn.Module, pixels: float = 0.0):
        super().__init__()
        self.network, self.pixels = network.eval().requires_grad_(False), pixels

    @torch.no_grad()
    def wanted(self, images: Tensor) -> list[Tensor]:
        """The images [B,3,R,R] in −1..1 and their features, to be compared with."""
        return [images.float(), *(found.float() for found in self.network.features(images))]

    def forward(self, images: Tensor, wanted: Sequence[Tensor]) -> dict[str, Tensor]:
        """The terms, averaged over the batch."""
        found = self.network.features(images)
        levels = [(a.float() - b).abs().mean() for a, b in zip(found, wanted[1:], strict=True)]
        terms = {"features": sum(levels) / len(levels)}
        return (
            terms | {"pixels": self.pixels * (images - wanted[0]).abs().mean()}
            if self.pixels
            else terms
        )


def find(generator: str, features: str, trunk: str, resolution: int) -> tuple[nn.Module, str, str]:
    """(network, its weights name, a sentence that says which it is).

    features  'auto': the discriminator in the generator's file, else `trunk`; or a file or weights name
    """
    source = generator if features == "auto" else features
    network = discriminator(source)
    if network is not None:
        if network.resolution != resolution:
            raise UsageError(
                f"The discriminator in {source} sees {network.resolution} px and the generator "
                f"draws {resolution} px; give the one that it was trained with."
            )
        whose = "the generator's own discriminator"
        whose = whose if features == "auto" else f"the discriminator in {features}"
        return network, source, f"Images are compared by features of {whose}."
    name = trunk if features == "auto" else features
    network = networks.load(name)
    if not hasattr(network, "features"):
        raise UsageError(
            f"{name} holds a {type(network).__name__}, which has no features to compare; "
            "give a discriminator, or the trunk 'parser'."
        )
    why = f", because {generator} ships no discriminator" if features == "auto" else ""
    return (
        network,
        name,
        f"Images are compared by features of '{name}' ({type(network).__name__}){why}.",
    )


def discriminator(source: str) -> nn.Module | None:
    """The discriminator in a weights file or a foreign checkpoint; None where there is none."""
    path = weights.resolve(source)
    if path.is_dir():
        return None
    if "arch" in weights.header(path):
        state, arch, _ = weights.load(path)
    else:
        state, arch = _part(path)
    if arch.get("type") != KIND:
        return None
    network = registry.build("network", arch)
    load_state(network, state, source)
    return network


def _part(path: Path) -> tuple[dict, dict]:
    """(state, arch) of the discriminator in a checkpoint of another project; ({}, {}) where it holds none."""
    for part in plugins.hooks().convert_checkpoint(path=path) or ():
        if part.arch.get("type") == KIND:
            return part.state, part.arch
    return {}, {}
