"""The constructor arguments of a StyleGAN3, from its layers' names, shapes and attributes.

Sampling rates and cutoffs are in no tensor. They are the published ones, or the file is refused:
the sizes in the layers' names and the filters must be those that follow from them.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from gantoolkit.convert import stylegan2
from gantoolkit.core.errors import WeightsError
from gantoolkit.generators.alias_free_synthesis import (
    KERNELS,
    OUTPUT_SCALE,
    design_filters,
    is_radial,
)
from gantoolkit.generators.bands import CRITICAL, Band, make_bands

CLAMP = 256  # of the published layers
MARK = "synthesis.input.freqs"  # a tensor that only a StyleGAN3 has
LAYER = re.compile(r"synthesis\.L(\d+)_(\d+)_(\d+)\.weight")
NOT_PUBLISHED = (
    "This StyleGAN3 has other {what} than the published ones, so it cannot be rendered here."
)


def generator_arch(
    state: dict[str, Tensor], attributes: stylegan2.Attributes | None = None
) -> dict:
    """Return the arch of a StyleGAN3 whose state has NVIDIA's names."""
    attributes = attributes or {}
    *layers, (_, resolution, img_channels) = read_layers(state)
    channels = [width for _, _, width in layers]
    bands = make_bands(resolution, len(layers))
    if [size for _, size, _ in layers] != [band.size for band in bands]:
        raise WeightsError(NOT_PUBLISHED.format(what="sampling rates"))
    variant = read_variant(state, f"synthesis.{_name(layers[0])}")
    check_filters(state, variant, layers, bands)
    check_constants(attributes)

    last_fc = stylegan2.count_mapping_layers(state) - 1
    w_dim = len(state[f"mapping.fc{last_fc}.bias"])
    return {
        "type": "StyleGAN3",
        **stylegan2.mapping_arguments(state, attributes, w_dim),
        "resolution": resolution,
        "variant": variant,
        "channels": channels,
        "img_channels": img_channels,
        "conv_clamp": read_clamp(attributes),
    }


def read_layers(state: dict[str, Tensor]) -> list[tuple[int, int, int]]:
    """Return (index, size, channels) of every layer in order, as its name gives them."""
    matches = [match for key in state if (match := LAYER.fullmatch(key))]
    layers = sorted((int(match[1]), int(match[2]), int(match[3])) for match in matches)
    if [index for index, _, _ in layers] != list(range(len(layers))) or len(layers) <= CRITICAL + 1:
        raise WeightsError("This StyleGAN3 lacks layers of its synthesis network.")
    return layers


def _name(layer: tuple[int, int, int]) -> str:
    index, size, width = layer
    return f"L{index}_{size}_{width}"


def read_variant(state: dict[str, Tensor], first_layer: str) -> str:
    """Return "t" or "r", by the convolutions of the first layer."""
    kernel = state[f"{first_layer}.weight"].shape[-1]
    for variant, side in KERNELS.items():
        if kernel == side:
            return variant
    raise WeightsError(NOT_PUBLISHED.format(what="convolutions"))


def check_filters(
    state: dict[str, Tensor], variant: str, layers: list[tuple[int, int, int]], bands: list[Band]
) -> None:
    """Refuse filters other than those that the layers here would have."""
    before = bands[0]
    for layer, after in zip(layers, bands, strict=True):
        radial = is_radial(variant, layer[0], len(layers))
        designed = design_filters(before, after, radial)
        for name, usual in zip(("up_filter", "down_filter"), designed, strict=True):
            taps = state.get(f"synthesis.{_name(layer)}.{name}")
            is_usual = taps is not None and taps.shape == usual.shape
            if not is_usual or not torch.allclose(taps.float(), usual, atol=1e-5):
                raise WeightsError(NOT_PUBLISHED.format(what="filters"))
        before = after


def check_constants(attributes: stylegan2.Attributes) -> None:
    """Refuse another scale of the image, where the file keeps it."""
    scale = attributes.get("synthesis", {}).get("output_scale", OUTPUT_SCALE)
    if scale != OUTPUT_SCALE:
        raise WeightsError(NOT_PUBLISHED.format(what="scales of the image"))


def read_clamp(attributes: stylegan2.Attributes) -> float | None:
    """Return the limit of the layers' outputs; the published one where none is recorded."""
    layers = [
        values
        for path, values in attributes.items()
        if re.fullmatch(r"synthesis\.L\d+_\d+_\d+", path) and "conv_clamp" in values
    ]
    return stylegan2.shared_attribute(layers, "conv_clamp", "clamp") if layers else CLAMP
