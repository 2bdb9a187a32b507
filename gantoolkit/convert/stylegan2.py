"""The constructor arguments of a StyleGAN2 or its discriminator, from shapes and recorded attributes.

Nothing is assumed: numbers of layers, widths and sizes are those of the tensors, and what no shape shows (learning
rate multiplier, clamp, activation) is read from the layers' attributes where the file keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from torch import Tensor

from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.ops import setup_filter

LR_MUL = 0.01  # learning rate multiplier of the mapping network where nothing names another
Attributes = dict[str, dict]  # path of a module → its plain attributes


def sizes(state: Iterable[str], prefix: str) -> list[int]:
    """The resolutions of the blocks b4, b8, … under `prefix`."""
    found = {int(m[1]) for key in state if (m := re.match(re.escape(prefix) + r"b(\d+)\.", key))}
    expected = [4 << i for i in range(len(found))]
    if sorted(found) != expected or not found:
        raise WeightsError(
            f"This is not StyleGAN2: it has blocks of {sorted(found) or 'no'} pixels."
        )
    return expected


def layers(state: Iterable[str], prefix: str = "mapping.") -> int:
    """The number of fully connected layers of a mapping network."""
    return sum(bool(re.fullmatch(re.escape(prefix) + r"fc\d+\.weight", key)) for key in state)


def same(values: Iterable, what: str):
    """The one value that all layers share; None when none is recorded."""
    found = set(values)
    if len(found) > 1:
        raise WeightsError(
            f"The layers of this network differ in their {what} ({sorted(map(str, found))}), "
            "which no generator here can express."
        )
    return found.pop() if found else None


def generator(state: dict[str, Tensor], attributes: Attributes | None = None) -> dict:
    """arch of a StyleGAN2 whose state has NVIDIA's names."""
    attributes = attributes or {}
    blocks = sizes(state, "synthesis.")
    last = f"synthesis.b{blocks[-1]}"
    count = layers(state)
    w_dim = len(state[f"mapping.fc{count - 1}.bias"])
    arch = {
        "type": "StyleGAN2",
        **mapping(state, attributes, w_dim),
        "resolution": blocks[-1],
        "channels": [len(state[f"synthesis.b{size}.conv1.bias"]) for size in blocks],
        "img_channels": len(state[f"{last}.torgb.bias"]),
    }
    if any(key.startswith(f"{last}.skip.") for key in state):
        arch["architecture"] = "resnet"
    elif len(blocks) > 1 and "synthesis.b4.torgb.bias" not in state:
        arch["architecture"] = "orig"
    convs = [a for path, a in attributes.items() if re.match(r"synthesis\.b\d+\.conv\d$", path)]
    arch["conv_clamp"] = same((a.get("conv_clamp") for a in convs), "clamp")
    check_activation(convs)
    check_filters(state)
    return arch


def mapping(state: dict[str, Tensor], attributes: Attributes, w_dim: int) -> dict:
    """The arguments that concern the mapping network."""
    count, first = layers(state), state["mapping.fc0.weight"]
    embed = state.get("mapping.embed.weight")
    c_dim = 0 if embed is None else embed.shape[1]
    if embed is not None and len(embed) != w_dim:
        raise WeightsError(
            f"The label is embedded in {len(embed)} numbers and w has {w_dim}; they must be equal."
        )
    recorded = [
        attributes[f"mapping.fc{i}"].get("bias_gain")
        for i in range(count)
        if f"mapping.fc{i}" in attributes
    ]
    lr_mul = same(recorded, "learning rate multiplier")
    check_activation(attributes.get(f"mapping.fc{i}", {}) for i in range(count))
    arch = {
        "z_dim": first.shape[1] - (w_dim if c_dim else 0),
        "c_dim": c_dim,
        "w_dim": w_dim,
        "mapping_layers": count,
        "mapping_lr_mul": LR_MUL if lr_mul is None else float(lr_mul),
    }
    if count > 1 and len(first) != w_dim:
        arch["mapping_features"] = len(first)
    return arch


def check_activation(found: Iterable[dict]) -> None:
    """Every layer must have the leaky ReLU of StyleGAN2."""
    other = {a["activation"] for a in found if a.get("activation", "lrelu") != "lrelu"}
    if other:
        raise WeightsError(
            f"This network has the activation {sorted(map(str, other))[0]}; only lrelu is built here."
        )


def check_filters(state: dict[str, Tensor]) -> None:
    """Every resampling filter must be 1-3-3-1, the one that the layers here have."""
    usual = setup_filter()
    for key, value in state.items():
        if key.endswith("resample_filter") and (
            value.shape != usual.shape or not torch.allclose(value.float(), usual, atol=1e-6)
        ):
            raise WeightsError(
                f"{key} is not the filter 1-3-3-1, so this network cannot be drawn here."
            )


def discriminator(
    state: dict[str, Tensor], attributes: Attributes | None = None, dual: bool = False
) -> dict:
    """arch of a StyleGAN2 discriminator, or of EG3D's dual one, whose state has NVIDIA's names."""
    attributes = attributes or {}
    blocks = sizes(state, "")
    top = f"b{blocks[-1]}"
    channels = [
        state["b4.conv.bias"].shape[0],
        *(len(state[f"b{size}.conv0.bias"]) for size in blocks[1:]),
    ]
    arch = {
        "type": "DualDiscriminator" if dual else "Discriminator",
        "resolution": blocks[-1],
        "channels": channels,
        "mapping_layers": layers(state) if "mapping.embed.weight" in state else 8,
    }
    if "mapping.embed.weight" in state:
        arch["c_dim"] = state["mapping.embed.weight"].shape[1]
    else:
        arch["c_dim"] = 0
    if not dual:
        arch["img_channels"] = state[f"{top}.fromrgb.weight"].shape[1]
        skip, resnet = "b4.fromrgb.weight" in state, f"{top}.skip.weight" in state
        arch["architecture"] = "skip" if skip else "resnet" if resnet else "orig"
    arch["mbstd_channels"] = state["b4.conv.weight"].shape[1] - channels[0]
    groups = attributes.get("b4.mbstd", {})
    arch["mbstd_group"] = groups.get("group_size", 4)
    arch["conv_clamp"] = same(
        (
            a.get("conv_clamp")
            for path, a in attributes.items()
            if re.match(r"b\d+\.conv\d?$", path)
        ),
        "clamp",
    )
    check_filters(state)
    return arch
