"""The read-only index of what exists: registry.yaml of the package and of every plugin found.

Nothing of a plugin is imported here. An installed plugin is found through its entry point of the group
`gantoolkit`; a folder plugin through `$GANTOOLKIT_PLUGINS` or `plugins/` of a checkout, where its
pyproject.toml names the entry point. Its registry.yaml lies in its package folder.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from gantoolkit.core.suggest import check_choice

GROUP = "gantoolkit"
KINDS = ("encoder", "bridge", "generator", "network", "loss", "metric", "task", "system")
PLURALS = {"losses" if kind == "loss" else f"{kind}s": kind for kind in KINDS}
SECTIONS = ("weights", "data", "presets", "external", "commands")
RENAMED = ("keys", "components", "hooks", "commands", "modules")  # sections of `renamed`


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


@dataclass
class Manifest:
    """components[kind][name], weights[name], …: dicts as authored, plus "owner" (a name) each."""

    components: dict[str, dict[str, dict]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )
    weights: dict[str, dict] = field(default_factory=dict)
    data: dict[str, dict] = field(default_factory=dict)
    presets: dict[str, dict] = field(default_factory=dict)
    external: dict[str, dict] = field(default_factory=dict)
    commands: dict[str, dict] = field(default_factory=dict)
    renamed: dict[str, dict[str, list[str]]] = field(
        default_factory=lambda: {section: {} for section in RENAMED}
    )  # section → old name → what it may be called now
    owners: dict[str, Provider] = field(default_factory=dict)
    clashes: list[str] = field(default_factory=list)

    def file(self, entry: dict) -> Path:
        """Where the file of a `weights` or `data` entry lies: in its package, or in the cache once it is fetched."""
        if "file" in entry:
            return self.owners[entry["owner"]].root / entry["file"]
        return cache_folder("downloads") / entry.get(
            "save_as", entry.get("url", "").rpartition("/")[2]
        )

    def kinds_of(self, name: str) -> list[str]:
        """The kinds that have a component of this name."""
        return [kind for kind, entries in self.components.items() if name in entries]

    def failed(self) -> list[Provider]:
        """Plugins that cannot be used, with their error."""
        return [owner for owner in self.owners.values() if owner.error]


def package_root() -> Path:
    """The folder of the installed gantoolkit package."""
    return Path(__file__).parents[1]


def cache_root() -> Path:
    """What is kept between commands lies here: $GANTOOLKIT_CACHE, else gantoolkit in $XDG_CACHE_HOME or ~/.cache."""
    here = os.environ.get("GANTOOLKIT_CACHE")
    return Path(
        here or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "gantoolkit"
    ).expanduser()


def cache_folder(name: str) -> Path:
    """`downloads` or `converted` in the cache."""
    return cache_root() / name


def checkout_root() -> Path | None:
    """The repository that this package runs from, or None when it is installed."""
    root = package_root().parent
    return (
        root if (root / "registry.yaml").is_file() and (root / "pyproject.toml").is_file() else None
    )


@lru_cache
def load() -> Manifest:
    """The manifest of this process, read once."""
    manifest = Manifest()
    root = package_root()
    packed = root / "registry.yaml"
    _add(
        manifest,
        Provider(GROUP, root),
        packed if packed.is_file() else root.parent / "registry.yaml",
    )
    for owner in _plugins():
        if owner.name not in manifest.owners:
            _add(manifest, owner, owner.root / "registry.yaml")
    for name in manifest.owners:
        manifest.external.pop(name, None)
    return manifest


def _add(manifest: Manifest, owner: Provider, file: Path) -> None:
    manifest.owners[owner.name] = owner
    if owner.error:
        return
    if not file.is_file() and owner.entry:
        return  # a plugin of hooks alone
    try:
        content = read_yaml(file)
        for kind, entries in (content.get("components") or {}).items():
            check_choice("kind", kind, KINDS, ValueError)
            _merge(manifest, kind, manifest.components[kind], entries, owner)
        for section in SECTIONS:
            _merge(manifest, section, getattr(manifest, section), content.get(section), owner)
        for section, names in (content.get("renamed") or {}).items():
            check_choice("renamed", section, RENAMED, ValueError)
            _merge_renamed(manifest.renamed[section], names)
    except Exception as error:  # a plugin's file may be anything; it must not take the others down
        if owner.name == GROUP:
            raise
        owner.error = f"{file}: {error}".replace("\n", " ")


def _merge(
    manifest: Manifest, what: str, known: dict, entries: dict | None, owner: Provider
) -> None:
    for name, entry in (entries or {}).items():
        if name in known:
            first = known[name]["owner"]
            manifest.clashes.append(
                f"{what} '{name}' is offered by {first} and {owner.name}; {first}'s is used"
            )
        else:
            known[name] = {**entry, "owner": owner.name}


def _merge_renamed(known: dict[str, list[str]], names: dict[str, str | list[str]] | None) -> None:
    """Add old name → new name, or a list of new names of which each component takes its own."""
    for old, new in (names or {}).items():
        known.setdefault(str(old), []).extend([new] if isinstance(new, str) else new)


def read_yaml(file: Path) -> dict:
    """The mapping in a YAML file."""
    import yaml

    with open(file, encoding="utf-8") as stream:
        return yaml.load(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}


def _plugins() -> Iterator[Provider]:
    """Folder plugins first (what a developer points at), then the installed ones, by name."""
    for folder in plugin_folders():
        yield from _folder_plugins(folder)
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda e: e.name):
        yield _installed(entry)


def plugin_folders() -> list[Path]:
    """Folders with a pyproject.toml named by $GANTOOLKIT_PLUGINS or lying in plugins/ of a checkout."""
    named = [
        Path(p).expanduser()
        for p in os.environ.get("GANTOOLKIT_PLUGINS", "").split(os.pathsep)
        if p
    ]
    checkout = checkout_root()
    in_tree = sorted((checkout / "plugins").glob("*/pyproject.toml")) if checkout else []
    return named + [file.parent for file in in_tree]


def _folder_plugins(folder: Path) -> Iterator[Provider]:
    try:
        with open(folder / "pyproject.toml", "rb") as stream:
            project = tomllib.load(stream)["project"]
        entries = project.get("entry-points", {})[GROUP]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        yield Provider(
            folder.name,
            folder,
            error=f"{folder}/pyproject.toml names no entry point of the group "
            f"'{GROUP}' ({error!r})",
        )
        return
    for name, module in entries.items():
        package = module.partition(":")[0].partition(".")[0]
        base = next((b for b in (folder, folder / "src") if (b / package).is_dir()), folder)
        error = "" if (base / package).is_dir() else f"{base / package} does not exist"
        yield Provider(name, base / package, module, base, str(project.get("version", "")), error)


def _installed(entry: metadata.EntryPoint) -> Provider:
    version = entry.dist.version if entry.dist else ""
    package = entry.module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(package)  # finds a top-level package without importing it
        folder = Path(
            spec.submodule_search_locations[0] if spec.submodule_search_locations else spec.origin
        )
    except Exception as error:
        missing = f"its package '{package}' cannot be found ({error})"
        return Provider(entry.name, Path(), entry.value, None, version, missing)
    return Provider(
        entry.name, folder if folder.is_dir() else folder.parent, entry.value, None, version
    )
