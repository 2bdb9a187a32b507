"""Checkpoints of pSp and e4e: an encoder, the StyleGAN2 that it was trained against, and their mean code."""

from __future__ import annotations

import math
import re

from torch import Tensor

from gantoolkit.convert import recognizers, rosinality
from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part

FORMAT = "checkpoint of pSp's form"
OLD_SIZE = 1024  # what files from before the option output_size were trained for


def parts(source: Source) -> list[Part] | None:
    """The generator and the encoder of {state_dict, opts, latent_avg}."""
    state = source.state("state_dict")
    encoder, decoder = (_below(state, prefix) for prefix in ("encoder.", "decoder."))
    if "input_layer.0.weight" not in encoder:
        return None
    average, opts = source.get("latent_avg"), source.get("opts")
    average = average if isinstance(average, Tensor) else None
    opts = opts if isinstance(opts, dict) else vars(opts) if hasattr(opts, "__dict__") else {}
    found = []
    if "input.input" in decoder:
        found.append(rosinality.generator(decoder, average, FORMAT))
    size = found[0].arch["resolution"] if found else int(opts.get("output_size", OLD_SIZE))
    found.append(encoder_part(encoder, average, opts, size))
    return found


def _below(state: dict, prefix: str) -> dict:
    return {
        key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
    }


def encoder_part(
    state: dict[str, Tensor], average: Tensor | None, opts: dict, resolution: int
) -> Part:
    """The encoder; whether the mean code is added stands in the options (e4e always does)."""
    num_ws = 2 * int(math.log2(resolution)) - 2
    styles = {int(m[1]) for key in state if (m := re.match(r"styles\.(\d+)\.", key))}
    name = str(opts.get("encoder_type", ""))
    if styles:
        kind, num_ws = "e4e" if name == "Encoder4Editing" else "psp", len(styles)
    elif any(key.startswith("output_layer_2.") for key in state):
        kind = "w+"
    elif "linear.weight" in state:
        kind = "w"
    else:
        raise WeightsError(f"The encoder '{name}' of this file is none of pSp's.")
    state, adds = dict(state), bool(opts.get("start_from_latent_avg", kind == "e4e"))
    rows = 0
    if average is not None and adds:
        state["latent_avg"] = average.reshape(-1, average.shape[-1])
        rows = len(state["latent_avg"])
    arch = {
        "type": "PSPEncoder",
        "num_ws": num_ws,
        "kind": kind,
        "inputs": state["input_layer.0.weight"].shape[1],
        "units": recognizers.stages(state),
        "mean": rows,
    }
    facts = {
        "mean code": f"{rows} × {average.shape[-1]}, added to every result" if rows else "not added"
    }
    if opts.get("label_nc"):
        facts["input"] = f"one-hot labels, {opts['label_nc']} classes at 256 px"
    return Part("encoder", arch, state, FORMAT, name or "encoder", facts)
