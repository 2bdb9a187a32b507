"""Weights files: safetensors with the architecture in the metadata, found by name, written atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterable
from functools import lru_cache
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest, plugins

MAX_HEADER = 100 << 20  # bytes, safetensors' own limit
__all__ = [
    "Part",
    "checksums",
    "differing",
    "header",
    "load",
    "matches",
    "resolve",
    "save",
    "sha256",
]


@plugins.hookimpl(trylast=True)
def resolve_weights(name: str) -> Path | None:
    """The file of a name that a registry.yaml lists: in $GANTOOLKIT_OFFLINE, the package or the downloads.

    (The package's own use of this hook.)
    """
    entry = manifest.load().weights.get(name)
    if not entry:
        return None
    path, offline = manifest.load().file(entry), os.environ.get("GANTOOLKIT_OFFLINE")
    if offline and "file" not in entry and not path.exists():
        return Path(offline) / path.name
    return path


def resolve(name_or_path: str | os.PathLike) -> Path:
    """The file or folder behind a path or a name that registry.yaml or a plugin knows.

    Raises WeightsError with what exists when neither is found.
    """
    path = Path(name_or_path)
    if path.exists():
        return path
    name, known = str(name_or_path), manifest.load().weights
    path = plugins.hooks().resolve_weights(name=name)
    if path is None:
        raise WeightsError(
            f"No weights named '{name}' and no such file{did_you_mean(name, known)}; "
            f"known weights: {', '.join(sorted(known)) or 'none'}."
        )
    if not Path(path).exists():
        if "file" not in known.get(name, {"file": ""}):
            raise WeightsError(
                f"The weights '{name}' are not here yet; type 'gantoolkit weights get {name}' "
                f"(licence: {known[name].get('licence', 'unknown')})."
            )
        recipe = known.get(name, {}).get("recipe", "docs/zoo.md")
        raise WeightsError(
            f"The weights '{name}' should be at {path}, which does not exist; reinstall "
            f"gantoolkit or train them with their recipe ({recipe})."
        )
    return Path(path)


def save(
    path: str | os.PathLike, state: dict, arch: dict, half: bool = False, **metadata: str
) -> Path:
    """Write tensors and the architecture `arch` (JSON-able, with "type") as one safetensors file.

    `half` stores floating tensors of more than one element as float16. Written beside, then renamed.
    """
    import torch
    from safetensors import torch as safe

    tensors = {}
    for key, value in state.items():
        value = value.detach().cpu()
        if half and value.is_floating_point() and value.numel() > 1:
            value = value.to(torch.float16)
        tensors[key] = value.clone().contiguous()
    header = {"arch": json.dumps(arch), **{k: str(v) for k, v in metadata.items()}}
    return files.write_bytes(path, _ordered(safe.save(tensors, header)))


def _ordered(content: bytes) -> bytes:
    """A safetensors file with its metadata in order, so that equal content is equal bytes."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at multiples of 8 bytes
    return b"".join([len(text).to_bytes(8, "little"), text, memoryview(content)[8 + size :]])


def load(name_or_path: str | os.PathLike, kinds: Container[str] = ()) -> tuple[dict, dict, dict]:
    """(state dict in float32, arch, metadata) of a file that `save` wrote; nothing in it is executed.

    A checkpoint of another project is converted first, once, into the cache. Of several networks in it, the first
    whose type is among `kinds` is taken.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    path = resolve(name_or_path)
    if path.is_file() and "arch" not in header(path):
        from gantoolkit.weights.cache import converted

        path = converted(path, kinds) or path
    try:
        with safe_open(path, "pt") as file:
            metadata = dict(file.metadata() or {})
            state = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file ({error}).") from None
    state = {
        k: v.float() if v.dtype in (torch.float16, torch.bfloat16) else v for k, v in state.items()
    }
    return state, json.loads(metadata.pop("arch", "{}")), metadata


def header(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file, {} where there is none or the file is no safetensors."""
    with open(path, "rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if not 0 < size < min(path.stat().st_size, MAX_HEADER):
            return {}
        try:
            found = json.loads(stream.read(size)).get("__metadata__")
        except (ValueError, AttributeError, RecursionError):
            return {}
    return found if isinstance(found, dict) else {}


def sha256(path: Path) -> str:
    """Hex digest of a file, or of all files of a folder in sorted order."""
    stats = [file.stat() for file in _files(path)]
    return _sha256(path, tuple((s.st_mtime_ns, s.st_size) for s in stats))


def matches(path: Path, entry: dict) -> bool:
    """Whether a file has the sha256, or its beginning, that its entry of registry.yaml states; True where it states none."""
    return sha256(path).startswith(str(entry.get("sha256", "")))


def checksums(names: Iterable[str]) -> dict[str, str]:
    """name or path → `sha256` of what it stands for, in sorted order."""
    return {name: sha256(resolve(name)) for name in sorted(set(names))}


def differing(known: dict[str, str], now: dict[str, str]) -> list[str]:
    """The names whose sha256 is another now; what stands in one of both alone is not compared."""
    return [name for name, digest in known.items() if now.get(name, digest) != digest]


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


@lru_cache
def _sha256(path: Path, state: tuple) -> str:
    """The digest of a file in this state of changes."""
    return files.sha256(*_files(path))
