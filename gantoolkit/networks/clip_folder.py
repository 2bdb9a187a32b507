"""CLIP's text model and tokenizer from folders of transformers: whole, and made for each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gantoolkit.core.compat  # noqa: F401  transformers imports torchvision

from torch import Tensor, nn

from gantoolkit.core.errors import WeightsError
from gantoolkit.weights.blank import build_blank
from gantoolkit.weights.folders import read_folder
from gantoolkit.weights.recognize import read_json, refuse_damaged
from gantoolkit.weights.state_dict import load_state_dict

STEMS = ("model", "pytorch_model")  # names of transformers' weights, without endings
TEXT_TYPES = ("clip_text_model", "clip")  # model_type of config.json
TOKENIZER_CLASSES = (
    "CLIPTokenizer",
    "CLIPTokenizerFast",
    "PreTrainedTokenizer",
    "PreTrainedTokenizerFast",
    "TokenizersBackend",
)
BYTE_TOKENS = 512  # a CLIP vocabulary has every byte, within a word and at its end
PROJECTION = "text_projection.weight"
LEGACY_EOS = 2  # stands in config.json of CLIP models before transformers 4.31, and means nothing
VOCABULARY_FILES = ("tokenizer.json", "vocab.json", "merges.txt")
ADVICE = "copy tokenizer/ from where the text model was published"


def load_text_model(folder: Path, projected: bool = False) -> nn.Module:
    """Load a CLIPTextModel in float32, frozen and in eval mode.

    projected  load a CLIPTextModelWithProjection, which has one more layer for the pooled state

    Raises WeightsError, naming the file, unless every tensor is there and finite.
    """
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = read_json(folder / "config.json")
    kind = config.get("model_type", "clip_text_model")
    if kind not in TEXT_TYPES:
        raise WeightsError(
            f"{folder} holds a text model of the type '{kind}'; a CLIPTextModel is expected."
        )
    text_config = config.get("text_config") or config if kind == "clip" else config
    state, file = read_folder(folder, STEMS)
    model_class = CLIPTextModelWithProjection if projected else CLIPTextModel
    model = build_model(model_class, CLIPTextConfig, text_config, folder)
    load_state_dict(model, text_tensors(state, model), file)
    return model.eval().requires_grad_(False)


def build_model(model_class: type, config_class: type, config: dict[str, Any], folder: Path):
    """Build a model of transformers with the settings of its config.json.

    Its parameters are not initialized: every one must be loaded afterwards.
    """
    return build_blank(
        lambda: model_class(config_class.from_dict(config)),
        model_class.__name__,
        folder / "config.json",
    )


def text_tensors(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return a file's tensors by the names of `model`, a CLIPTextModel with or without projection.

    With or without `text_model.`, as versions of transformers differ; the image model of a whole
    CLIP, a projection that `model` lacks and position ids are left out.
    """
    own_names = {key.removeprefix("text_model."): key for key in model.state_dict()}
    if any(key.startswith("vision_model.") for key in state):
        state = {key: value for key, value in state.items() if _is_textual(key)}
    renamed = {}
    for key, value in state.items():
        name = key.removeprefix("text_model.")
        is_unused = name == PROJECTION and PROJECTION not in own_names
        if not name.endswith("position_ids") and not is_unused:
            renamed[own_names.get(name, key)] = value
    return renamed


def _is_textual(key: str) -> bool:
    """Whether a tensor of a whole CLIP belongs to its text model."""
    return key.startswith("text_model.") or key == PROJECTION


def load_tokenizer(folder: Path, config):
    """Load the CLIPTokenizer of a text model.

    config  of the text model: `vocab_size`, `eos_token_id`

    Raises WeightsError where the folder lacks its vocabulary, or has that of another model.
    """
    from transformers import CLIPTokenizer

    _check_files(folder)
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        vocabulary = tokenizer.get_vocab()
        empty_text = list(tokenizer("").input_ids)
    except Exception as error:  # whatever damaged files lead tokenizers to
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{folder} cannot be read as a CLIPTokenizer ({type(error).__name__}: {reason}); "
            f"{ADVICE}."
        ) from None
    reason = _describe_misfit(tokenizer, vocabulary, empty_text, config)
    if reason:
        raise WeightsError(f"{folder} {reason}; {ADVICE}.")
    return tokenizer


def _check_files(folder: Path) -> None:
    """Refuse a folder without a vocabulary, with damaged files, or of another class."""
    present = [name for name in VOCABULARY_FILES if (folder / name).is_file()]
    for name in present:
        refuse_damaged(folder / name, is_text=True)
    if "tokenizer.json" not in present and len(present) < 2:
        raise WeightsError(
            f"{folder} has no vocabulary (tokenizer.json, or vocab.json and merges.txt); {ADVICE}."
        )
    for name in present:
        if name.endswith(".json"):
            read_json(folder / name)
    settings = folder / "tokenizer_config.json"
    if settings.is_file():
        kind = read_json(settings).get("tokenizer_class") or TOKENIZER_CLASSES[0]
        if kind not in TOKENIZER_CLASSES:
            raise WeightsError(f"{folder} holds a {kind}, which is another model's; {ADVICE}.")


def _describe_misfit(tokenizer, vocabulary: dict[str, int], empty_text: list[int], config) -> str:
    """Say why a tokenizer is not that of the text model; "" where it is."""
    size = max(vocabulary.values(), default=-1) + 1
    rows = config.vocab_size
    if size != rows:
        verb = "is shorter than" if size < rows else "is longer than"
        return (
            f"{verb} the text model's table ({size:,} tokens for {rows:,} rows), so it is not "
            "whole or another model's"
        )
    ends = [tokenizer.bos_token_id, tokenizer.eos_token_id]
    if None in ends or empty_text != ends:
        return "does not put a text between a start and an end as CLIP does: it is another model's"
    expected = config.eos_token_id
    if expected not in (None, LEGACY_EOS, ends[1]):
        return f"ends texts with token {ends[1]}, the text model with {expected}: another model's"
    from gantoolkit.networks.tokenizer import read_merges

    merges = len(read_merges(tokenizer.backend_tokenizer))
    needed = size - BYTE_TOKENS - len(tokenizer.get_added_vocab()) - len(ends)
    if merges < needed:
        return f"has {merges:,} merges for a vocabulary that needs {needed:,}: merges.txt was cut"
    return ""
