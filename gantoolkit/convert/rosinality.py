"""The other StyleGAN2 in PyTorch (rosinality's, used by pSp, TediGAN and JoJoGAN) ↔ ours.

Shapes and values are the same but for leading ones; no kernel is flipped.
"""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor

from gantoolkit.convert import stylegan2
from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part

FORMAT = "StyleGAN2 checkpoint of rosinality's form"
LR_MUL = 0.01  # learning rate multiplier that rosinality's mapping network has wherever it is built
MEAN_SAMPLES = 1 << 15  # codes whose mean stands in for a latent_avg that the file lacks
LAYER = {
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
    "weight": "conv.weight",
    "bias": "activate.bias",
    "noise_strength": "noise.weight",
}
TORGB = {**{k: v for k, v in LAYER.items() if k != "noise_strength"}, "bias": "bias"}


def parts(source: Source) -> list[Part] | None:
    """g_ema (or g, as JoJoGAN writes), g beside it, and d."""
    found, average = [], source.get("latent_avg", "w_mean")
    for key, name in {"g_ema": "generator", "g": "raw", "d": "discriminator"}.items():
        state = source.state(key) if source.get(key) is not None else {}
        if name == "discriminator" and "convs.0.0.weight" in state:
            new, arch = discriminator(state)
            found.append(Part(name, arch, new, FORMAT, "Discriminator", is_main=False))
        elif "input.input" in state:
            name = "generator" if not found else name
            found.append(generator(state, average, FORMAT, name))
    if not found and "input.input" in source.state():
        found.append(generator(source.state(), average, FORMAT))
    return found or None


def generator(state: dict[str, Tensor], average, form: str, name: str = "generator") -> Part:
    """The generator part; a missing latent_avg is estimated from the mapping network."""
    average = average if isinstance(average, Tensor) else None
    new, arch = from_rosinality(state, None if average is None else one_row(average))
    facts = {"mean_w": "latent_avg of the file"}
    if average is None:
        new["mapping.w_avg"] = estimate_mean(new, arch)
        facts["mean_w"] = (
            f"the mean of {MEAN_SAMPLES:,} mapped z, because the file has no latent_avg"
        )
    used = {
        "input.input",
        *(key for key in state if key.startswith(("style.", "conv", "to_rgb", "noises."))),
    }
    part = Part(name, arch, new, form, "Generator", facts, name == "generator")
    part.unused = sorted(state.keys() - used)
    noises = [f"noises.noise_{i}" for i in range(len(_noises(arch["resolution"])))]
    part.missing = [key for key in noises if key not in state]
    return part


def one_row(average: Tensor) -> Tensor:
    """The mean code [w_dim]: pSp keeps it once per style."""
    return average.reshape(-1, average.shape[-1]).mean(0)


