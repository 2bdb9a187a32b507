"""Configs: Python text with one level of `_base_`, overridden by key=value, checked before anything loads.

A name is (1) a path as typed, (2) the same path inside the package or a plugin, (3) a preset, (4) a run
folder or a .json file, which is read back and never executed. Values are JSON-able, so that a run and its resumption
see the same ones. Merging replaces lists and keeps the other keys of a dict, unless its `type` changes or it
says `_delete_=True`.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from gantoolkit.config import signature, validate
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest


def defaults() -> dict[str, Any]:
    """The runner's own keys beside `task`; the schedule's are the fields of training/schedule.py's Schedule."""
    schedule = signature.read("gantoolkit.training.schedule", "Schedule")
    return {
        "name": None,  # of the run folder; None: the config's own name
        "seed": 0,
        "device": "auto",  # cpu, cuda or auto
        "schedule": {a.name: ast.literal_eval(a.default) for a in schedule.arguments},
        "report": True,
        "load_from": None,  # a run folder: begin with its trained tensors, as far as they fit
    }


def load_config(
    name: str | Path, overrides: Iterable[str] = (), provenance: dict[str, str] | None = None
):
    """The resolved, checked mmengine ConfigDict of a path, preset or run folder.

    `provenance` is filled with dotted key → where its value comes from.
    """
    from mmengine.config import ConfigDict

    provenance = {} if provenance is None else provenance
    file = find_config(name)
    if file.suffix == ".json":
        values = files.read_config(file, UsageError)
        provenance.update(dict.fromkeys(validate.flatten(values), _shown(file)))
    else:
        values = merge({}, defaults(), "default", provenance)
        for part in _with_bases(file):
            merge(values, execute(part), _shown(part), provenance)
        if values["name"] is None:
            merge(values, {"name": file.stem}, _shown(file), provenance)
    for override in overrides:
        merge(values, parse_override(override, values), f"override {override}", provenance)
    validate.check(values, defaults(), provenance)
    return ConfigDict(values)


def find_config(name: str | Path) -> Path:
    """The file behind a config's path, preset name or run folder."""
    index = manifest.load()
    path = Path(name)
    if (path / "config.json").is_file():
        return path / "config.json"
    for candidate in (path, *(owner.root / path for owner in index.owners.values())):
        if candidate.is_file():
            return candidate
    preset = index.presets.get(str(name))
    if preset:
        return index.owners[preset["owner"]].root / preset["config"]
    known = [*index.presets, *shipped_configs()]
    raise UsageError(
        f"There is no config '{name}'{did_you_mean(str(name), known)}; presets: "
        f"{', '.join(index.presets) or 'none'}; see 'gantoolkit list configs'."
    )


def shipped_configs() -> list[str]:
    """Names (configs/….py) of the configs that come with the package and with plugins."""
    found = []
    for owner in manifest.load().owners.values():
        files = (
            f.relative_to(owner.root).as_posix() for f in (owner.root / "configs").rglob("*.py")
        )
        found += sorted(name for name in files if "/_" not in name)
    return found


def _with_bases(file: Path) -> Iterator[Path]:
    """The files that make up a config, first its bases."""
    bases = execute(file, "_base_")
    for base in [bases] if isinstance(bases, str) else bases or ():
        beside = Path(os.path.normpath(file.parent / base))
        found = beside if beside.is_file() else find_config(base)
        if execute(found, "_base_"):
            raise UsageError(
                f"{_shown(found)} is a base of {_shown(file)} and has a _base_ itself; "
                "configs inherit over one level only."
            )
        yield found
    yield file


def execute(file: Path, name: str | None = None) -> Any:
    """Run a config file: its public values as a dict, or the one called `name` (None when missing)."""
    space: dict[str, Any] = {"__file__": str(file), "__name__": file.stem}
    try:
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), space)
    except Exception as error:
        line = error.lineno if isinstance(error, SyntaxError) else _line(error, file)
        raise UsageError(
            f"{_shown(file)}, line {line}: {type(error).__name__}: {error}."
        ) from error
    if name:
        return space.get(name)
    skip = (ModuleType, FunctionType, type)
    return {
        k: plain(v, k)
        for k, v in space.items()
        if not k.startswith("_") and not isinstance(v, skip)
    }


def _line(error: BaseException, file: Path) -> int | str:
    traceback, line = error.__traceback__, "?"
    while traceback:
        if traceback.tb_frame.f_code.co_filename == str(file):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def plain(value: Any, key: str) -> Any:
    """The value as JSON would give it back; anything else is refused."""
    if isinstance(value, dict):
        return {str(k): plain(v, f"{key}.{k}") for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v, f"{key}[{i}]") for i, v in enumerate(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UsageError(
        f"The config value {key} is a {type(value).__name__}; use numbers, strings, booleans, "
        "None, lists and dicts, and name components by type='NAME'."
    )


def merge(
    target: dict, new: dict, source: str, provenance: dict[str, str], prefix: str = ""
) -> dict:
    """Merge `new` into `target` in place and note where each value comes from."""
    for key, value in new.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, dict):
            old = target.get(key)
            keep = isinstance(old, dict) and not value.get("_delete_")
            keep = keep and value.get("type", old.get("type")) == old.get("type")
            if not keep:
                _forget(provenance, dotted)
                target[key] = {}
                if not value:
                    provenance[dotted] = source
            inner = {k: v for k, v in value.items() if k != "_delete_"}
            merge(target[key], inner, source, provenance, f"{dotted}.")
            if target[key]:
                provenance.pop(dotted, None)
        else:
            _forget(provenance, dotted)
            target[key] = value
            provenance[dotted] = source
    return target


def _forget(provenance: dict[str, str], dotted: str) -> None:
    for key in [k for k in provenance if k == dotted or k.startswith(f"{dotted}.")]:
        del provenance[key]


def parse_override(text: str, values: dict) -> dict:
    """'a.b=1' as {"a": {"b": 1}}; values are Python literals, anything else is a string."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(
            f"'{text}' is no override; write key=value, for instance schedule.iterations=100."
        )
    try:
        literal = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        literal = {"true": True, "false": False, "null": None}.get(value.lower(), value)
    validate.check_override(key, literal, values)
    nested: Any = plain(literal, key)
    for part in reversed(key.split(".")):
        nested = {part: nested}
    return nested


def _shown(file: Path) -> str:
    for owner in manifest.load().owners.values():
        if file.is_relative_to(owner.root):
            return file.relative_to(owner.root).as_posix()
    return str(file)
