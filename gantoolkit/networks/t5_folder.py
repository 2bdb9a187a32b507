"""T5's text encoder and tokenizer from folders of transformers."""

from __future__ import annotations

from pathlib import Path

import gantoolkit.core.compat  # noqa: F401  transformers imports torchvision

from torch import nn

from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.clip_folder import STEMS, build_model
from gantoolkit.weights.folders import read_folder
from gantoolkit.weights.recognize import read_json
from gantoolkit.weights.state_dict import load_state_dict

TABLES = ("shared.weight", "encoder.embed_tokens.weight")  # one table; files may hold either


def load_t5_model(folder: Path) -> nn.Module:
    """Load a T5EncoderModel in float32, frozen and in eval mode.

    Raises WeightsError, naming the file, unless every tensor is there and finite.
    """
    from transformers import T5Config, T5EncoderModel

    config = read_json(folder / "config.json")
    kind = config.get("model_type", "t5")
    if kind != "t5":
        raise WeightsError(f"{folder} holds a text model of the type '{kind}'; T5 is expected.")
    state, file = read_folder(folder, STEMS)
    for name, other in (TABLES, reversed(TABLES)):
        if other in state:
            state.setdefault(name, state[other])
    model = build_model(T5EncoderModel, T5Config, config, folder)
    load_state_dict(model, state, file)
    return model.eval().requires_grad_(False)


def load_t5_tokenizer(folder: Path):
    """Load the tokenizer of a T5 model from a local folder."""
    from transformers import T5TokenizerFast

    try:
        tokenizer = T5TokenizerFast.from_pretrained(folder, local_files_only=True)
        ends_with = tokenizer("").input_ids[-1:]
    except Exception as error:  # whatever damaged files lead tokenizers to
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{folder} cannot be read as T5's tokenizer ({type(error).__name__}: {reason})."
        ) from None
    if ends_with != [tokenizer.eos_token_id]:
        raise WeightsError(f"{folder} does not end a text as T5 does: it is another model's.")
    return tokenizer
