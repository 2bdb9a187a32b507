"""The discriminator of rosinality's StyleGAN2 → ours."""

from __future__ import annotations

import re

from torch import Tensor

from gantoolkit.convert import stylegan2
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part


def discriminator_part(state: dict[str, Tensor], file_format: str) -> Part:
    """Convert a discriminator."""
    ours, arch = convert_discriminator(state)
    return Part("discriminator", arch, ours, file_format, "Discriminator", is_main=False)


def convert_discriminator(state: dict[str, Tensor]) -> tuple[dict, dict]:
    """Return (state dict, arch) of our Discriminator; sizes are read from the shapes."""
    blocks = count_matching(state, r"convs\.\d+\.skip\.1\.weight")
    converted = {}
    for ours, theirs in discriminator_names(blocks).items():
        if theirs not in state:
            raise WeightsError(f"This discriminator of rosinality's form lacks {theirs}.")
        converted[ours] = state[theirs].clone()
    return converted, stylegan2.discriminator_arch(converted)


def discriminator_names(blocks: int) -> dict[str, str]:
    """Return our name → theirs of every tensor of a discriminator with so many blocks."""
    top = f"b{4 << blocks}"
    names = {
        f"{top}.fromrgb.weight": "convs.0.0.weight",
        f"{top}.fromrgb.bias": "convs.0.1.bias",
        "b4.conv.weight": "final_conv.0.weight",
        "b4.conv.bias": "final_conv.1.bias",
        "b4.fc.weight": "final_linear.0.weight",
        "b4.fc.bias": "final_linear.0.bias",
        "b4.out.weight": "final_linear.1.weight",
        "b4.out.bias": "final_linear.1.bias",
    }
    for i in range(blocks):
        ours = f"b{4 << (blocks - i)}"
        theirs = f"convs.{i + 1}"
        names |= {
            f"{ours}.conv0.weight": f"{theirs}.conv1.0.weight",
            f"{ours}.conv0.bias": f"{theirs}.conv1.1.bias",
            f"{ours}.conv1.weight": f"{theirs}.conv2.1.weight",
            f"{ours}.conv1.bias": f"{theirs}.conv2.2.bias",
            f"{ours}.skip.weight": f"{theirs}.skip.1.weight",
        }
    return names


def count_matching(state: dict[str, Tensor], pattern: str) -> int:
    """Count the tensors whose name matches wholly."""
    return sum(re.fullmatch(pattern, key) is not None for key in state)
