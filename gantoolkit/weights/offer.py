"""Published weights that a command needs and that are not here: offered with size and licence."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from filelock import FileLock

from gantoolkit.core.errors import WeightsError
from gantoolkit.core.files import cache_root
from gantoolkit.registry import manifest, plugins
from gantoolkit.weights import download, hub, hub_files
from gantoolkit.weights.names import find_entry

# Keys of a config that may hold OWNER/NAME of the Hub; names of registry.yaml may stand anywhere.
REPOSITORY_KEYS = (
    "encoder",
    "weights",
    "controlnet",
    "vae",
    "text",
    "network",
    "diffusion",
    "init_from",
)


def offer(config: Any, yes: bool) -> None:
    """Fetch what a config, or the specs of a pipeline, names and is not here, after asking.

    yes  fetch without a question

    Raises WeightsError, which says what to type, where nobody can be asked or the answer is no.
    Of several processes one fetches and the others wait.
    """
    if not missing(config):
        return
    if not yes and not _can_ask():
        raise WeightsError(_refusal(missing(config)))
    cache_root().mkdir(parents=True, exist_ok=True)
    with FileLock(cache_root() / "fetch.lock"):
        names = missing(config)
        if not names:
            return
        print("Not here yet:", file=sys.stderr)
        for name in names:
            print(f"  {describe(name)}", file=sys.stderr)
        if not yes and not _agrees():
            raise WeightsError(_refusal(names))
        for name in names:
            print(f"{name}: {download.get(name)}", file=sys.stderr)


def missing(config: Any) -> list[str]:
    """List the names in a config that can be fetched and are not here, each once."""
    known = manifest.load().weights
    names: dict[str, None] = {}
    for key, text in _texts(config):
        is_named = text in known or (key in REPOSITORY_KEYS and hub_files.is_repository(text))
        if is_named and _can_be_fetched(text) and not _is_here(text):
            names[text] = None
    return list(names)


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a config, with the key that it stands under."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for inner_key, inner in value.items():
            yield from _texts(inner, inner_key)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner, key)


def _can_be_fetched(name: str) -> bool:
    entry = find_entry(name) or {}
    return "url" in entry or "hub" in entry


def _is_here(name: str) -> bool:
    path = plugins.hooks().resolve_weights(name=name)
    return path is not None and os.path.exists(path)


def describe(name: str) -> str:
    """Return a line with a name, its size and its licence; repositories are asked of the Hub."""
    entry = find_entry(name) or {}
    size = entry.get("bytes", 0)
    licence = entry.get("licence", "")
    if "hub" in entry:
        repository = hub.describe(entry["hub"], entry.get("include", ()))
        size = repository.bytes
        licence = licence or repository.licence
    text = f"{size / 1e9:.2f} GB" if size else "size unknown"
    page = entry.get("page", f"repository {name} of the Hub")
    return f"{name}  {text}  licence: {licence or hub.UNKNOWN}  ({page})"


def _can_ask() -> bool:
    """Whether a person sits before this process alone."""
    is_one = os.environ.get("WORLD_SIZE", "1") == "1"
    return is_one and sys.stdin.isatty() and sys.stderr.isatty()


def _agrees() -> bool:
    print("Fetch now? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _refusal(names: Iterable[str]) -> str:
    """Say what to type."""
    listed = [f"'{name}' (licence: {_licence(name)})" for name in names]
    verb = "is" if len(listed) == 1 else "are"
    return (
        f"{', '.join(listed)} {verb} not here yet; repeat with --yes to fetch, or type "
        "'gantoolkit weights get NAME' for each."
    )


def _licence(name: str) -> str:
    return (find_entry(name) or {}).get("licence", "see its page")
