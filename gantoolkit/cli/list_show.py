"""`list` and `show`: what there is, from registry.yaml and source text only."""

from __future__ import annotations

import textwrap
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from gantoolkit.config import docstrings, loader, signature, validate
from gantoolkit.core import files, prompt_words
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest, messages

SECTIONS = ("configs", "presets", "weights", "data", "external", "commands", "plugins")
WIDTH = 100  # columns of running text
MAX_NAME = 36  # columns for names, where texts follow
MAX_VALUE = 64  # columns for `key = value`, where its origin follows
Rows = list[tuple[str, str]]  # name and text of each line


def list_(args: Namespace) -> None:
    """Print one section or all of them."""
    chosen = section(args.kind) if args.kind else None
    rows = {plural: components(kind) for plural, kind in manifest.PLURALS.items()}
    rows |= sections()
    for name, lines in rows.items():
        if chosen == name:
            table(lines or [("none", "")])
        elif chosen is None and lines:
            print(f"{name}:")
            table(lines, indent="  ")


def section(typed: str) -> str:
    """Find the section that the user means: plural or singular, any case.

    >>> section("Generator")
    'generators'
    """
    known = [*manifest.PLURALS, *SECTIONS]
    for name in known:
        if typed.lower() in (name, name.rstrip("s"), manifest.PLURALS.get(name)):
            return name
    raise UsageError(
        f"There is no kind '{typed}'{did_you_mean(typed, known)}; kinds: {', '.join(known)}."
    )


def components(kind: str) -> Rows:
    """List name and summary of every component of a kind."""
    entries = sorted(manifest.load().components[kind].items())
    return [(name, entry.get("summary", "") + _plugin_of(entry)) for name, entry in entries]


def sections() -> dict[str, Rows]:
    """List what is not a component, by section."""
    index = manifest.load()
    plugins = [plugin for plugin in index.providers.values() if plugin.name != manifest.GROUP]
    rows: dict[str, Rows] = {name: [] for name in SECTIONS}
    for name in loader.shipped_configs():
        rows["configs"].append((name, first_line(name)))
    for name, entry in index.presets.items():
        text = f"{entry['config']}  {entry.get('summary', '')}{_plugin_of(entry)}"
        rows["presets"].append((name, text))
    for name, entry in sorted(index.weights.items()):
        rows["weights"].append((name, _file_text(entry)))
    for name, entry in sorted(index.data.items()):
        rows["data"].append((name, _file_text(entry)))
    for name, entry in index.external.items():
        rows["external"].append((name, f"{entry.get('summary', '')}; {entry['install']}"))
    for name, entry in index.commands.items():
        rows["commands"].append(
            (f"gantoolkit {name}", entry.get("summary", "") + _plugin_of(entry))
        )
    rows["plugins"] += [(plugin.name, _plugin_text(plugin)) for plugin in plugins]
    rows["plugins"] += [("clash", clash) for clash in index.clashes]
    return rows


def _plugin_of(entry: dict) -> str:
    """Whose an entry is, if it comes from a plugin."""
    return "" if entry["owner"] == manifest.GROUP else f" [plugin {entry['owner']}]"


def _file_text(entry: dict) -> str:
    """Size, licence and summary of weights or data, and whether the file is there."""
    size = f"{entry['bytes'] / 1e6:.1f} MB" if "bytes" in entry else ""
    state = ""
    if not manifest.load().find(entry).exists():
        state = "(missing)" if "file" in entry else "(not fetched)"
    facts = (size, entry.get("licence", ""), entry.get("summary", ""), state)
    return "  ".join(fact for fact in facts if fact) + _plugin_of(entry)


def _plugin_text(plugin: manifest.Provider) -> str:
    state = f"broken: {plugin.error}" if plugin.error else "found"
    return f"{plugin.version}  {state}  {plugin.folder or plugin.root}".strip()


