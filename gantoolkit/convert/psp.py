"""Checkpoints of pSp and e4e: an encoder, the StyleGAN2 it was trained with, their mean code."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import NamedTuple

from torch import Tensor

from gantoolkit.convert import recognizers, rosinality
from gantoolkit.convert.attempt import attempt
from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.weights.state_dict import below

FORMAT = "checkpoint of pSp's form"
OTHER_ENCODERS = (
    "BackboneEncoder",
    "ResNetBackboneEncoder",
    "ProgressiveBackboneEncoder",
    "ResNetProgressiveBackboneEncoder",
)  # ReStyle's: they see the picture of the step before
OLD_SIZE = 1024  # what files from before the option output_size were trained for


def find_parts(source: Source) -> list[Part] | None:
    """Find the generator and the encoder of {state_dict, opts, latent_avg}."""
    state = source.state("state_dict")
    encoder = below(state, "encoder.")
    decoder = below(state, "decoder.")
    is_form = "input.input" in decoder and encoder or "input_layer.0.weight" in encoder
    if not is_form:
        return None
    average = source.get("latent_avg")
    if not isinstance(average, Tensor):
        average = None
    options = _options_of(source)

    parts = []
    size = options.get("output_size", OLD_SIZE)
    resolution = size if isinstance(size, int) and size >= 4 else OLD_SIZE
    mean = MeanCode(average, "of the file") if average is not None else None
    if "input.input" in decoder:
        unmade = Part("generator", {}, {}, FORMAT, "Generator")
        make = partial(rosinality.generator_part, decoder, average, FORMAT)
        generator = attempt(unmade, make)
        parts.append(generator)
        resolution = generator.arch.get("resolution", resolution)
        if mean is None and not generator.problem:
            mean = MeanCode(generator.state["mapping.w_avg"], rosinality.ESTIMATED)
    unmade = Part("encoder", {}, {}, FORMAT, str(options.get("encoder_type", "encoder")))
    parts.append(attempt(unmade, partial(encoder_part, encoder, mean, options, resolution)))
    return parts


class MeanCode(NamedTuple):
    """The code that encoders of this form add to what they find."""

    code: Tensor  # [w_dim], or [rows,w_dim]
    origin: str  # in words


def _options_of(source: Source) -> dict:
    """Return what the network was trained with, from a dict or a Namespace."""
    options = source.get("opts")
    if isinstance(options, dict):
        return options
    return vars(options) if hasattr(options, "__dict__") else {}


def encoder_part(
    state: dict[str, Tensor], mean: MeanCode | None, options: dict, resolution: int
) -> Part:
    """Convert the encoder; whether the mean code is added is in the options (e4e always does).

    Without a mean code in the file, that of its generator is added, and said.
    """
    name = str(options.get("encoder_type", ""))
    if name in OTHER_ENCODERS or "input_layer.0.weight" not in state:
        raise WeightsError(
            f"The encoder '{name or 'without a name'}' of this file is not one of pSp's or e4e's; "
            "--part generator takes the generator."
        )
    kind, num_ws = _kind_of(state, name, resolution)
    adds_mean = bool(options.get("start_from_latent_avg", kind == "e4e"))
    state = dict(state)
    rows = 0
    mean_code = "not added"
    if adds_mean and mean is None:
        raise WeightsError(
            "The encoder adds a mean code, and the file has neither that nor a generator to take "
            "it from; use the file that its publisher calls complete."
        )
    if adds_mean:
        state["latent_avg"] = mean.code.reshape(-1, mean.code.shape[-1])
        rows = len(state["latent_avg"])
        mean_code = f"{rows} × {mean.code.shape[-1]}, added to every result; {mean.origin}"

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
