"""Reading of weights: nothing in a file is executed, and names of earlier versions are replaced."""

from __future__ import annotations

import json
import os
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantoolkit.config import signature
from gantoolkit.core.errors import WeightsError
from gantoolkit.registry import manifest, messages
from gantoolkit.weights.cache import converted
from gantoolkit.weights.names import resolve
from gantoolkit.weights.recognize import refuse_damaged

if TYPE_CHECKING:
    from torch import Tensor

NETWORKS = "networks"  # key of the metadata: which networks trained it, as JSON
MAX_HEADER = 100 << 20  # bytes, safetensors' own limit


def load(
    name_or_path: str | os.PathLike, kinds: Container[str] = ()
) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, str]]:
    """Read (state dict in float32, arch, metadata) of a file that `save` wrote.

    A checkpoint of another project is converted first, once, into the cache.

    kinds  of several networks in a foreign checkpoint, the first whose type is among these is taken
    """
    from safetensors import SafetensorError, safe_open

    path = resolve(name_or_path)
    if path.is_dir():
        raise WeightsError(f"{path} is a folder, where one file of weights is expected.")
    if path.suffix == ".safetensors":
        refuse_damaged(path)  # other files are judged by their converter, plugins' first
    if "arch" not in header(path):
        path = converted(path, kinds) or path
    try:
        with safe_open(path, "pt") as file:
            metadata = _current_metadata(file.metadata() or {})
            state = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file ({error}).") from None

    for key, value in state.items():
        if value.is_floating_point() and value.element_size() < 4:  # half precision and float8
            state[key] = value.float()
    arch = json.loads(metadata.pop("arch", "{}"))
    return state, arch, metadata


def header(path: Path) -> dict[str, str]:
    """Read the metadata of a safetensors file; {} where it has none or is another kind of file."""
    with open(path, "rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if not 0 < size < min(path.stat().st_size, MAX_HEADER):
            return {}
        try:
            metadata = json.loads(stream.read(size)).get("__metadata__")
        except (ValueError, AttributeError, RecursionError):
            return {}
    return _current_metadata(metadata) if isinstance(metadata, dict) else {}


def training_networks(name_or_path: str | os.PathLike) -> dict[str, str] | None:
    """Read which networks trained what a file holds: role → weights name; None: it does not say.

    Its losses read them, or its adversary. No metric may use them.
    """
    path = resolve(name_or_path)
    text = header(path).get(NETWORKS) if path.is_file() else None
    return None if text is None else json.loads(text)


def networks_behind(name_or_path: str | os.PathLike, owner: str) -> dict[str, str]:
    """Name what trained a file's network: "ROLE of OWNER" → weights name; {} if it is unsaid."""
    networks = training_networks(name_or_path) or {}
    return {f"{role} of {owner}": network for role, network in networks.items()}


def architecture(path: Path) -> dict[str, Any]:
    """Read what a weights file holds: {"type": name, …constructor arguments}, {} where it does
    not say.
    """
    return json.loads(header(path).get("arch", "{}"))


def with_current_names(value: Any) -> Any:
    """Replace names of earlier versions in specs of components, however deep they are.

    A spec is a dict with a `type`. An old argument is replaced only where the component does not
    take it, and takes the new one (registry.yaml, `renamed`).
    """
    if isinstance(value, list):
        return [with_current_names(one) for one in value]
    if not isinstance(value, dict):
        return value
    inner = {key: with_current_names(one) for key, one in value.items()}
    if isinstance(inner.get("mapping"), dict):  # AbSM's: arguments of the component Mapping
        inner["mapping"] = _current_arguments("Mapping", inner["mapping"])
    if not isinstance(inner.get("type"), str):
        return inner
    type_name = inner["type"]
    components = _components()
    if type_name not in components:
        inner["type"] = messages.new_name("components", type_name, components) or type_name
    return _current_arguments(inner["type"], inner)


def _current_arguments(type_name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a component by their names of today; unchanged where it is unknown."""
    entry = _components().get(type_name)
    taken = signature.of(entry) if entry else None
    if taken is None or taken.open:
        return arguments
    current = {}
    for key, value in arguments.items():
        if key not in taken.names:
            key = messages.new_name("keys", key, taken.names) or key
        current[key] = value
    return current


def _components() -> dict[str, dict]:
    """The entry of every component, whatever its kind."""
    entries: dict[str, dict] = {}
    for of_kind in manifest.load().components.values():
        entries |= of_kind
    return entries


def _current_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Metadata with the names of today in the specs that it holds as JSON."""
    current = dict(metadata)
    for key in ("arch", "pipeline"):
        if key in current:
            current[key] = json.dumps(with_current_names(json.loads(current[key])))
    return current
