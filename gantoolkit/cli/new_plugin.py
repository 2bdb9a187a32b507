"""`gantoolkit new plugin NAME`: a pip-installable package with one working generator and its test."""

from __future__ import annotations

import keyword
import re
from argparse import Namespace
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest

TEMPLATE = Path(__file__).parents[1] / "templates" / "plugin"


def main(args: Namespace) -> None:
    """Write the folder gantoolkit-NAME and say what to do with it."""
    folder = write(args.name, Path(args.out or "."))
    print(
        f"{folder} holds a generator '{camel(args.name)}' that works. Next:\n"
        f"  pip install -e {folder}\n  gantoolkit list generators\n  python -m pytest {folder}"
    )


def write(name: str, out: Path) -> Path:
    """Copy the template with its names replaced; returns the new folder."""
    if not re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UsageError(
            f"'{name}' is no name for a plugin; use lower-case letters, digits and single "
            "hyphens, beginning with a letter, for instance 'my-gan'."
        )
    known = manifest.load()
    taken = [owner.replace("_", "-") for owner in known.providers]
    if name.replace("_", "-") in taken:
        raise UsageError(f"There is a plugin '{name}' already; choose another name.")
    components = {
        component.lower(): component
        for entries in known.components.values()
        for component in entries
    }
    if other := components.get(camel(name).lower()):
        raise UsageError(
            f"The generator of '{name}' would be {camel(name)}, and there is a component {other} already; "
            "choose another name."
        )
    folder = out / f"gantoolkit-{name.replace('_', '-')}"
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            f"{folder} exists and is not empty; remove it or choose another name or --out DIR."
        )
    for source in sorted(
        p for p in TEMPLATE.rglob("*") if p.is_file() and "__pycache__" not in p.parts
    ):
        target = renamed(source.relative_to(TEMPLATE).as_posix(), name)
        files.write_text(folder / target, renamed(source.read_text(encoding="utf-8"), name))
    return folder


def renamed(text: str, name: str) -> str:
    """The template's names replaced by the plugin's."""
    hyphened, module = name.replace("_", "-"), name.replace("-", "_")
    for old, new in (
        ("gantoolkit-myplugin", f"gantoolkit-{hyphened}"),
        ("gantoolkit_myplugin", f"gantoolkit_{module}"),
        ("test_myplugin", f"test_{module}"),
        ("MyPlugin", camel(name)),
        ("myplugin", name),
    ):
        text = text.replace(old, new)
    return text


def camel(name: str) -> str:
    """my-gan → MyGan."""
    return "".join(part.capitalize() for part in re.split("[-_]", name))
