"""Checkpoints of pSp and e4e: an encoder, the StyleGAN2 it was trained with, their mean code."""

from __future__ import annotations

import math
import re

from torch import Tensor

from gantoolkit.convert import recognizers, rosinality
from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.weights.state_dict import below

FORMAT = "checkpoint of pSp's form"
OLD_SIZE = 1024  # what files from before the option output_size were trained for


def find_parts(source: Source) -> list[Part] | None:
    """Find the generator and the encoder of {state_dict, opts, latent_avg}."""
    state = source.state("state_dict")
    encoder = below(state, "encoder.")
    decoder = below(state, "decoder.")
    if "input_layer.0.weight" not in encoder:
        return None
    average = source.get("latent_avg")
    if not isinstance(average, Tensor):
        average = None
    options = _options_of(source)

    parts = []
    if "input.input" in decoder:
        generator = rosinality.generator_part(decoder, average, FORMAT)
        parts.append(generator)
        resolution = generator.arch["resolution"]
    else:
        resolution = int(options.get("output_size", OLD_SIZE))
    parts.append(encoder_part(encoder, average, options, resolution))
    return parts


def _options_of(source: Source) -> dict:
    """Return what the network was trained with, from a dict or a Namespace."""
    options = source.get("opts")
    if isinstance(options, dict):
        return options
    return vars(options) if hasattr(options, "__dict__") else {}


def encoder_part(
    state: dict[str, Tensor], average: Tensor | None, options: dict, resolution: int
) -> Part:
    """Convert the encoder; whether the mean code is added is in the options (e4e always does)."""
    name = str(options.get("encoder_type", ""))
    kind, num_ws = _kind_of(state, name, resolution)
    adds_mean = bool(options.get("start_from_latent_avg", kind == "e4e"))
    state = dict(state)
    rows = 0
    mean_code = "not added"
    if average is not None and adds_mean:
        state["latent_avg"] = average.reshape(-1, average.shape[-1])
        rows = len(state["latent_avg"])
        mean_code = f"{rows} × {average.shape[-1]}, added to every result"

    arch = {
        "type": "PSPEncoder",
        "num_ws": num_ws,
        "kind": kind,
        "inputs": state["input_layer.0.weight"].shape[1],
        "units": recognizers.body_stages(state),
        "mean": rows,
    }
    facts = {"mean code": mean_code}
    if options.get("label_nc"):
        facts["input"] = f"one-hot labels, {options['label_nc']} classes at 256 px"
    return Part("encoder", arch, state, FORMAT, name or "encoder", facts)


def _kind_of(state: dict[str, Tensor], name: str, resolution: int) -> tuple[str, int]:
    """Return (kind, number of codes) of an encoder, from its layers."""
    styles = {match[1] for key in state if (match := re.match(r"styles\.(\d+)\.", key))}
    if styles:
        return "e4e" if name == "Encoder4Editing" else "psp", len(styles)
    num_ws = 2 * int(math.log2(resolution)) - 2
    if any(key.startswith("output_layer_2.") for key in state):
        return "w+", num_ws
    if "linear.weight" in state:
        return "w", num_ws
    raise WeightsError(f"The encoder '{name}' of this file is not one of pSp's.")
