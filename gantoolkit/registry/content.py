"""registry.yaml as it is read, and what it may say: checked whole before anything is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gantoolkit.core import files
from gantoolkit.core.errors import DataError
from gantoolkit.core.suggest import check_choice

KINDS = ("encoder", "bridge", "generator", "network", "loss", "metric", "task", "system")
SECTIONS = ("weights", "data", "presets", "external", "commands")
RENAMED = ("keys", "components", "hooks", "commands", "modules")  # sections of `renamed`
NEEDED = {"components": ("module",), "presets": ("config",), "external": ("install",)}
NUMBERS = ("bytes",)  # keys of entries that hold a number
LISTS = ("provides", "include")
MAPPINGS = ("nested",)
# constructor arguments with which `plugin check` builds a component, or "module:function" that
# writes the files that they name into a folder, and returns them
EXAMPLE = "example"
TEXTS = [
    "module",
    "summary",
    "paper",
    "config",
    "weights",
    "measured",
    "install",
    "file",
    "url",
    "hub",
    "save_as",
    "sha256",
    "licence",
    "page",
    "use",
    "recipe",
    "export",
    "ceiling",
    "command",
]


def read_yaml(file: Path) -> dict[str, Any]:
    """Read the mapping in a YAML file; DataError names the line that is wrong."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = files.read_text(file)
    try:
        content = yaml.load(text, loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise DataError(f"{file}{line}: it is not valid YAML ({problem}); mend it.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise DataError(f"{file} holds a {type(content).__name__} instead of a mapping; mend it.")
    return content


def check_content(content: dict[str, Any]) -> None:
    """Raise ValueError for the first thing in a registry.yaml that is not as it should be."""
    for kind, entries in _mapping(content, "components").items():
        check_choice("kind", kind, KINDS, ValueError)
        _check_entries("components", kind, entries)
    for section in SECTIONS:
        _check_entries(section, section, content.get(section))
    for section, names in _mapping(content, "renamed").items():
        check_choice("renamed", section, RENAMED, ValueError)
        for old, new in _mapping({section: names}, section).items():
            if not isinstance(new, str) and not _is_list_of_texts(new):
                raise ValueError(f"renamed.{section}.{old} should be a name, not {new!r}")


def _mapping(content: dict[str, Any], key: str) -> dict:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise ValueError(f"'{key}' should be a mapping, not {value!r:.60}")
    return value


def _check_entries(section: str, what: str, entries: Any) -> None:
    for name, entry in _mapping({what: entries}, what).items():
        if not isinstance(name, str):
            raise ValueError(f"{what}: the name {name!r} is not text; put it into quotes")
        if not isinstance(entry, dict):
            raise ValueError(f"{what}.{name} should be a mapping, not {entry!r:.60}")
        for key in NEEDED.get(section, ()):
            if not isinstance(entry.get(key), str):
                raise ValueError(f"{what}.{name} needs '{key}', a text")
        for key, value in entry.items():
            if not _is_fitting(str(key), value):
                raise ValueError(f"{what}.{name}.{key} cannot be {value!r:.60}")


def _is_fitting(key: str, value: Any) -> bool:
    if key in NUMBERS:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if key in LISTS:
        return _is_list_of_texts(value)
    if key == EXAMPLE:
        return isinstance(value, (dict, str))
    if key in MAPPINGS:
        return isinstance(value, dict) and _is_list_of_texts([*value, *value.values()])
    return key not in TEXTS or isinstance(value, str)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
