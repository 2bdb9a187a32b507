"""The other StyleGAN2 in PyTorch (rosinality's, used by pSp, TediGAN and JoJoGAN) ↔ ours.

Shapes and values are the same but for leading ones; no kernel is flipped.
"""

from __future__ import annotations

import math
import re
from functools import partial

import torch
from torch import Tensor

from gantoolkit.convert import stylegan2
from gantoolkit.convert.attempt import attempt
from gantoolkit.convert.rosinality_discriminator import (
    count_matching,
    discriminator_part,
)
from gantoolkit.convert.rosinality_discriminator import discriminator_names as discriminator_names
from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.weights.state_dict import below

FORMAT = "StyleGAN2 checkpoint of rosinality's form"
LR_MUL = 0.01  # learning rate multiplier of rosinality's mapping network wherever it is built
MEAN_SAMPLES = 1 << 15  # codes whose mean stands in for a latent_avg that the file lacks
ESTIMATED = f"the mean of {MEAN_SAMPLES:,} mapped z, because the file has no latent_avg"
PART_NAMES = {"g_ema": "generator", "g": "raw", "d": "discriminator"}  # key in the file → ours
LAYER_TENSORS = {  # our name in a layer of the synthesis → theirs
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
    "weight": "conv.weight",
    "bias": "activate.bias",
    "noise_strength": "noise.weight",
}
TORGB_TENSORS = {
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
    "weight": "conv.weight",
    "bias": "bias",
}
USED_PREFIXES = ("style.", "conv", "to_rgb", "noises.")  # of a generator's tensors


# -- what a file holds ---------------------------------------------------------------------------


def find_parts(source: Source) -> list[Part] | None:
    """Find g_ema (or g, as JoJoGAN writes), g beside it, and d."""
    parts: list[Part] = []
    average = source.get("latent_avg", "w_mean")
    for key, name in PART_NAMES.items():
        state = source.state(key) if source.get(key) is not None else {}
        if name == "discriminator" and "convs.0.0.weight" in state:
            unmade = Part(name, {}, {}, FORMAT, "Discriminator", is_main=False)
            parts.append(attempt(unmade, partial(discriminator_part, state, FORMAT)))
        elif "input.input" in state:
            own_name = name if parts else "generator"
            unmade = Part(own_name, {}, {}, FORMAT, "Generator", is_main=own_name == "generator")
            make = partial(generator_part, state, average, FORMAT, own_name)
            parts.append(attempt(unmade, make))
    if not parts:
        for _, state in source.locate("input.input"):
            return [generator_part(state, average, FORMAT)]
    return parts or None


def generator_part(
    state: dict[str, Tensor], latent_avg, file_format: str, name: str = "generator"
) -> Part:
    """Convert a generator; a missing latent_avg is estimated from the mapping network."""
    if isinstance(latent_avg, Tensor):
        ours, arch = from_rosinality(state, average_rows(latent_avg))
        facts = {"mean_w": "latent_avg of the file"}
    else:
        ours, arch = from_rosinality(state)
        ours["mapping.w_avg"] = estimate_mean_w(ours, arch)
        facts = {"mean_w": ESTIMATED}

    part = Part(name, arch, ours, file_format, "Generator", facts, is_main=name == "generator")
    used = {key for key in state if key == "input.input" or key.startswith(USED_PREFIXES)}
    part.unused = sorted(state.keys() - used)
    noises = [f"noises.noise_{i}" for i in range(len(_noisy_layers(arch["resolution"])))]
    part.missing = [key for key in noises if key not in state]
    return part


def average_rows(latent_avg: Tensor) -> Tensor:
    """Return the mean code [w_dim]: pSp keeps it once per style."""
    return latent_avg.reshape(-1, latent_avg.shape[-1]).mean(0)


