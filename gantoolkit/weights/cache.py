"""Converted checkpoints, kept between commands so that a foreign file is read once."""

from __future__ import annotations

import json
from collections.abc import Container
from pathlib import Path

from gantoolkit import weights
from gantoolkit.core import files
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.registry import manifest, plugins

VERSION = 3  # of the converters: raise it when one of them gives another result for the same file


def converted(path: Path, kinds: Container[str] = ()) -> Path | None:
    """Our form of a foreign checkpoint, converted the first time that these bytes are seen.

    None when `path` is a safetensors file of a form that nobody knows. Raises WeightsError for other unknown files.
    """
    digest = weights.sha256(path)
    here = manifest.cache_folder("converted") / f"v{VERSION}" / digest[:24]
    index = here / "parts.json"
    if not index.is_file():
        found = plugins.hooks().convert_checkpoint(path=path)
        if not found:
            return unknown(path)
        if any("folder" in part.arch for part in found):
            raise WeightsError(
                f"{path} is a {found[0].kind} in one file; encoders read folders: type "
                f"'gantoolkit weights convert {path}' and give the folder."
            )
        types = {}
        for part in found:
            if part.wanted and part.state:
                types[part.name] = part.arch.get("type", "")
                write(part, here / f"{part.name}.safetensors", path)
        if not types:
            raise WeightsError(
                f"{path} is a {found[0].format}, which holds nothing to load as weights."
            )
        files.write_json(index, types)
    types = json.loads(index.read_text(encoding="utf-8"))
    chosen = next((name for name, kind in types.items() if kind in kinds), next(iter(types)))
    return here / f"{chosen}.safetensors"


def unknown(path: Path) -> None:
    """None for safetensors, which may be read as they are; an error for everything else."""
    if path.suffix != ".safetensors":
        raise WeightsError(
            f"{path} is no checkpoint that is known here; 'gantoolkit weights convert {path}' says "
            "which are."
        )


def write(part: Part, path: Path, source: Path, licence: str = "") -> Path:
    """A part as safetensors, with its architecture and where it comes from."""
    known = {
        "source": source.name,
        "source_sha256": weights.sha256(source),
        "source_format": part.format,
        "source_class": part.kind,
        "licence": licence or licence_of(source),
        "part": part.name,
        **{key.replace(" ", "_"): value for key, value in part.facts.items()},
    }
    return weights.save(path, part.state, part.arch, **known)


def licence_of(source: Path) -> str:
    """The licence of a file that registry.yaml knows by its sha256."""
    known = (
        e
        for e in manifest.load().weights.values()
        if e.get("sha256") and weights.matches(source, e)
    )
    return next((entry["licence"] for entry in known), "unknown: ask whoever published the file")
