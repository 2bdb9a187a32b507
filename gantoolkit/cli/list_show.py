"""`list` and `show`: what there is, from registry.yaml and source text alone."""

from __future__ import annotations

import textwrap
from argparse import Namespace
from pathlib import Path

from gantoolkit.config import loader, signature, validate
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest, messages

SECTIONS = ("configs", "presets", "weights", "data", "external", "commands", "plugins")


def list_(args: Namespace) -> None:
    """Print one section or all of them."""
    wanted = section(args.kind) if args.kind else None
    rows = {**{plural: components(kind) for plural, kind in manifest.PLURALS.items()}, **sections()}
    for name, lines in rows.items():
        if wanted == name:
            table(lines or [("none", "")])
        elif wanted is None and lines:
            print(f"{name}:")
            table(lines, indent="  ")


def section(typed: str) -> str:
    """The section that the user means: plural or singular, any case."""
    known = [*manifest.PLURALS, *SECTIONS]
    for name in known:
        if typed.lower() in (name, name.rstrip("s"), manifest.PLURALS.get(name)):
            return name
    raise UsageError(
        f"There is no kind '{typed}'{did_you_mean(typed, known)}; kinds: {', '.join(known)}."
    )


def components(kind: str) -> list[tuple[str, str]]:
    """(name, summary) of every component of a kind; a plugin's say whose they are."""
    return [
        (name, entry.get("summary", "") + owned(entry))
        for name, entry in sorted(manifest.load().components[kind].items())
    ]


def owned(entry: dict) -> str:
    return "" if entry["owner"] == manifest.GROUP else f" [plugin {entry['owner']}]"


def sections() -> dict[str, list[tuple[str, str]]]:
    """The rows of everything that is no component."""
    index = manifest.load()
    files = {
        s: [(n, file_row(e)) for n, e in sorted(getattr(index, s).items())]
        for s in ("weights", "data")
    }
    return {
        "configs": [(name, first_line(name)) for name in loader.shipped_configs()],
        "presets": [
            (name, f"{entry['config']}  {entry.get('summary', '')}" + owned(entry))
            for name, entry in index.presets.items()
        ],
        **files,
        "external": [
            (n, f"{e.get('summary', '')}; {e['install']}") for n, e in index.external.items()
        ],
        "commands": [
            (f"gantoolkit {n}", e.get("summary", "") + owned(e)) for n, e in index.commands.items()
        ],
        "plugins": [
            (o.name, plugin_row(o)) for o in index.providers.values() if o.name != manifest.GROUP
        ]
        + [("clash", clash) for clash in index.clashes],
    }


def file_row(entry: dict) -> str:
    size = f"{entry['bytes'] / 1e6:.1f} MB" if "bytes" in entry else ""
    missing = (
        ""
        if manifest.load().file(entry).exists()
        else "(missing)"
        if "file" in entry
        else "(not fetched)"
    )
    parts = (size, entry.get("licence", ""), entry.get("summary", ""), missing)
    return "  ".join(part for part in parts if part) + owned(entry)


def plugin_row(owner: manifest.Provider) -> str:
    state = f"broken: {owner.error}" if owner.error else "found"
    return f"{owner.version}  {state}  {owner.folder or owner.root}".strip()


def first_line(name: str) -> str:
    """The first sentence of a config: its docstring or first comment."""
    lines = loader.find_config(name).read_text(encoding="utf-8").lstrip().splitlines()
    return lines[0].strip("#\"' ") if lines and lines[0].startswith(("#", '"', "'")) else ""


def table(rows: list[tuple[str, str]], indent: str = "") -> None:
    """Two aligned columns."""
    width = min(36, max(len(name) for name, _ in rows))
    for name, text in rows:
        print(f"{indent}{name:<{width}}  {text}".rstrip())


def show(args: Namespace) -> None:
    """Explain a name, or print a resolved config with the origin of every value."""
    index, name = manifest.load(), args.name
    kinds = index.kinds_of(name)
    if args.overrides and (kinds or name in {**index.weights, **index.data, **index.external}):
        raise UsageError(
            f"'{name}' is no config, so '{args.overrides[0]}' sets nothing; show a config with key=value."
        )
    for kind in kinds:
        component(kind, name, index.components[kind][name])
    if name in index.weights or name in index.data:
        entry = index.weights.get(name) or index.data[name]
        section_ = "weights" if name in index.weights else "data"
        fields(f"{name} ({section_})", {**entry, "path": index.file(entry)})
    elif name in index.external and not kinds:
        fields(f"{name} (not installed)", index.external[name])
    elif not kinds:
        resolved(name, args.overrides)


def component(kind: str, name: str, entry: dict) -> None:
    """Print a component's summary, constructor arguments and the weights that are of its type."""
    facts = {k: v for k, v in entry.items() if k not in ("summary",)}
    fields(f"{name} ({kind}): {entry.get('summary', '')}", facts)
    found = signature.of(entry)
    if found is None:
        return
    if found.doc:
        print(textwrap.indent(f"\n{found.doc}\n", "  "))
    print("  arguments:" if found.arguments else "  no arguments")
    for argument in found.arguments:
        default = "(required)" if argument.default is None else f"= {argument.default}"
        comment = f"  # {argument.comment}" if argument.comment else ""
        print(f"    {argument.name}: {argument.annotation or 'any'} {default}{comment}")
    uses = [n for n, e in manifest.load().weights.items() if e.get("type") == name]
    if uses:
        print(f"  weights: {', '.join(uses)}")


def fields(title: str, facts: dict) -> None:
    print(title)
    for key, value in facts.items():
        print(f"  {key + ':':<10} {value}")


def resolved(name: str, overrides: list[str]) -> None:
    """Print a config, resolved and checked, one line per value with its origin."""
    known = [n for kind in manifest.KINDS for n in messages.existing(kind)] + list(
        manifest.load().weights
    )
    if not Path(name).exists() and "/" not in name and name not in manifest.load().presets:
        raise UsageError(
            f"There is no component, weights, preset or config '{name}'"
            f"{did_you_mean(name, [*known, *manifest.load().presets])}; see 'gantoolkit list'."
        )
    provenance: dict[str, str] = {}
    values = validate.flatten(loader.load_config(name, overrides, provenance).to_dict())
    lines = {key: f"{key} = {value!r}" for key, value in values.items()}
    width = min(64, max(map(len, lines.values())))
    for key, line in lines.items():
        print(f"{line:<{width}}  # {provenance.get(key, 'config')}")
