"""State dicts whose names are NVIDIA's (and ours); their metadata may keep what no tensor shows."""

from __future__ import annotations

import json
import math

from gantoolkit.convert import stylegan2
from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part

FORMAT = "state dict with NVIDIA's names"


def parts(source: Source) -> list[Part] | None:
    """A StyleGAN2, as `gantoolkit weights export --to nvidia` writes it."""
    for keys in ((), ("state_dict",), ("G_ema", "g_ema")):
        state = source.state(*keys)
        if "synthesis.b4.const" in state and "mapping.fc0.weight" in state:
            recorded, facts = attributes(state, source.metadata.get("init_kwargs"))
            return [
                Part(
                    "generator",
                    stylegan2.generator(state, recorded),
                    state,
                    FORMAT,
                    "Generator",
                    facts,
                )
            ]
    return None


def attributes(state: dict, init_kwargs: str | None) -> tuple[stylegan2.Attributes, dict[str, str]]:
    """What layers built with these arguments of NVIDIA's Generator would carry, and where it is from."""
    if init_kwargs is None:
        return {}, {"clamp and learning rate": "not in the file; as in configs without fp16 layers"}
    given = _dict(json.loads(init_kwargs))
    mapping, synthesis = _dict(given.get("mapping_kwargs")), _dict(given.get("synthesis_kwargs"))
    fc = {
        "bias_gain": _positive(mapping, "lr_multiplier", stylegan2.LR_MUL),
        "activation": mapping.get("activation", "lrelu"),
    }
    conv = {
        "conv_clamp": _positive(synthesis, "conv_clamp", None),
        "activation": synthesis.get("activation", "lrelu"),
    }
    found = {f"mapping.fc{i}": fc for i in range(stylegan2.layers(state))}
    found |= {
        key.removesuffix(".affine.weight"): conv for key in state if key.endswith(".affine.weight")
    }
    clamp = "none" if conv["conv_clamp"] is None else f"±{conv['conv_clamp']:g}"
    return found, {
        "clamp and learning rate": f"{clamp} and {fc['bias_gain']:g}, from the file's init_kwargs"
    }


def _dict(value) -> dict:
    if not isinstance(value, dict | None):
        raise WeightsError(
            "The init_kwargs in its metadata are not the arguments of NVIDIA's Generator."
        )
    return value or {}


def _positive(arguments: dict, name: str, default: float | None) -> float | None:
    """A number above 0, or the default where it is not named."""
    value = arguments.get(name, default)
    if value is None and default is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise WeightsError(
            f"The init_kwargs in its metadata give {name} as {value!r}, which is no number above 0."
        )
    return value