def estimate_mean_w(state: dict[str, Tensor], arch: dict) -> Tensor:
    """Estimate w̄ as the mean of mapped z, drawn with seed 0."""
    from gantoolkit.generators.mapping_network import MappingNetwork

    network = MappingNetwork(arch["z_dim"], 0, arch["w_dim"], None, arch["mapping_layers"], LR_MUL)
    mapping = below(state, "mapping.")
    mapping.pop("w_avg")
    network.load_state_dict(mapping)
    generator = torch.Generator().manual_seed(0)
    means = []
    with torch.no_grad():
        for _ in range(MEAN_SAMPLES // 1024):
            z = torch.randn(1024, arch["z_dim"], generator=generator)
            means.append(network(z).mean(0))
    return torch.stack(means).mean(0)


# -- generators ----------------------------------------------------------------------------------


def _synthesis_layers(resolution: int) -> list[tuple[str, str, dict[str, str]]]:
    """List (our module, their module, names of the tensors) of every layer of the synthesis."""
    layers = [
        ("synthesis.b4.conv1", "conv1", LAYER_TENSORS),
        ("synthesis.b4.torgb", "to_rgb1", TORGB_TENSORS),
    ]
    for i in range(int(math.log2(resolution)) - 2):
        block = f"synthesis.b{8 << i}"
        layers += [
            (f"{block}.conv0", f"convs.{2 * i}", LAYER_TENSORS),
            (f"{block}.conv1", f"convs.{2 * i + 1}", LAYER_TENSORS),
            (f"{block}.torgb", f"to_rgbs.{i}", TORGB_TENSORS),
        ]
    return layers


def _noisy_layers(resolution: int) -> list[str]:
    """List our layers in the order of their `noises.noise_i`."""
    return [ours for ours, _, names in _synthesis_layers(resolution) if names is LAYER_TENSORS]


def from_rosinality(
    state: dict[str, Tensor], latent_avg: Tensor | None = None
) -> tuple[dict, dict]:
    """Return (state dict, arch) of a StyleGAN2 from a rosinality generator.

    Sizes are read from the shapes; without `latent_avg` the mean code is 0.
    """
    if "input.input" not in state:
        raise WeightsError("This is not a rosinality StyleGAN2 generator: it has no 'input.input'.")
    layers = count_matching(state, r"style\.\d+\.weight")
    blocks = count_matching(state, r"to_rgbs\.\d+\.bias")
    resolution = 4 << blocks
    w_dim = len(state[f"style.{layers}.bias"])
    z_dim = state["style.1.weight"].shape[1]
    if z_dim > w_dim:  # z and an embedded label of w_dim numbers
        raise WeightsError(
            f"The mapping network reads {z_dim} numbers and gives {w_dim}; that is z and the "
            "embedding of a label, for which rosinality's form has no place: "
            "convert the file that it was made from."
        )

    ours = {"synthesis.b4.const": state["input.input"][0]}
    for i in range(layers):
        ours[f"mapping.fc{i}.weight"] = state[f"style.{i + 1}.weight"]
        ours[f"mapping.fc{i}.bias"] = state[f"style.{i + 1}.bias"]
    ours["mapping.w_avg"] = torch.zeros(w_dim) if latent_avg is None else latent_avg.reshape(w_dim)
    for module, their_module, names in _synthesis_layers(resolution):
        for name, their_name in names.items():
            value = state[f"{their_module}.{their_name}"]
            ours[f"{module}.{name}"] = _without_leading_ones(name, value)
    for i, module in enumerate(_noisy_layers(resolution)):
        noise = state.get(f"noises.noise_{i}")
        size = int(re.search(r"b(\d+)", module)[1])
        ours[f"{module}.noise_const"] = torch.zeros(size, size) if noise is None else noise[0, 0]

    arch = {
        "type": "StyleGAN2",
        "z_dim": z_dim,
        "w_dim": w_dim,
        "resolution": resolution,
        "channels": [len(ours[f"synthesis.b{4 << i}.conv1.bias"]) for i in range(blocks + 1)],
        "mapping_layers": layers,
    }
    return {key: value.clone() for key, value in ours.items()}, arch


def _without_leading_ones(name: str, value: Tensor) -> Tensor:
    """Return a tensor of a layer in our shape."""
    if name == "weight":
        return value[0]
    if name == "noise_strength":
        return value.reshape([])
    return value.reshape(-1) if name == "bias" else value


def to_rosinality(
    state: dict[str, Tensor], lr_mul: float = LR_MUL
) -> tuple[dict[str, Tensor], Tensor]:
    """Return (generator state dict, latent_avg) in rosinality's names, of an unlabeled StyleGAN2.

    lr_mul  learning rate multiplier of its mapping network. The form has no place for it; weights
            and biases are scaled so that LR_MUL gives the same codes.
    """
    from gantoolkit.networks.ops import setup_filter

    if "mapping.embed.weight" in state:
        raise WeightsError(
            "rosinality's generator knows no labels, so a conditional StyleGAN2 cannot be "
            "written for it."
        )
    resolution = stylegan2.block_sizes(state, "synthesis.")[-1]
    theirs = {"input.input": state["synthesis.b4.const"][None]}
    for key, value in state.items():
        if match := re.fullmatch(r"mapping\.fc(\d+)\.(weight|bias)", key):
            theirs[f"style.{int(match[1]) + 1}.{match[2]}"] = value * (lr_mul / LR_MUL)

    for module, their_module, names in _synthesis_layers(resolution):
        for name, their_name in names.items():
            value = state[f"{module}.{name}"]
            is_torgb = names is TORGB_TENSORS
            theirs[f"{their_module}.{their_name}"] = _with_leading_ones(name, value, is_torgb)
        if module.endswith("conv0"):
            theirs[f"{their_module}.conv.blur.kernel"] = setup_filter() * 4
        elif their_module.startswith("to_rgbs"):
            theirs[f"{their_module}.upsample.kernel"] = setup_filter() * 4
    for i, module in enumerate(_noisy_layers(resolution)):
        theirs[f"noises.noise_{i}"] = state[f"{module}.noise_const"][None, None]
    cloned = {key: value.clone() for key, value in theirs.items()}
    return cloned, state["mapping.w_avg"].clone()


def _with_leading_ones(name: str, value: Tensor, is_torgb: bool) -> Tensor:
    """Return a tensor of a layer in their shape."""
    if name == "weight":
        return value[None]
    if name == "noise_strength":
        return value.reshape(1)
    return value.reshape(1, -1, 1, 1) if is_torgb and name == "bias" else value
