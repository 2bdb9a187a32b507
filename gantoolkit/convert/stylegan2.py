"""The constructor arguments of a StyleGAN2 or its discriminator, from shapes and attributes.

Nothing is assumed: numbers of layers, widths and sizes are those of the tensors. What no shape
shows (learning rate multiplier, clamp, activation) is read from the layers' attributes where the
file keeps them.
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


def block_sizes(state: Iterable[str], prefix: str) -> list[int]:
    """Return the resolutions of the blocks b4, b8, … under `prefix`."""
    pattern = re.compile(re.escape(prefix) + r"b(\d+)\.")
    sizes = {int(match[1]) for key in state if (match := pattern.match(key))}
    expected = [4 << i for i in range(len(sizes))]
    if sorted(sizes) != expected or not sizes:
        raise WeightsError(
            f"This is not StyleGAN2: it has blocks of {sorted(sizes) or 'no'} pixels."
        )
    return expected


def count_mapping_layers(state: Iterable[str], prefix: str = "mapping.") -> int:
    """Count the fully connected layers of a mapping network."""
    pattern = re.compile(re.escape(prefix) + r"fc\d+\.weight")
    return sum(bool(pattern.fullmatch(key)) for key in state)


def shared_attribute(layers: Iterable[dict], name: str, what: str):
    """Return the one value of an attribute that all layers, given by their attributes, share."""
    return shared_value((layer.get(name) for layer in layers), what)


def shared_value(values: Iterable, what: str):
    """Return the one value that all layers share; None when none is recorded.

    what  named in the error where layers differ
    """
    distinct = set(values)
    if len(distinct) > 1:
        raise WeightsError(
            f"The layers of this network differ in their {what} ({sorted(map(str, distinct))}), "
            "which no generator here can express."
        )
    return distinct.pop() if distinct else None


def generator_arch(state: dict[str, Tensor], attributes: Attributes | None = None) -> dict:
    """Return the arch of a StyleGAN2 whose state has NVIDIA's names."""
    attributes = attributes or {}
    sizes = block_sizes(state, "synthesis.")
    last_block = f"synthesis.b{sizes[-1]}"
    layers = count_mapping_layers(state)
    w_dim = len(state[f"mapping.fc{layers - 1}.bias"])
    arch = {
        "type": "StyleGAN2",
        **mapping_arguments(state, attributes, w_dim),
        "resolution": sizes[-1],
        "channels": [len(state[f"synthesis.b{size}.conv1.bias"]) for size in sizes],
        "img_channels": len(state[f"{last_block}.torgb.bias"]),
    }
    if any(key.startswith(f"{last_block}.skip.") for key in state):
        arch["architecture"] = "resnet"
    elif len(sizes) > 1 and "synthesis.b4.torgb.bias" not in state:
        arch["architecture"] = "orig"

    convs = _attributes_matching(attributes, r"synthesis\.b\d+\.conv\d")
    arch["conv_clamp"] = shared_attribute(convs, "conv_clamp", "clamp")
    check_activation(convs)
    check_filters(state)
    return arch


def mapping_arguments(state: dict[str, Tensor], attributes: Attributes, w_dim: int) -> dict:
    """Return the arguments that concern the mapping network."""
    layers = count_mapping_layers(state)
    first_layer = state["mapping.fc0.weight"]
    embed = state.get("mapping.embed.weight")
    c_dim = 0 if embed is None else embed.shape[1]
    if embed is not None and len(embed) != w_dim:
        raise WeightsError(
            f"The label is embedded in {len(embed)} numbers and w has {w_dim}; they must be equal."
        )

    recorded_z = attributes.get("mapping", {}).get("z_dim")
    if embed is None and recorded_z is None and first_layer.shape[1] == 2 * w_dim:
        raise WeightsError(
            f"The mapping network reads {2 * w_dim} numbers, z and an embedded label, and the "
            "embedding (mapping.embed) is not in the file: convert the one that it was made from."
        )
    recorded = _attributes_matching(attributes, r"mapping\.fc\d+")
    lr_mul = shared_attribute(recorded, "bias_gain", "learning rate multiplier")
    check_activation(recorded)
    arguments = {
        "z_dim": first_layer.shape[1] - (w_dim if c_dim else 0),
        "c_dim": c_dim,
        "w_dim": w_dim,
        "mapping_layers": layers,
        "mapping_lr_mul": LR_MUL if lr_mul is None else float(lr_mul),
    }
    if layers > 1 and len(first_layer) != w_dim:
        arguments["mapping_features"] = len(first_layer)
    return arguments


def discriminator_arch(
    state: dict[str, Tensor], attributes: Attributes | None = None, is_dual: bool = False
) -> dict:
    """Return the arch of a StyleGAN2 discriminator, or of EG3D's dual one, with NVIDIA's names."""
    attributes = attributes or {}
    sizes = block_sizes(state, "")
    top = f"b{sizes[-1]}"
    first_channels = state["b4.conv.bias"].shape[0]
    channels = [first_channels, *(len(state[f"b{size}.conv0.bias"]) for size in sizes[1:])]
    embed = state.get("mapping.embed.weight")
    arch = {
        "type": "DualDiscriminator" if is_dual else "Discriminator",
        "resolution": sizes[-1],
        "channels": channels,
        "mapping_layers": 8 if embed is None else count_mapping_layers(state),
        "c_dim": 0 if embed is None else embed.shape[1],
    }
    if not is_dual:
        arch["img_channels"] = state[f"{top}.fromrgb.weight"].shape[1]
        arch["architecture"] = _discriminator_architecture(state, top)
    arch["mbstd_channels"] = state["b4.conv.weight"].shape[1] - first_channels
    arch["mbstd_group"] = attributes.get("b4.mbstd", {}).get("group_size", 4)
    convs = _attributes_matching(attributes, r"b\d+\.conv\d?")
    arch["conv_clamp"] = shared_attribute(convs, "conv_clamp", "clamp")
    check_filters(state)
    return arch


def _discriminator_architecture(state: dict[str, Tensor], top: str) -> str:
    if "b4.fromrgb.weight" in state:
        return "skip"
    return "resnet" if f"{top}.skip.weight" in state else "orig"


def _attributes_matching(attributes: Attributes, pattern: str) -> list[dict]:
    """Return the attributes of the modules whose path matches wholly."""
    return [values for path, values in attributes.items() if re.fullmatch(pattern, path)]


def check_activation(layers: Iterable[dict]) -> None:
    """Refuse layers, given by their attributes, without the leaky ReLU of StyleGAN2."""
    activations = {layer.get("activation", "lrelu") for layer in layers}
    others = sorted(map(str, activations - {"lrelu"}))
    if others:
        raise WeightsError(
            f"This network has the activation {others[0]}; only lrelu is built here."
        )


def check_filters(state: dict[str, Tensor]) -> None:
    """Refuse resampling filters other than 1-3-3-1, the one that the layers here have."""
    usual = setup_filter()
    for key, value in state.items():
        if not key.endswith("resample_filter"):
            continue
        if value.shape != usual.shape or not torch.allclose(value.float(), usual, atol=1e-6):
            raise WeightsError(
                f"{key} is not the filter 1-3-3-1, so this network cannot be rendered here."
            )