def estimate_mean(state: dict[str, Tensor], arch: dict) -> Tensor:
    """w̄ as the mean of mapped z, drawn with seed 0."""
    from gantoolkit.generators.mapping_network import MappingNetwork

    network = MappingNetwork(arch["z_dim"], 0, arch["w_dim"], None, arch["mapping_layers"], LR_MUL)
    network.load_state_dict({k.removeprefix("mapping."): v for k, v in state.items() if ".fc" in k})
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        means = [
            network(torch.randn(1024, arch["z_dim"], generator=random)).mean(0)
            for _ in range(MEAN_SAMPLES // 1024)
        ]
    return torch.stack(means).mean(0)


def discriminator(state: dict[str, Tensor]) -> tuple[dict, dict]:
    """(state dict, arch) of our Discriminator; sizes are read from the shapes."""
    blocks = sum(bool(re.fullmatch(r"convs\.\d+\.skip\.1\.weight", k)) for k in state)
    new = {}
    for ours, theirs in _discriminator_names(blocks).items():
        if theirs not in state:
            raise WeightsError(f"This discriminator of rosinality's form lacks {theirs}.")
        new[ours] = state[theirs].clone()
    return new, stylegan2.discriminator(new)


def _discriminator_names(blocks: int) -> dict[str, str]:
    """Our name → theirs, of every tensor."""
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
        ours, theirs = f"b{4 << (blocks - i)}", f"convs.{i + 1}"
        names |= {
            f"{ours}.conv0.weight": f"{theirs}.conv1.0.weight",
            f"{ours}.conv0.bias": f"{theirs}.conv1.1.bias",
            f"{ours}.conv1.weight": f"{theirs}.conv2.1.weight",
            f"{ours}.conv1.bias": f"{theirs}.conv2.2.bias",
            f"{ours}.skip.weight": f"{theirs}.skip.1.weight",
        }
    return names


def _modules(resolution: int) -> list[tuple[str, str, dict]]:
    """(our module, their module, names of the tensors) of every layer of the synthesis."""
    found = [("synthesis.b4.conv1", "conv1", LAYER), ("synthesis.b4.torgb", "to_rgb1", TORGB)]
    for i in range(int(math.log2(resolution)) - 2):
        block = f"synthesis.b{8 << i}"
        found += [
            (f"{block}.conv0", f"convs.{2 * i}", LAYER),
            (f"{block}.conv1", f"convs.{2 * i + 1}", LAYER),
            (f"{block}.torgb", f"to_rgbs.{i}", TORGB),
        ]
    return found


def _noises(resolution: int) -> list[str]:
    """Our layers in the order of their `noises.noise_i`."""
    return [ours for ours, _, names in _modules(resolution) if names is LAYER]


def from_rosinality(
    state: dict[str, Tensor], latent_avg: Tensor | None = None
) -> tuple[dict, dict]:
    """(state dict, arch) of a StyleGAN2 from a rosinality generator; sizes are read from the shapes."""
    if "input.input" not in state:
        raise WeightsError("This is not a rosinality StyleGAN2 generator: it has no 'input.input'.")
    layers = sum(bool(re.fullmatch(r"style\.\d+\.weight", k)) for k in state)
    blocks = sum(bool(re.fullmatch(r"to_rgbs\.\d+\.bias", k)) for k in state)
    resolution, z_dim = 4 << blocks, state["style.1.weight"].shape[1]
    new = {"synthesis.b4.const": state["input.input"][0]}
    for i in range(layers):
        new |= {
            f"mapping.fc{i}.{part}": state[f"style.{i + 1}.{part}"] for part in ("weight", "bias")
        }
    w_dim = len(state[f"style.{layers}.bias"])
    new["mapping.w_avg"] = torch.zeros(w_dim) if latent_avg is None else latent_avg.reshape(w_dim)
    for ours, theirs, names in _modules(resolution):
        for name, other in names.items():
            value = state[f"{theirs}.{other}"]
            value = value[0] if name == "weight" else value
            new[f"{ours}.{name}"] = (
                value.reshape([]) if name == "noise_strength" else _flat(name, value)
            )
    for i, ours in enumerate(_noises(resolution)):
        size = int(re.search(r"b(\d+)", ours)[1])
        noise = state.get(f"noises.noise_{i}")
        new[f"{ours}.noise_const"] = torch.zeros(size, size) if noise is None else noise[0, 0]
    arch = {
        "type": "StyleGAN2",
        "z_dim": z_dim,
        "w_dim": w_dim,
        "resolution": resolution,
        "channels": [len(new[f"synthesis.b{4 << i}.conv1.bias"]) for i in range(blocks + 1)],
        "mapping_layers": layers,
    }
    return {k: v.clone() for k, v in new.items()}, arch


def _flat(name: str, value: Tensor) -> Tensor:
    return value.reshape(-1) if name == "bias" else value


def to_rosinality(
    state: dict[str, Tensor], lr_mul: float = LR_MUL
) -> tuple[dict[str, Tensor], Tensor]:
    """(generator state dict, latent_avg) in rosinality's names, from a StyleGAN2 without labels.

    `lr_mul` is the learning rate multiplier of its mapping network. The form has no place for it; weights and biases
    are scaled so that LR_MUL gives the same codes.
    """
    from gantoolkit.networks.ops import setup_filter

    if "mapping.embed.weight" in state:
        raise WeightsError(
            "rosinality's generator knows no labels, so a conditional StyleGAN2 cannot be "
            "written for it."
        )
    resolution = max(int(m[1]) for k in state if (m := re.match(r"synthesis\.b(\d+)\.", k)))
    new = {"input.input": state["synthesis.b4.const"][None]}
    for key, value in state.items():
        if found := re.fullmatch(r"mapping\.fc(\d+)\.(weight|bias)", key):
            new[f"style.{int(found[1]) + 1}.{found[2]}"] = value * (lr_mul / LR_MUL)
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
