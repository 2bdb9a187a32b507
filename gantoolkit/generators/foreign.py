"""Names of the other StyleGAN2 in PyTorch (rosinality's, used by pSp, TediGAN and JoJoGAN) ↔ ours.

Shapes and values are the same but for leading ones; no kernel is flipped.
"""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor

from gantoolkit.errors import WeightsError

LAYER = {"affine.weight": "conv.modulation.weight", "affine.bias": "conv.modulation.bias",
         "weight": "conv.weight", "bias": "activate.bias", "noise_strength": "noise.weight"}
TORGB = {**{k: v for k, v in LAYER.items() if k != "noise_strength"}, "bias": "bias"}


def _modules(resolution: int) -> list[tuple[str, str, dict]]:
    """(our module, their module, names of the tensors) of every layer of the synthesis."""
    found = [("synthesis.b4.conv1", "conv1", LAYER), ("synthesis.b4.torgb", "to_rgb1", TORGB)]
    for i in range(int(math.log2(resolution)) - 2):
        block = f"synthesis.b{8 << i}"
        found += [(f"{block}.conv0", f"convs.{2 * i}", LAYER),
                  (f"{block}.conv1", f"convs.{2 * i + 1}", LAYER),
                  (f"{block}.torgb", f"to_rgbs.{i}", TORGB)]
    return found


def _noises(resolution: int) -> list[str]:
    """Our layers in the order of their `noises.noise_i`."""
    return [ours for ours, _, names in _modules(resolution) if names is LAYER]


def from_rosinality(state: dict[str, Tensor], latent_avg: Tensor | None = None) -> tuple[dict, dict]:
    """(state dict, arch) of a StyleGAN2 from a rosinality generator; sizes are read from the shapes."""
    if "input.input" not in state:
        raise WeightsError("This is not a rosinality StyleGAN2 generator: it has no 'input.input'.")
    layers = sum(bool(re.fullmatch(r"style\.\d+\.weight", k)) for k in state)
    blocks = sum(bool(re.fullmatch(r"to_rgbs\.\d+\.bias", k)) for k in state)
    resolution, z_dim = 4 << blocks, state["style.1.weight"].shape[1]
    new = {"synthesis.b4.const": state["input.input"][0]}
    for i in range(layers):
        new |= {f"mapping.fc{i}.{part}": state[f"style.{i + 1}.{part}"] for part in ("weight", "bias")}
    w_dim = len(state[f"style.{layers}.bias"])
    new["mapping.w_avg"] = torch.zeros(w_dim) if latent_avg is None else latent_avg.reshape(w_dim)
    for ours, theirs, names in _modules(resolution):
        for name, other in names.items():
            value = state[f"{theirs}.{other}"]
            value = value[0] if name == "weight" else value
            new[f"{ours}.{name}"] = value.reshape([]) if name == "noise_strength" else _flat(name, value)
    for i, ours in enumerate(_noises(resolution)):
        size = int(re.search(r"b(\d+)", ours)[1])
        noise = state.get(f"noises.noise_{i}")
        new[f"{ours}.noise_const"] = torch.zeros(size, size) if noise is None else noise[0, 0]
    arch = {"type": "StyleGAN2", "z_dim": z_dim, "w_dim": w_dim, "resolution": resolution,
            "channels": [len(new[f"synthesis.b{4 << i}.conv1.bias"]) for i in range(blocks + 1)],
            "mapping_layers": layers}
    return {k: v.clone() for k, v in new.items()}, arch


def _flat(name: str, value: Tensor) -> Tensor:
    return value.reshape(-1) if name == "bias" else value


def to_rosinality(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
    """(generator state dict, latent_avg) in rosinality's names, from a StyleGAN2 without labels."""
    from gantoolkit.networks.ops import setup_filter

    if "mapping.embed.weight" in state:
        raise WeightsError("rosinality's generator knows no labels, so a conditional StyleGAN2 cannot be "
                           "written for it.")
    resolution = max(int(m[1]) for k in state if (m := re.match(r"synthesis\.b(\d+)\.", k)))
    new = {"input.input": state["synthesis.b4.const"][None]}
    for key, value in state.items():
        if found := re.fullmatch(r"mapping\.fc(\d+)\.(weight|bias)", key):
            new[f"style.{int(found[1]) + 1}.{found[2]}"] = value
    for ours, theirs, names in _modules(resolution):
        for name, other in names.items():
            value = state[f"{ours}.{name}"]
            shape = {"weight": (1, *value.shape), "noise_strength": (1,)}.get(name, value.shape)
            shape = (1, len(value), 1, 1) if names is TORGB and name == "bias" else shape
            new[f"{theirs}.{other}"] = value.reshape(shape)
        if ours.endswith("conv0"):
            new[f"{theirs}.conv.blur.kernel"] = setup_filter() * 4
        elif theirs.startswith("to_rgbs"):
            new[f"{theirs}.upsample.kernel"] = setup_filter() * 4
    for i, ours in enumerate(_noises(resolution)):
        new[f"noises.noise_{i}"] = state[f"{ours}.noise_const"][None, None]
    return {k: v.clone() for k, v in new.items()}, state["mapping.w_avg"].clone()
