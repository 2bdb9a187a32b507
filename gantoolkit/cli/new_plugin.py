"""`gantoolkit new plugin NAME`: a pip-installable package with one component and its test."""

from __future__ import annotations

import keyword
import re
from argparse import Namespace
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest

TEMPLATES = Path(__file__).parents[1] / "templates"
NAME = r"[a-z][a-z0-9]*([_-][a-z0-9]+)*"


def main(args: Namespace) -> None:
    """Write the folder gantoolkit-NAME and say what to do with it."""
    folder = write(args.name, Path(args.out or "."), args.kind)
    print(f"{folder} holds {camel(args.name)} ({args.kind}), which works. Next:")
    print(f"  gantoolkit plugin check {folder}")
    print(f"  pip install -e {folder}")
    print(f"  gantoolkit show {camel(args.name)}")


def write(name: str, out: Path, kind: str = "generator") -> Path:
    """Copy the template with a component of a kind, its names replaced; returns the new folder."""
    _check_name(name)
    folder = out / f"gantoolkit-{name.replace('_', '-')}"
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            f"{folder} exists and is not empty; remove it or choose another name or --out DIR."
        )
    common = TEMPLATES / "plugin"
    sources = {path: path.relative_to(common).as_posix() for path in sorted(common.rglob("*"))}
    sources[TEMPLATES / "component" / f"{kind}.py"] = "gantoolkit_myplugin/mykind.py"
    for source, target in sources.items():
        if source.is_file() and "__pycache__" not in source.parts:
            text = source.read_text(encoding="utf-8")
            files.write_text(folder / with_name(target, name, kind), with_name(text, name, kind))
    return folder


def _check_name(name: str) -> None:
    """Refuse a name that is not one, or that a plugin or a component has."""
    if not re.fullmatch(NAME, name) or keyword.iskeyword(name):
        raise UsageError(
            f"'{name}' is not a valid plugin name; use lower-case letters, digits and single "
            "hyphens, beginning with a letter, for instance 'my-gan'."
        )
    index = manifest.load()
    plugins = [plugin.replace("_", "-") for plugin in index.providers]
    if name.replace("_", "-") in plugins:
        raise UsageError(f"There is a plugin '{name}' already; choose another name.")
    for entries in index.components.values():
        for component in entries:
            if component.lower() == camel(name).lower():
                raise UsageError(
                    f"The component of '{name}' would be {camel(name)}, and there is a component "
                    f"{component} already; choose another name."
                )


def with_name(text: str, name: str, kind: str) -> str:
    """Replace the template's names by the plugin's, and its kind."""
    hyphened = name.replace("_", "-")
    module = name.replace("-", "_")
    replacements = {  # in this order
        "gantoolkit-myplugin": f"gantoolkit-{hyphened}",
        "gantoolkit_myplugin": f"gantoolkit_{module}",
        "test_myplugin": f"test_{module}",
        "MyPlugin": camel(name),
        "myplugin": name,
        "mykind": kind,
    }
    for old, new in replacements.items():
        text = text.replace(old, new)
    return text


def camel(name: str) -> str:
    """Turn a plugin's name into the name of a class.

    >>> camel("my-gan")
    'MyGan'
    """
    return "".join(word.capitalize() for word in re.split("[-_]", name))
