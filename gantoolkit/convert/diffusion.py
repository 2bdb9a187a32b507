"""Stable Diffusion 1 and its ControlNets in one file → folders of diffusers.

The names are those of the LDM layout; ControlNets may have diffusers' own.
"""

from __future__ import annotations

from pathlib import Path

from gantoolkit import weights
from gantoolkit.convert.source import Source
from gantoolkit.core import files
from gantoolkit.core.parts import Part
from gantoolkit.weights.cache import licence_of
from gantoolkit.weights.recognize import read_json

FORMAT = "single file of the LDM layout"
DIFFUSERS_FORMAT = "single file with diffusers' names"
CONTROL_TENSOR = "controlnet_cond_embedding.conv_in.weight"  # which only ControlNets have
ARCH = {"type": "diffusers", "folder": "."}
CONTROL = "control_model."  # prefix of a ControlNet's tensors
OTHER = (CONTROL, "model_ema.")  # prefixes of what does not belong to a diffusion model


def find_parts(source: Source) -> list[Part] | None:
    """Find a diffusion model, a ControlNet, or both, as in control_sd15_*.pth."""
    for keys in ((), ("state_dict",)):
        state = source.state(*keys)
        control = {key: value for key, value in state.items() if key.startswith(CONTROL)}
        is_bare_control = "input_hint_block.0.weight" in state
        has_model = any(key.startswith("model.diffusion_model.") for key in state)
        parts = []
        if control or is_bare_control:
            part = Part("controlnet", dict(ARCH), control or state, FORMAT, "ControlNet")
            parts.append(part)
        if has_model:
            rest = {key: value for key, value in state.items() if not key.startswith(OTHER)}
            part = Part("diffusion", dict(ARCH), rest, FORMAT, "Stable Diffusion 1")
            part.is_main = not parts
            parts.append(part)
        if parts:
            return parts
    for _, state in source.locate(CONTROL_TENSOR):
        arch = ARCH | {"config": controlnet_settings(source, state)}
        return [Part("controlnet", arch, state, DIFFUSERS_FORMAT, "ControlNet")]
    return None


def controlnet_settings(source: Source, state: dict) -> dict:
    """Return config.json of a ControlNet in diffusers' names: the one beside the file, else read
    off the shapes.
    """
    from gantoolkit.encoders.single_controlnet import controlnet_config

    beside = source.path.with_name("config.json")
    if beside.is_file():
        config = read_json(beside)
        if config.get("_class_name") == "ControlNetModel":
            return config
    return controlnet_config(state)


def write_folder(
    part: Part, path: Path, source: Path, licence: str, tokenizer: str | None
) -> list[str]:
    """Write a part as a folder of diffusers; returns sentences about what the file could not give.

    licence    recorded; "": looked up by the file's sha256
    tokenizer  folder of a tokenizer, which the file of a diffusion model lacks
    """
    from gantoolkit.encoders import single_controlnet, single_file

    if "config" in part.arch:
        notes = single_controlnet.write_controlnet(part.state, path, part.arch["config"])
    elif part.name == "controlnet":
        notes = single_file.write_controlnet(part.state, path)
    else:
        notes = single_file.write_stable_diffusion(part.state, path, tokenizer)
    provenance = {
        "source": source.name,
        "source_sha256": weights.sha256(source),
        "source_class": part.kind,
        "source_format": part.format,
        "licence": licence or licence_of(source),
    }
    files.write_json(path / "provenance.json", provenance)
    return notes
