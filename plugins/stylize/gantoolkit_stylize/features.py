"""What images are compared by: features of the generator's own discriminator, or of a trunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from gantoolkit import networks, weights
from gantoolkit.core.errors import UsageError
from gantoolkit.generators import load_state
from gantoolkit.registry import plugins, registry

DISCRIMINATOR = "Discriminator"


class FeatureMatching(nn.Module):
    """Compare images by features of a network, and by pixels.

    L = mean over levels n of the mean |φ^n(a) − φ^n(b)| (JoJoGAN) + pixels · mean |a − b|

    The paper has no term of pixels. Unlike discriminators, recognizers are trained to ignore
    colors, so a trunk by itself leaves them undecided.

    network  φ: a module with `features`
    pixels   weight of the second term
    """

    def __init__(self, network: nn.Module, pixels: float = 0.0):
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.pixels = pixels

    @torch.no_grad()
    def prepare(self, images: Tensor) -> list[Tensor]:
        """Return the images [B,3,R,R] in −1..1 and their features, to be compared with."""
        features = [level.float() for level in self.network.features(images)]
        return [images.float(), *features]

    def forward(self, images: Tensor, target: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the terms against a prepared target, averaged over the batch."""
        target_images, *target_features = target
        distances = []
        for level, target_level in zip(self.network.features(images), target_features, strict=True):
            distances.append((level.float() - target_level).abs().mean())
        terms = {"features": sum(distances) / len(distances)}
        if self.pixels:
            terms["pixels"] = self.pixels * (images - target_images).abs().mean()
        return terms


@dataclass(frozen=True)
class FeatureNetwork:
    """The network that images are compared by."""

    network: nn.Module
    name: str  # of its weights
    sentence: str  # that says which it is


def load_features(generator: str, features: str, trunk: str, resolution: int) -> FeatureNetwork:
    """Load the network that images are compared by.

    generator   weights name or file of the generator
    features    'auto': the discriminator in the generator's file, else `trunk`; or a file or name
    trunk       weights name or file of a network with perceptual features
    resolution  of the generator
    """
    is_auto = features == "auto"
    source = generator if is_auto else features
    discriminator = load_discriminator(source)
    if discriminator is not None:
        if discriminator.resolution != resolution:
            raise UsageError(
                f"The discriminator in {source} sees {discriminator.resolution} px and the "
                f"generator draws {resolution} px; give the one that it was trained with."
            )
        whose = f"the discriminator in {features}"
        if is_auto:
            whose = "the generator's own discriminator"
        sentence = f"Images are compared by features of {whose}."
        return FeatureNetwork(discriminator, source, sentence)

    name = trunk if is_auto else features
    network = networks.load(name)
    kind = type(network).__name__
    if not hasattr(network, "features"):
        raise UsageError(
            f"{name} holds a {kind}, which has no features to compare; "
            "give a discriminator, or the trunk 'parser'."
        )
    reason = f", because {generator} ships no discriminator" if is_auto else ""
    sentence = f"Images are compared by features of '{name}' ({kind}){reason}."
    return FeatureNetwork(network, name, sentence)


def load_discriminator(source: str) -> nn.Module | None:
    """Load the discriminator in a weights file or foreign checkpoint; None where there is none."""
    path = weights.resolve(source)
    if path.is_dir():
        return None
    if "arch" in weights.header(path):
        state, arch, _ = weights.load(path)
    else:
        state, arch = _convert_discriminator(path)
    if arch.get("type") != DISCRIMINATOR:
        return None
    network = registry.build("network", arch)
    load_state(network, state, source)
    return network


def _convert_discriminator(path: Path) -> tuple[dict, dict]:
    """Return (state, arch) of the discriminator in another project's checkpoint; ({}, {}) else."""
    for network in plugins.hooks().convert_checkpoint(path=path) or ():
        if network.arch.get("type") == DISCRIMINATOR:
            return network.state, network.arch
    return {}, {}
