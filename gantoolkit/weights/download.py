"""`gantoolkit weights get`: published weights, from the Hub or as single files (http_file.py).

A plugin that answers the hook `resolve_weights` (a shared folder, an internal store) is asked
before anything is fetched.
"""

from __future__ import annotations

import os
import shutil
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest, plugins
from gantoolkit.weights import http_file, hub
from gantoolkit.weights.names import find_entry, matches


def main(args: Namespace) -> None:
    """Fetch one entry of registry.yaml, or a repository of the Hub; say where and what it is."""
    entry = entry_of(args.name)
    path = get(args.name, args.mirror, args.offline, args.include)
    page = f" ({entry['page']})" if "page" in entry else ""
    print(f"{args.name}: {path}")
    print(f"licence: {entry.get('licence', hub.UNKNOWN)}{page}")
    if entry.get("use"):
        print(f"use: {entry['use']}")


def entry_of(name: str) -> dict:
    """Look up the entry of a name in registry.yaml, or that of a repository OWNER/NAME."""
    entry = find_entry(name)
    if entry is None:
        known = manifest.load().weights
        raise UsageError(
            f"No weights named '{name}'{did_you_mean(name, known)}; "
            f"known: {', '.join(sorted(known))}, and OWNER/NAME of the Hub."
        )
    return entry


def get(
    name: str,
    mirror: str | None = None,
    offline: str | None = None,
    include: Sequence[str] = (),
) -> Path:
    """Return the file or folder of published weights; it is fetched if it is not there yet.

    mirror   address whose URL/FILE is fetched instead (default: $GANTOOLKIT_MIRROR)
    offline  folder that the file is copied from (default: $GANTOOLKIT_OFFLINE); nothing is fetched
    include  patterns of the files of a repository (default: those that are read here)

    Raises WeightsError with what to do.
    """
    entry = entry_of(name)
    if include:
        entry = _with_include(name, entry, include)
    path = plugins.hooks().resolve_weights(name=name)
    if path is not None and Path(path).exists() and not include:
        return checked(Path(path), entry, name)

    target = manifest.load().file(entry)
    offline = offline or os.environ.get("GANTOOLKIT_OFFLINE")
    if offline:
        return copied(name, entry, Path(offline), target)
    if "hub" in entry:
        if mirror:
            raise UsageError(f"'{name}' is fetched from the Hub; name its mirror in $HF_ENDPOINT.")
        return hub.fetch(entry["hub"], entry.get("include", ()))
    mirror = mirror or os.environ.get("GANTOOLKIT_MIRROR")
    if mirror:
        url = f"{mirror.rstrip('/')}/{target.name}"
    elif "url" in entry:
        url = entry["url"]
    else:
        what = "save the file as" if target.suffix else "save its files in the folder"
        raise WeightsError(
            f"'{name}' has no address that a program can fetch; open "
            f"{entry.get('page', 'its page')}, {what} {target} and repeat."
        )
    return http_file.fetch(url, target, str(entry.get("sha256", "")), int(entry.get("bytes", 0)))


def _with_include(name: str, entry: dict, include: Sequence[str]) -> dict:
    """The entry of a repository with other files than those that are read here."""
    if "hub" not in entry:
        raise UsageError(f"--include chooses files of a repository, and '{name}' is one file.")
    return entry | {"include": list(include)}


def checked(path: Path, entry: dict, name: str) -> Path:
    """Return `path`, if its content is what registry.yaml states."""
    if path.is_file() and not matches(path, entry):
        raise WeightsError(
            f"{path} is not the file that '{name}' names (its sha256 differs); "
            "delete it and repeat."
        )
    return path


def copied(name: str, entry: dict, folder: Path, target: Path) -> Path:
    """Copy the file from a folder that somebody filled elsewhere; nothing is fetched."""
    source = folder / target.name
    if not source.exists():
        address = entry.get("url", entry.get("page", "its page"))
        raise WeightsError(
            f"{folder} has no {target.name}, and nothing is fetched while offline; "
            f"copy it there from {address}."
        )
    checked(source, entry, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.copy")
    if source.is_dir():
        shutil.copytree(source, partial, copy_function=shutil.copyfile, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, partial)
    return partial.replace(target)
