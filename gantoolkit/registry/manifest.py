"""The read-only index of what exists: registry.yaml of the package and of every plugin found.

Nothing of a plugin is imported here. Plugins are found by `discovery`: installed ones, and those
in `$GANTOOLKIT_PLUGINS` or in `plugins/` of a checkout. A registry.yaml lies in its package folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from gantoolkit.core.files import cache_root
from gantoolkit.registry.content import KINDS, RENAMED, SECTIONS, check_content, read_yaml
from gantoolkit.registry.discovery import GROUP, Provider, folder_plugins, installed_plugins
from gantoolkit.registry.hub_cache import snapshot

PLURALS = {"losses" if kind == "loss" else f"{kind}s": kind for kind in KINDS}


@dataclass
class Manifest:
    """Every entry as authored, plus "owner", the name of its provider."""

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
    providers: dict[str, Provider] = field(default_factory=dict)
    clashes: list[str] = field(default_factory=list)  # one sentence each

    def file(self, entry: dict) -> Path:
        """Locate the file of `weights` or `data`: in its package, or among the downloads."""
        if "file" in entry:
            return self.providers[entry["owner"]].root / entry["file"]
        name_in_url = entry.get("url", "").rpartition("/")[2]
        return cache_folder("downloads") / entry.get("save_as", name_in_url)

    def find(self, entry: dict) -> Path:
        """Locate the file as `file` does, or the repository of an entry in the Hub's cache."""
        path = self.file(entry)
        if "hub" in entry and not path.exists():
            return snapshot(entry["hub"]) or path
        return path

    def kinds_of(self, name: str) -> list[str]:
        """List the kinds that have a component of this name."""
        return [kind for kind, entries in self.components.items() if name in entries]

    def failed(self) -> list[Provider]:
        """List the plugins that cannot be used; each says why in `error`."""
        return [provider for provider in self.providers.values() if provider.error]


def package_root() -> Path:
    """The folder of the installed gantoolkit package."""
    return Path(__file__).parents[1]


def cache_folder(name: str) -> Path:
    """The folder `downloads` or `converted` in the cache."""
    return cache_root() / name


def checkout_root() -> Path | None:
    """The repository that this package runs from, or None when it is installed."""
    root = package_root().parent
    markers = (root / "registry.yaml", root / "pyproject.toml")
    return root if all(marker.is_file() for marker in markers) else None


@lru_cache
def load() -> Manifest:
    """Read the manifest; once in every process."""
    manifest = Manifest()
    root = package_root()
    packed = root / "registry.yaml"
    own_file = packed if packed.is_file() else root.parent / "registry.yaml"
    _add(manifest, Provider(GROUP, root), own_file)
    for plugin in _plugins():
        if plugin.name not in manifest.providers:
            _add(manifest, plugin, plugin.root / "registry.yaml")
    for name in manifest.providers:
        manifest.external.pop(name, None)
    return manifest


def _add(manifest: Manifest, provider: Provider, file: Path) -> None:
    """Add the entries of one registry.yaml.

    The error of a plugin's file is kept in the provider.
    """
    manifest.providers[provider.name] = provider
    if provider.error:
        return
    if not file.is_file() and provider.entry:
        return  # a plugin that has only hooks
    try:
        content = read_yaml(file)
        check_content(content)
        _add_content(manifest, provider, content)
    except Exception as error:  # a plugin's file may be anything; it must not take the others down
        if provider.name == GROUP:
            raise
        said = str(error) if str(file) in str(error) else f"{file}: {error}"
        provider.error = " ".join(said.split()).rstrip(".")


def _add_content(manifest: Manifest, provider: Provider, content: dict[str, Any]) -> None:
    for kind, entries in (content.get("components") or {}).items():
        _merge(manifest, kind, manifest.components[kind], entries, provider)
    for section in SECTIONS:
        _merge(manifest, section, getattr(manifest, section), content.get(section), provider)
    for section, names in (content.get("renamed") or {}).items():
        _merge_renamed(manifest.renamed[section], names)


def _merge(
    manifest: Manifest, what: str, known: dict, entries: dict | None, provider: Provider
) -> None:
    """Add entries to `known`; of two with one name, the first stays and the clash is noted."""
    for name, entry in (entries or {}).items():
        if name not in known:
            known[name] = {**entry, "owner": provider.name}
            continue
        first = known[name]["owner"]
        manifest.clashes.append(
            f"{what} '{name}' is offered by {first} and {provider.name}; {first}'s is used"
        )


def _merge_renamed(known: dict[str, list[str]], names: dict[str, str | list[str]] | None) -> None:
    """Add old name → new name, or a list of new names of which each component takes its own."""
    for old, new in (names or {}).items():
        known.setdefault(str(old), []).extend([new] if isinstance(new, str) else new)


def _plugins() -> Iterator[Provider]:
    """Folder plugins first (what a developer points at), then the installed ones, by name."""
    for folder in plugin_folders():
        yield from folder_plugins(folder)
    yield from installed_plugins()


def plugin_folders() -> list[Path]:
    """List the folders that $GANTOOLKIT_PLUGINS names, then those in plugins/ of a checkout."""
    paths = os.environ.get("GANTOOLKIT_PLUGINS", "").split(os.pathsep)
    named = [Path(path).expanduser() for path in paths if path]
    checkout = checkout_root()
    if checkout is None:
        return named
    in_tree = sorted((checkout / "plugins").glob("*/pyproject.toml"))
    return named + [file.parent for file in in_tree]
