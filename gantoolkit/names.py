"""Sentences about names: what is close to a mistyped one, what exists, what could be installed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from gantoolkit import manifest

DEVICES = ("cpu", "cuda", "mps")


def suggest(name: str, known: Iterable[str]) -> str:
    """" (did you mean 'x'?)" for the closest known name, or ""."""
    by_lower = {str(k).lower(): str(k) for k in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(repr(by_lower[c]) for c in close)}?)" if close else ""


def unknown_device(name: str, also: Iterable[str] = ()) -> str:
    """The sentence for a device that torch knows none of, or ""; `also` are further names that stand for one."""
    known = [*DEVICES, *also]
    if name in known or re.fullmatch(r"cuda:\d+", name):
        return ""
    return f"there is no device '{name}'{suggest(name, known)}; choose {', '.join(known)} or cuda:N"


def existing(kind: str, registered: Iterable[str] = ()) -> list[str]:
    """All names of a kind, sorted."""
    return sorted({*manifest.load().components[kind], *registered})


def unknown(kind: str, name: str, registered: Iterable[str] = ()) -> str:
    """The sentence for a component that does not exist."""
    index = manifest.load()
    known = existing(kind, registered)
    sentence = f"There is no {kind} '{name}'{suggest(name, known)}; known: {', '.join(known) or 'none'}"
    elsewhere = index.kinds_of(name)
    if elsewhere:
        sentence += f"; '{name}' is a {' and a '.join(elsewhere)}"
    return sentence + _elsewhere(f"{kind}/{name}") + "."


def unknown_command(verb: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a command that no plugin offers."""
    known = sorted(known)
    return (f"There is no '{verb} {name}'{suggest(name, known)}; known: {', '.join(known) or 'none'}"
            + _elsewhere(f"command/{verb} {name}") + ".")


def _elsewhere(what: str) -> str:
    """Known plugins that would provide it, and plugins that failed."""
    index = manifest.load()
    found = [f"; the plugin '{plugin}' has it: {entry['install']}"
             for plugin, entry in index.external.items() if what in entry.get("provides", ())]
    found += [f"; the plugin '{owner.name}' could not be used: {owner.error}" for owner in index.failed()]
    return "".join(found)


def wrong_argument(kind: str, name: str, argument: str, known: Iterable[str]) -> str:
    """The sentence for a constructor argument that does not exist."""
    known = list(known)
    return (f"The {kind} '{name}' takes no argument '{argument}'{suggest(argument, known)}; "
            f"it takes {', '.join(known) or 'none'}.")
