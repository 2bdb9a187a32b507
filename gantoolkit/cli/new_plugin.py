"""`gantoolkit new plugin NAME`: a pip-installable package with a generator and its test."""

from __future__ import annotations

import keyword
import re
from argparse import Namespace
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest

TEMPLATE = Path(__file__).parents[1] / "templates" / "plugin"
NAME = r"[a-z][a-z0-9]*([_-][a-z0-9]+)*"


def main(args: Namespace) -> None:
    """Write the folder gantoolkit-NAME and say what to do with it."""
    folder = write(args.name, Path(args.out or "."))
    print(f"{folder} holds a generator '{camel(args.name)}' that works. Next:")
    print(f"  pip install -e {folder}")
    print("  gantoolkit list generators")
    print(f"  python -m pytest {folder}")


def write(name: str, out: Path) -> Path:
    """Copy the template with its names replaced; returns the new folder."""
    _check_name(name)
    folder = out / f"gantoolkit-{name.replace('_', '-')}"
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            f"{folder} exists and is not empty; remove it or choose another name or --out DIR."
        )
    for source in sorted(TEMPLATE.rglob("*")):
        if not source.is_file() or "__pycache__" in source.parts:
            continue
        target = with_name(source.relative_to(TEMPLATE).as_posix(), name)
        files.write_text(folder / target, with_name(source.read_text(encoding="utf-8"), name))
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
                    f"The generator of '{name}' would be {camel(name)}, and there is a component "
                    f"{component} already; choose another name."
                )


def with_name(text: str, name: str) -> str:
    """Replace the template's names by the plugin's."""
    hyphened = name.replace("_", "-")
    module = name.replace("-", "_")
    replacements = {  # in this order
        "gantoolkit-myplugin": f"gantoolkit-{hyphened}",
        "gantoolkit_myplugin": f"gantoolkit_{module}",
        "test_myplugin": f"test_{module}",
        "MyPlugin": camel(name),
        "myplugin": name,
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
