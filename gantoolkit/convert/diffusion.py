"""Stable Diffusion 1 and its ControlNets in one file (the LDM layout) → folders of diffusers."""

from __future__ import annotations

from pathlib import Path

from gantoolkit import weights
from gantoolkit.convert.source import Source
from gantoolkit.core import files
from gantoolkit.core.parts import Part
from gantoolkit.weights.cache import licence_of

FORMAT = "single file of the LDM layout"


def parts(source: Source) -> list[Part] | None:
    """A diffusion model, a ControlNet, or both (control_sd15_*.pth holds a whole model too)."""
    for keys in ((), ("state_dict",)):
        state = source.state(*keys)
        control = [key for key in state if key.startswith("control_model.")]
        bare = "input_hint_block.0.weight" in state
        model = any(key.startswith("model.diffusion_model.") for key in state)
        if not control and not bare and not model:
            continue
        found = []
        if control or bare:
            own = {key: state[key] for key in control} or state
            found.append(
                Part("controlnet", {"type": "diffusers", "folder": "."}, own, FORMAT, "ControlNet")
            )
        if model:
            rest = {
                key: value
                for key, value in state.items()
                if not key.startswith(("control_model.", "model_ema."))
            }
            found.append(
                Part(
                    "diffusion",
                    {"type": "diffusers", "folder": "."},
                    rest,
                    FORMAT,
                    "Stable Diffusion 1",
                    is_main=not found,
                )
            )
        return found
    return None


def write_folder(
    part: Part, path: Path, source: Path, licence: str, tokenizer: str | None
) -> list[str]:
    """Write a part as a folder of diffusers; sentences about what the file could not give."""
    from gantoolkit.encoders import single_file

    if part.name == "controlnet":
        lacks = single_file.write_controlnet(part.state, path)
    else:
        lacks = single_file.write_stable_diffusion(part.state, path, tokenizer)
    files.write_json(
        path / "provenance.json",
        {
            "source": source.name,
            "source_sha256": weights.sha256(source),
            "source_class": part.kind,
            "source_format": part.format,
            "licence": licence or licence_of(source),
        },
    )
    return lacks