def first_line(name: str) -> str:
    """Read the first line of a config's docstring or first comment."""
    try:
        text = files.read_source(loader.find_config(name), UsageError).lstrip()
    except UsageError as error:  # a plugin's config may be anything
        return f"unreadable: {error}"
    first = text.partition("\n")[0]
    return first.strip("#\"' ") if first.startswith(("#", '"', "'")) else ""


def table(rows: Rows, indent: str = "") -> None:
    """Print two aligned columns."""
    width = min(MAX_NAME, max(len(name) for name, _ in rows))
    for name, text in rows:
        print(f"{indent}{name:<{width}}  {text}".rstrip())


def show(args: Namespace) -> None:
    """Explain a name, print a resolved config with its origins, or the words of prompts."""
    index = manifest.load()
    name = args.name
    if name == "words" and not args.overrides:
        words()
        return
    kinds = index.kinds_of(name)
    is_entry = name in index.weights or name in index.data or name in index.external
    if args.overrides and (kinds or is_entry):
        raise UsageError(
            f"'{name}' is not a config, so '{args.overrides[0]}' sets nothing; "
            "show a config with key=value."
        )

    for kind in kinds:
        component(kind, name, index.components[kind][name])
    if name in index.weights:
        entry = index.weights[name]
        fields(f"{name} (weights)", {**entry, "path": index.find(entry)})
    elif name in index.data:
        entry = index.data[name]
        fields(f"{name} (data)", {**entry, "path": index.file(entry)})
    elif kinds:
        return
    elif name in index.external:
        fields(f"{name} (not installed)", index.external[name])
    else:
        resolved(name, args.overrides)


def words() -> None:
    """Print the words that the embedded text model learned, and what others are read as."""
    index = manifest.load()
    tokenizer = index.file(index.weights["diffusion"]) / "tokenizer"
    known = prompt_words.read_words(tokenizer / "words.txt")
    print(textwrap.fill(" ".join(sorted(known)), WIDTH))
    print("\nread as one of these:")
    pairs = [(word, prompt_words.near_word(word, known)) for word in prompt_words.MEANINGS]
    table([(word, near) for word, near in pairs if near and word not in known], indent="  ")


def component(kind: str, name: str, entry: dict) -> None:
    """Print a component's summary, its documentation and its constructor arguments."""
    facts = {key: value for key, value in entry.items() if key != "summary"}
    fields(f"{name} ({kind}): {entry.get('summary', '')}", facts)
    constructor = signature.of(entry)
    if constructor is None:
        return
    if doc := docstrings.without_rows(constructor.doc, set(constructor.names)):
        print(textwrap.indent(f"\n{doc}\n", "  "))
    print("  arguments:" if constructor.arguments else "  no arguments")
    for argument in constructor.arguments:
        default = "(required)" if argument.default is None else f"= {argument.default}"
        comment = argument.comment
        if kind == "task" and argument.name in validate.FROM_RUNNER:
            default, comment = "", f"the config's own {argument.name}"
        line = f"    {argument.name}: {argument.annotation or 'any'} {default}".rstrip()
        print(f"{line}  # {comment}" if comment else line)


def fields(title: str, facts: Mapping[str, object]) -> None:
    """Print a title, and facts below it."""
    print(title)
    for key, value in facts.items():
        print(f"  {key + ':':<10} {value}")


def resolved(name: str, overrides: list[str]) -> None:
    """Print a config, resolved and checked, one line per value with its origin."""
    index = manifest.load()
    is_path = Path(name).exists() or "/" in name
    if not is_path and name not in index.presets:
        known = [*index.weights, *index.presets]
        for kind in manifest.KINDS:
            known += messages.existing(kind)
        hint = messages.hint("components", name, known)
        raise UsageError(
            f"There is no component, weights, preset or config '{name}'{hint}; "
            "see 'gantoolkit list'."
        )
    provenance: dict[str, str] = {}
    values = validate.flatten(loader.load_config(name, overrides, provenance).to_dict())
    lines = {key: f"{key} = {value!r}" for key, value in values.items()}
    width = min(MAX_VALUE, max(map(len, lines.values())))
    for key, line in lines.items():
        print(f"{line:<{width}}  # {provenance.get(key, 'config')}")
