"""Sentences about names that do not exist: what is close, what is known, what could be installed."""

from __future__ import annotations

from collections.abc import Iterable

from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest


def existing(kind: str, registered: Iterable[str] = ()) -> list[str]:
    """All names of a kind, sorted."""
    return sorted({*manifest.load().components[kind], *registered})


def unknown(kind: str, name: str, registered: Iterable[str] = ()) -> str:
    """The sentence for a component that does not exist."""
    index = manifest.load()
    known = existing(kind, registered)
    sentence = f"There is no {kind} '{name}'{did_you_mean(name, known)}; known: {', '.join(known) or 'none'}"
    elsewhere = index.kinds_of(name)
    if elsewhere:
        sentence += f"; '{name}' is a {' and a '.join(elsewhere)}"
    return sentence + _elsewhere(f"{kind}/{name}") + "."


def unknown_command(verb: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a command that no plugin offers."""
    known = sorted(known)
    return (
        f"There is no '{verb} {name}'{did_you_mean(name, known)}; known: {', '.join(known) or 'none'}"
        + _elsewhere(f"command/{verb} {name}")
        + "."
    )


def _elsewhere(what: str) -> str:
    """Known plugins that would provide it, and plugins that failed."""
    index = manifest.load()
    found = [
        f"; the plugin '{plugin}' has it: {entry['install']}"
        for plugin, entry in index.external.items()
        if what in entry.get("provides", ())
    ]
    found += [
        f"; the plugin '{owner.name}' could not be used: {owner.error}" for owner in index.failed()
    ]
    return "".join(found)


def wrong_argument(kind: str, name: str, argument: str, known: Iterable[str]) -> str:
    """The sentence for a constructor argument that does not exist."""
    known = list(known)
    return (
        f"The {kind} '{name}' takes no argument '{argument}'{did_you_mean(argument, known)}; "
        f"it takes {', '.join(known) or 'none'}."
    )
