"""Plugins that are installed or named, found without importing them, however broken they are.

An installed plugin is found through its entry point of the group `gantoolkit`; a folder plugin
through its pyproject.toml, which names the entry point. What cannot be read becomes a Provider
with an `error`, so that nothing of somebody else stops a command.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from gantoolkit.core import files

GROUP = "gantoolkit"
ENTRY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[\w.]+)?")  # package.module:object


@dataclass
class Provider:
    """Whoever brings entries: the package itself or one plugin."""

    name: str
    root: Path  # folder of the package; files in its registry.yaml are relative to it
    entry: str = ""  # module of its hooks, "" for the package itself
    folder: Path | None = None  # what a folder plugin needs on sys.path
    version: str = ""
    error: str = ""  # why it could not be read or loaded

    def add_to_sys_path(self) -> None:
        """Make a folder plugin importable."""
        if self.folder and str(self.folder) not in sys.path:
            sys.path.append(str(self.folder))


def folder_plugins(folder: Path) -> Iterator[Provider]:
    """Yield the plugins that the pyproject.toml of a folder announces."""
    file = folder / "pyproject.toml"
    try:
        project = _read_project(file)
        entries = _entries_of(project, file)
    except Exception as error:
        said = str(error) if str(file) in str(error) else f"{file}: {error}"
        yield Provider(folder.name, folder, error=" ".join(said.split()).rstrip("."))
        return
    version = str(project.get("version", ""))
    for name, module in entries.items():
        if problem := _entry_problem(module):
            yield Provider(name, folder, version=version, error=f"{file}: {problem}")
            continue
        package = _top_package(module)
        candidates = (folder, folder / "src")
        base = next((base for base in candidates if (base / package).is_dir()), folder)
        root = base / package
        error = "" if root.is_dir() else f"{root} does not exist"
        yield Provider(name, root, module, base, version, error)


def _read_project(file: Path) -> dict[str, Any]:
    """Read the table [project]; raises what is wrong with the file."""
    project = tomllib.loads(files.read_text(file)).get("project")
    if not isinstance(project, dict):
        raise ValueError("it has no table [project]")
    return project


def _entries_of(project: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return entry point name → module of our group."""
    groups = project.get("entry-points", {})
    entries = groups.get(GROUP) if isinstance(groups, dict) else None
    if not isinstance(entries, dict):
        raise ValueError(
            f"it names no entry point of the group '{GROUP}'; write "
            f'[project.entry-points.{GROUP}] and NAME = "package.module" below it'
        )
    return entries


def installed_plugins() -> list[Provider]:
    """List the plugins of installed distributions by name; of two with one name the first counts.

    Distributions whose entry points cannot be read are listed with an error.
    """
    providers: dict[str, Provider] = {}
    seen = set()
    for distribution in metadata.distributions():
        label = _label(distribution)
        if label in seen:
            continue
        seen.add(label)
        try:
            entries = [entry for entry in distribution.entry_points if entry.group == GROUP]
        except Exception as error:  # of whatever package
            said = " ".join(str(error).split())
            problem = f"its entry_points.txt cannot be read ({type(error).__name__}: {said})"
            providers.setdefault(label, Provider(label, Path(), error=problem))
            continue
        for entry in entries:
            providers.setdefault(entry.name, _installed(entry, _version(distribution)))
    return [providers[name] for name in sorted(providers)]


def _label(distribution: metadata.Distribution) -> str:
    """Name a distribution by its folder, since its metadata may be missing or broken."""
    path = getattr(distribution, "_path", None)
    if path is None:
        return str(id(distribution))
    return Path(str(path)).name.partition("-")[0].removesuffix(".egg")


def _version(distribution: metadata.Distribution) -> str:
    try:
        return str(distribution.version or "")
    except Exception:  # no METADATA, or not UTF-8
        return ""


def _installed(entry: metadata.EntryPoint, version: str) -> Provider:
    """Return the installed plugin behind an entry point."""
    if problem := _entry_problem(entry.value):
        return Provider(entry.name, Path(), entry.value, None, version, problem)
    package = _top_package(entry.value)
    try:
        spec = importlib.util.find_spec(package)  # finds a top-level package without importing it
        if spec is None:
            raise ModuleNotFoundError("it is not installed")
        location = (spec.submodule_search_locations or [spec.origin])[0]
        path = Path(location)
    except Exception as error:
        missing = f"its package '{package}' cannot be found ({error})"
        return Provider(entry.name, Path(), entry.value, None, version, missing)
    root = path if path.is_dir() else path.parent
    return Provider(entry.name, root, entry.value, None, version)


def _entry_problem(entry: object) -> str:
    """Say why an entry point cannot be imported by anyone, or ""."""
    if isinstance(entry, str) and ENTRY.fullmatch(entry):
        return ""
    return f"its entry point {entry!r} is not the name of a module, such as my_plugin.hooks"


def _top_package(entry: str) -> str:
    """The top-level package of an entry point such as package.module:object."""
    return entry.partition(":")[0].partition(".")[0]
