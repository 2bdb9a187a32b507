"""The file behind a name of registry.yaml, and checksums of files and folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest, plugins
from gantoolkit.weights import hub, hub_files


@plugins.hookimpl(trylast=True)
def resolve_weights(name: str) -> Path | None:
    """Look a name up in every registry.yaml, or as OWNER/NAME of the Hub: the package's own
    implementation of this hook.

    The file lies in its package, in $GANTOOLKIT_OFFLINE, among the downloads or in the Hub's
    cache; it may not exist yet.
    """
    entry = find_entry(name)
    if not entry:
        return None
    path = locate(entry)
    offline = os.environ.get("GANTOOLKIT_OFFLINE")
    if offline and "file" not in entry and not path.exists():
        return Path(offline) / path.name
    return path


def find_entry(name: str) -> dict | None:
    """Return the entry of a name of registry.yaml, of a listed repository, or of any OWNER/NAME."""
    known = manifest.load().weights
    if name in known:
        return known[name]
    for entry in known.values():
        if entry.get("hub") == name:
            return entry
    if hub_files.is_repository(name):
        return {"hub": name, "save_as": name.replace("/", "--")}
    return None


def locate(entry: dict) -> Path:
    """Return where the weights of an entry are, or where they should be: see `resolve_weights`."""
    path = manifest.load().file(entry)
    if "hub" in entry and not path.exists():
        return hub.find(entry["hub"], entry.get("include", ())) or path
    return path


def resolve(name_or_path: str | os.PathLike) -> Path:
    """Find the file or folder behind a path, or behind a name that registry.yaml or a plugin knows.

    OWNER/NAME is a repository of the Hub that was fetched. Raises WeightsError, with what exists,
    when there is neither.
    """
    path = Path(name_or_path)
    if path.exists():
        return path

    name = str(name_or_path)
    answer = plugins.hooks().resolve_weights(name=name)
    if answer is None:
        known = manifest.load().weights
        raise WeightsError(
            f"No weights named '{name}' and no such file{did_you_mean(name, known)}; "
            f"known weights: {', '.join(sorted(known)) or 'none'}."
        )
    path = Path(answer)
    if path.exists():
        return path
    raise WeightsError(_describe_absence(name, find_entry(name), path))


def _describe_absence(name: str, entry: dict | None, path: Path) -> str:
    """Say what to do about weights that have a name and no file."""
    if entry and "owner" not in entry:
        return (
            f"There is no file '{name}'; if it is a repository of the Hub, type 'gantoolkit "
            f"weights get {name}'."
        )
    if entry and "file" not in entry:
        return (
            f"The weights '{name}' are not here yet; type 'gantoolkit weights get {name}' "
            f"(licence: {entry.get('licence', 'unknown')})."
        )
    recipe = (entry or {}).get("recipe", "docs/zoo.md")
    return (
        f"The weights '{name}' should be at {path}, which does not exist; reinstall "
        f"gantoolkit or train them with their recipe ({recipe})."
    )


def sha256(path: Path, include: Sequence[str] = ()) -> str:
    """Hash a file, or the files of a folder that are read, in sorted order.

    The hex digest is kept until one changes.

    include  patterns of the files that are read (default: by the form of the folder)
    """
    paths = tuple(_files(path, include))
    stats = [file.stat() for file in paths]
    return _sha256(paths, tuple((stat.st_mtime_ns, stat.st_size) for stat in stats))


def checksum(name: str) -> str:
    """Return the `sha256` of what a name or path stands for."""
    entry = find_entry(str(name)) or {}
    return sha256(resolve(name), entry.get("include", ()))


def matches(path: Path, entry: dict) -> bool:
    """Whether a file has the sha256 (or its first digits) that its entry of registry.yaml
    states, if any.
    """
    return sha256(path).startswith(str(entry.get("sha256", "")))


def checksums(names: Iterable[str]) -> dict[str, str]:
    """Map each name or path to the `sha256` of its file, in sorted order."""
    return {name: checksum(name) for name in sorted(set(names))}


def differing(known: dict[str, str], now: dict[str, str]) -> list[str]:
    """List the names whose sha256 has changed.

    A name that only one of both holds is not compared.
    """
    return [name for name, digest in known.items() if now.get(name, digest) != digest]


def _files(path: Path, include: Sequence[str]) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        return hub_files.read_files(path, include)
    except WeightsError:  # something is missing, which its reader will say
        return sorted(file for file in path.rglob("*") if file.is_file())


@lru_cache
def _sha256(paths: tuple[Path, ...], state: tuple) -> str:
    """Hash files; `state` (times and sizes) makes a changed file another entry of the cache."""
    return files.sha256(*paths)
