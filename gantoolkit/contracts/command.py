"""`gantoolkit plugin check DIR`: import a plugin, and test every component that it brings."""

from __future__ import annotations

import os
import tempfile
from argparse import Namespace
from importlib import import_module
from pathlib import Path

from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.registry import manifest, plugins


def main(args: Namespace) -> int:
    """Print a line for every component; returns 1 where one breaks its contract."""
    failed = 0
    for provider in load(Path(args.folder)):
        print(f"{provider.name} {provider.version}".rstrip(), f"in {provider.root}")
        for kind, name, entry in components_of(provider):
            line = f"  {kind} {name}"
            try:
                print(f"{line}: {check(kind, name, entry)}")
            except GantoolkitError as error:
                failed += 1
                print(f"{line}: {error}")
    return 1 if failed else 0


def load(folder: Path) -> list[manifest.Provider]:
    """Find and import the plugins of a project folder; UsageError where that cannot be done."""
    if not (folder / "pyproject.toml").is_file():
        raise UsageError(f"{folder} holds no pyproject.toml; give the project folder of a plugin.")
    others = os.environ.get("GANTOOLKIT_PLUGINS")
    paths = [str(folder.resolve()), *([others] if others else [])]
    os.environ["GANTOOLKIT_PLUGINS"] = os.pathsep.join(paths)
    manifest.load.cache_clear()
    plugins.manager.cache_clear()

    index = manifest.load()
    found = [one for one in index.providers.values() if _is_in(one, folder)]
    plugins.manager()  # imports its hooks
    for provider in found:
        if provider.error:
            raise UsageError(f"The plugin '{provider.name}' cannot be used: {provider.error}.")
    if not found:
        raise UsageError(
            f"{folder} holds a plugin whose name another one has; see 'gantoolkit list plugins'."
        )
    return found


def _is_in(provider: manifest.Provider, folder: Path) -> bool:
    return provider.root.resolve().is_relative_to(folder.resolve())


def components_of(provider: manifest.Provider) -> list[tuple[str, str, dict]]:
    """List kind, name and entry of every component of a plugin."""
    found = []
    for kind, entries in manifest.load().components.items():
        for name, entry in entries.items():
            if entry["owner"] == provider.name:
                found.append((kind, name, entry))
    return found


def check(kind: str, name: str, entry: dict) -> str:
    """Test one component with the arguments of its `example`; returns what to print."""
    from gantoolkit.contracts.run import check_component, missing_arguments

    with tempfile.TemporaryDirectory() as folder:
        arguments = example_of(entry, Path(folder))
        if missing := missing_arguments(kind, name, arguments):
            return (
                f"not tested; it needs {', '.join(missing)}: give them as `example: {{…}}` beside "
                "`module` in registry.yaml"
            )
        kept = check_component(kind, name, **arguments)
    return f"keeps its contract ({kept} checks)"


def example_of(entry: dict, folder: Path) -> dict:
    """Return the arguments of a component's `example`; a function writes its files to `folder`."""
    example = entry.get("example", {})
    if isinstance(example, dict):
        return example
    module, _, function = example.partition(":")
    return getattr(import_module(module), function)(folder)
