"""Converted checkpoints, kept between commands so that a foreign file is read once."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.registry import manifest, plugins
from gantoolkit.weights.names import matches, sha256
from gantoolkit.weights.writing import save

VERSION = 5  # of the converters: raise it when one of them gives another result for the same file


def converted(path: Path, kinds: Container[str] = ()) -> Path | None:
    """Return our form of a foreign checkpoint, converted the first time that these bytes come by.

    None when `path` is a safetensors file of an unknown form. Raises WeightsError for other
    unknown files.
    """
    folder = manifest.cache_folder("converted") / f"v{VERSION}" / sha256(path)[:24]
    index = folder / "parts.json"
    if not index.is_file():
        networks = plugins.hooks().convert_checkpoint(path=path)
        if not networks:
            return unknown(path)
        files.write_json(index, _write_all(networks, folder, path))

    found = files.read_json_object(index, WeightsError)
    types, problems = found["types"], found["problems"]
    fitting = [name for name, type_name in types.items() if type_name in kinds]
    if problems and kinds and not fitting:
        name, problem = next(iter(problems.items()))
        raise WeightsError(f"{path}: the part '{name}' cannot be taken: {problem}.")
    chosen = next(iter(fitting or types))
    return folder / f"{chosen}.safetensors"


def _write_all(networks: list[Part], folder: Path, source: Path) -> dict[str, dict[str, str]]:
    """Write the networks that one loads.

    Returns the type of each by its name, and the problems of those that cannot be taken.
    """
    first = networks[0]
    if any("folder" in network.arch for network in networks):
        raise WeightsError(
            f"{source} is a {first.kind} in one file; encoders read folders: type "
            f"'gantoolkit weights convert {source}' and give the folder."
        )
    types = {}
    for network in networks:
        if network.is_main and network.state:
            types[network.name] = network.arch.get("type", "")
            write(network, folder / f"{network.name}.safetensors", source)
    if not types:
        raise WeightsError(f"{source} is a {first.format}, which holds nothing to load as weights.")
    problems = {network.name: network.problem for network in networks if network.problem}
    return {"types": types, "problems": problems}


def unknown(path: Path) -> None:
    """Return None for safetensors, which may be read as they are; refuse every other file."""
    if path.suffix != ".safetensors":
        raise WeightsError(
            f"{path} is not a known checkpoint; 'gantoolkit weights convert {path}' says "
            "which are known."
        )


def write(part: Part, path: Path, source: Path, licence: str = "") -> Path:
    """Write a network as safetensors, with its architecture and where it comes from."""
    facts = {key.replace(" ", "_"): value for key, value in part.facts.items()}
    metadata = {
        "source": source.name,
        "source_sha256": sha256(source),
        "source_format": part.format,
        "source_class": part.kind,
        "licence": licence or licence_of(source),
        "part": part.name,
        **facts,
    }
    return save(path, part.state, part.arch, **metadata)


def licence_of(source: Path) -> str:
    """Look up the licence of a file that registry.yaml knows by its sha256."""
    for entry in manifest.load().weights.values():
        if entry.get("sha256") and matches(source, entry):
            return entry["licence"]
    return "unknown: ask whoever published the file"
