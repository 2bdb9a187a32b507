"""Generators and losses on the meta device: tensors with shapes but without numbers.

They have the architecture of their files, or the published one where a file is not here.
"""

from __future__ import annotations

import warnings
from collections.abc import Sized
from typing import Any

import torch
from torch import nn

from gantoolkit import weights
from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.generators import build_generator
from gantoolkit.losses.identity import Identity
from gantoolkit.networks.arcface import irse50
from gantoolkit.registry import registry

PUBLISHED = {  # published weights → architecture, where the file is not here
    "eg3d-ffhq": dict(type="EG3D"),
    "eg3d-ffhq-rebalanced": dict(type="EG3D"),
    "stylegan2-ffhq": dict(type="StyleGAN2"),
    "stylegan2-ffhq-rosinality": dict(type="StyleGAN2"),
    "stylegan3-t-ffhq": dict(type="StyleGAN3"),
    "stylegan3-r-ffhq": dict(type="StyleGAN3", variant="r"),
    "stylegan3-t-ffhqu-256": dict(type="StyleGAN3", resolution=256, channel_base=16384),
}


def generator(name: str, notes: list[str]) -> nn.Module:
    """Build the generator `name`; what had to be assumed is added to `notes`."""
    try:
        arch = weights.architecture(weights.resolve(name))
    except GantoolkitError:
        arch = {}
    if not arch:
        arch = PUBLISHED.get(name)
        if arch is None:
            raise UsageError(
                f"The generator '{name}' is not here and its architecture is not known; convert "
                f"it first, or use one of {', '.join(PUBLISHED)}."
            )
        notes.append(
            f"'{name}' is not here: the published architecture is assumed; gantoolkit weights get "
            f"{name}"
        )
    with torch.device("meta"):
        return build_generator(arch, name).eval().requires_grad_(False)


def loss(name: str, spec: dict[str, Any], notes: list[str]) -> nn.Module:
    """Build the loss `name` of a config; what is not here is added to `notes`."""
    network = spec.get("network")
    if network and not _is_here(network):
        notes.append(
            f"'{network}' of the loss '{name}' is not here; gantoolkit weights get {network}"
        )
        if spec["type"] == "Identity":
            arguments = {key: value for key, value in spec.items() if key != "type"}
            with torch.device("meta"):
                return _PublishedIdentity(**arguments)
        if spec["type"] != "LPIPS":
            raise UsageError(
                f"The network '{network}' of the loss '{name}' is not here and its architecture "
                "is not known."
            )
        spec = dict(spec, network="random")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lpips builds its trunk in torchvision's old way
        return registry.build("loss", spec).to("meta")


class _PublishedIdentity(Identity):
    """The identity loss through the published IR-SE50, untrained."""

    def _load(self, network: str) -> nn.Module:
        return irse50().eval().requires_grad_(False)


class Embeddings:
    """Embeddings of the right shape, as if they were cached."""

    def __init__(self, terms: dict[str, nn.Module], device: str | torch.device = "meta"):
        self.terms = terms
        self.device = device

    def read(self, name: str, target: str, rows: Sized, steps: int = -1) -> torch.Tensor:
        """Return as many embeddings as there are rows, all of ones."""
        shape = self.terms[name].embedded_shape
        return torch.ones(len(rows), *shape, device=self.device)


def _is_here(name: str) -> bool:
    try:
        weights.resolve(name)
    except GantoolkitError:
        return False
    return True
