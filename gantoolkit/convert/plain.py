"""State dicts whose names are NVIDIA's (and ours); their metadata may keep what no tensor shows."""

from __future__ import annotations

import json
import math

from gantoolkit.convert import stylegan2, stylegan3
from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part

FORMAT = "state dict with NVIDIA's names"
NOT_RECORDED = "not in the file; as in configs without fp16 layers"
AS_PUBLISHED = "not in the file; as published"


def find_parts(source: Source) -> list[Part] | None:
    """Find a StyleGAN2, as `gantoolkit weights export --to nvidia` writes it, or a StyleGAN3."""
    for prefix, state in source.locate("synthesis.b4.const"):
        is_backbone = prefix.endswith("backbone.")  # of an EG3D
        if "mapping.fc0.weight" in state and not is_backbone:
            attributes, origin = read_attributes(state, source.metadata.get("init_kwargs"))
            arch = stylegan2.generator_arch(state, attributes)
            facts = {"clamp and learning rate": origin}
            return [Part("generator", arch, state, FORMAT, "Generator", facts)]
    for _, state in source.locate(stylegan3.MARK):
        if "mapping.fc0.weight" in state:
            arch = stylegan3.generator_arch(state)
            facts = {"clamp and learning rate": AS_PUBLISHED}
            return [Part("generator", arch, state, FORMAT, "Generator", facts)]
    return None


def read_attributes(state: dict, init_kwargs: str | None) -> tuple[stylegan2.Attributes, str]:
    """Return (what layers built with these arguments would carry, where it is from in words).

    init_kwargs  of NVIDIA's Generator, as JSON; None: unknown
    """
    if init_kwargs is None:
        return {}, NOT_RECORDED
    arguments = _check_dict(json.loads(init_kwargs))
    mapping = _check_dict(arguments.get("mapping_kwargs"))
    synthesis = _check_dict(arguments.get("synthesis_kwargs"))
    lr_mul = _check_positive(mapping, "lr_multiplier", stylegan2.LR_MUL)
    conv_clamp = _check_positive(synthesis, "conv_clamp", None)
    fc = {"bias_gain": lr_mul, "activation": mapping.get("activation", "lrelu")}
    conv = {"conv_clamp": conv_clamp, "activation": synthesis.get("activation", "lrelu")}

    attributes = {f"mapping.fc{i}": fc for i in range(stylegan2.count_mapping_layers(state))}
    attributes["mapping"] = {"z_dim": arguments.get("z_dim")}
    for key in state:
        if key.endswith(".affine.weight"):
            attributes[key.removesuffix(".affine.weight")] = conv
    clamp = "none" if conv_clamp is None else f"±{conv_clamp:g}"
    return attributes, f"{clamp} and {lr_mul:g}, from the file's init_kwargs"


def _check_dict(value) -> dict:
    if not isinstance(value, dict | None):
        raise WeightsError(
            "The init_kwargs in its metadata are not the arguments of NVIDIA's Generator."
        )
    return value or {}


def _check_positive(arguments: dict, name: str, default: float | None) -> float | None:
    """Return a number above 0, or the default where it is not named."""
    value = arguments.get(name, default)
    if value is None and default is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise WeightsError(
            f"The init_kwargs in its metadata give {name} as {value!r}, which is not a number "
            "above 0."
        )
    return value
