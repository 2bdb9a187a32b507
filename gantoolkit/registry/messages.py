"""Sentences about names that do not exist: what is close, known, or could be installed."""

from __future__ import annotations

from collections.abc import Iterable

from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest


def hint(section: str, name: str, known: Iterable[str]) -> str:
    """Say " (now called 'x')" of an old name, else " (did you mean 'x'?)" of a mistyped one, or "".

    section  what the name is of: keys, components, hooks, commands or modules (registry.yaml,
             `renamed`)
    known    names that are accepted where `name` was given
    """
    known = list(known)
    if new := new_name(section, name, known):
        return f" (now called '{new}')"
    return did_you_mean(name, known)


def new_name(section: str, name: str, known: Iterable[str]) -> str | None:
    """Return what `name` of an earlier version is called now, if that is among `known`.

    A new name may be dotted (`evaluation.held_out`): then its first part is to be known.
    """
    accepted = set(known)
    for new in manifest.load().renamed[section].get(name, ()):
        if new in accepted or new.partition(".")[0] in accepted:
            return new
    return None


def moved_module(error: BaseException) -> str:
    """Say what a module is called now, if `error` is about the import of an old one; else ""."""
    if not isinstance(error, ImportError) or not error.name:
        return ""
    new_names = manifest.load().renamed["modules"].get(error.name)
    if not new_names:
        return ""
    return f"; {error.name} is now called {' or '.join(new_names)}"


def existing(kind: str, registered: Iterable[str] = ()) -> list[str]:
    """List all names of a kind, sorted."""
    return sorted({*manifest.load().components[kind], *registered})


def unknown(kind: str, name: str, registered: Iterable[str] = ()) -> str:
    """Say that a component does not exist."""
    known = existing(kind, registered)
    sentence = f"There is no {kind} '{name}'{hint('components', name, known)}; {_listed(known)}"
    other_kinds = manifest.load().kinds_of(name)
    if other_kinds:
        sentence += f"; '{name}' is a {' and a '.join(other_kinds)}"
    return f"{sentence}{_in_plugins(f'{kind}/{name}')}."


def unknown_command(verb: str, name: str, known: Iterable[str]) -> str:
    """Say that no plugin offers a command."""
    known = sorted(known)
    full = f"{verb} {name}"
    close = command_hint(verb, name, known)
    return f"There is no '{full}'{close}; {_listed(known)}{_in_plugins(f'command/{full}')}."


def command_hint(verb: str, name: str, known: Iterable[str]) -> str:
    """Say what a command is called now, or what is close to it.

    `verb` is what stands before `name`.

    A command is renamed by all its words: `data render old: data render new`.
    """
    full_names = {f"{verb} {other}".strip(): other for other in known}
    if new := new_name("commands", f"{verb} {name}".strip(), full_names):
        return f" (now called '{new}')"
    return did_you_mean(name, full_names.values())


def wrong_argument(kind: str, name: str, argument: str, known: Iterable[str]) -> str:
    """Say that a component does not take an argument."""
    known = list(known)
    return (
        f"The {kind} '{name}' takes no argument '{argument}'{hint('keys', argument, known)}; "
        f"it takes {', '.join(known) or 'none'}."
    )


def _listed(known: list[str]) -> str:
    return f"known: {', '.join(known) or 'none'}"


def _in_plugins(what: str) -> str:
    """Name the plugins that would provide `what` (kind/name), and those that failed to load."""
    index = manifest.load()
    text = ""
    for plugin, entry in index.external.items():
        if what in entry.get("provides", ()):
            text += f"; the plugin '{plugin}' has it: {entry['install']}"
    for provider in index.failed():
        text += f"; the plugin '{provider.name}' could not be used: {provider.error}"
    return text
