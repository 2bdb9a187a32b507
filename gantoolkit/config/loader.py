"""Configs: Python text with `_base_`s and key=value on top, checked before anything loads.

A name is (1) a path as typed, (2) the same path inside the package or a plugin, (3) a preset,
(4) a run folder or a .json file, which is read and never executed. Values are JSON-able, so that
a run and its resumption get the same ones.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from gantoolkit.config import signature, validate
from gantoolkit.config.lines import key_lines, line_of, line_of_error, with_lines
from gantoolkit.config.plain_values import plain
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest

if TYPE_CHECKING:
    from mmengine import config as mmengine_config

    class ConfigDict(mmengine_config.ConfigDict):
        """mmengine's, which leaves open what `to_dict` gives."""

        def to_dict(self) -> dict[str, Any]: ...


def defaults() -> dict[str, Any]:
    """Give the runner's own keys beside `task`, with their defaults."""
    fields = signature.read("gantoolkit.training.schedule", "Schedule").arguments
    return {
        "name": None,  # of the run folder; None: the config's own name
        "seed": 0,
        "device": "auto",  # cpu, cuda or auto
        "schedule": {field.name: ast.literal_eval(field.default) for field in fields},
        "report": True,
        "load_from": None,  # a run folder: begin with its trained tensors, as far as they fit
    }


def load_config(
    name: str | Path, overrides: Iterable[str] = (), provenance: dict[str, str] | None = None
) -> ConfigDict:
    """Load the config of a path, preset or run folder: resolved, with `overrides`, and checked.

    overrides   "dotted.key=value", as typed behind `gantoolkit run CONFIG`
    provenance  filled with dotted key → where its value comes from

    Raises UsageError with the first thing that is wrong.

    >>> load_config("configs/absm_eg3d.py", ["schedule.batch=2"]).schedule.batch
    2
    """
    import gantoolkit.core.yapf_cache  # noqa: F401  before mmengine

    # isort: split
    from mmengine.config import ConfigDict

    provenance = {} if provenance is None else provenance
    sources: list[Path] = []
    file = find_config(name)
    if file.suffix == ".json":
        values = {key: plain(one, key) for key, one in files.read_config(file, UsageError).items()}
        provenance.update(dict.fromkeys(validate.flatten(values), _shown(file)))
    else:
        values = merge({}, defaults(), "default", provenance)
        sources = list(dict.fromkeys(_with_bases(file)))  # each once, before all that need it
        for source in sources:
            merge(values, execute(source), _shown(source), provenance)
        if values["name"] is None:
            merge(values, {"name": file.stem}, _shown(file), provenance)
    for override in overrides:
        merge(values, parse_override(override, values), f"override {override}", provenance)
    validate.check(
        values, defaults(), with_lines(provenance, {_shown(file): file for file in sources})
    )
    return ConfigDict(values)


def find_config(name: str | Path) -> Path:
    """Find the file behind a config's path, preset name or run folder."""
    index = manifest.load()
    path = Path(name)
    if (path / "config.json").is_file():
        return path / "config.json"
    in_packages = [provider.root / path for provider in index.providers.values()]
    for candidate in (path, *in_packages):
        if candidate.is_file():
            return candidate
    preset = index.presets.get(str(name))
    if preset:
        return index.providers[preset["owner"]].root / preset["config"]
    known = [*index.presets, *shipped_configs()]
    raise UsageError(
        f"There is no config '{name}'{did_you_mean(str(name), known)}; presets: "
        f"{', '.join(index.presets) or 'none'}; see 'gantoolkit list configs'."
    )


def shipped_configs() -> list[str]:
    """List the configs (configs/….py) of the package and of plugins, without bases."""
    names = []
    for provider in manifest.load().providers.values():
        files = (provider.root / "configs").rglob("*.py")
        own = [file.relative_to(provider.root).as_posix() for file in files]
        names += sorted(name for name in own if "/_" not in name)
    return names


def _with_bases(file: Path, children: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The files that make up a config, its bases first; a base may have bases itself."""
    if file.resolve() in children:
        raise UsageError(f"{_place(file, '_base_')}: {_shown(file)} is a base of itself.")
    bases = execute(file, "_base_") or []
    if not isinstance(bases, (list, tuple)):
        bases = [bases]
    for base in bases:
        yield from _with_bases(_find_base(file, base), (*children, file.resolve()))
    yield file


def _find_base(file: Path, base: Any) -> Path:
    """Find a base beside the config that names it, else by its name."""
    if not isinstance(base, str):
        raise UsageError(f"{_place(file, '_base_')}: a base is a path or a name, not {base!r}.")
    beside = Path(os.path.normpath(file.parent / base))
    if beside.is_file():
        return beside
    try:
        return find_config(base)
    except UsageError as error:
        raise UsageError(f"{_place(file, '_base_')}: {error}") from None


def execute(file: Path, name: str | None = None) -> Any:
    """Run a config file.

    Return its public values, or only the one called `name` (None where it is missing).
    """
    namespace: dict[str, Any] = {"__file__": str(file), "__name__": file.stem}
    source = files.read_source(file, UsageError)
    try:
        exec(compile(source, str(file), "exec"), namespace)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, or another that is no Exception
        line = error.lineno if isinstance(error, SyntaxError) else line_of_error(error, file)
        problem = f"{type(error).__name__}: {error}"
        if isinstance(error, SystemExit):
            problem = f"it ends Python (SystemExit: {error.code}); take exit() out of the config"
        raise UsageError(f"{_shown(file)}, line {line}: {problem}.") from error
    if name:
        return namespace.get(name)

    values = {}
    for key, value in namespace.items():
        is_helper = key.startswith("_") or isinstance(value, (ModuleType, FunctionType, type))
        if not is_helper:
            try:
                values[key] = plain(value, key)
            except UsageError as error:
                raise UsageError(f"{_place(file, key)}: {error}") from None
    return values


def _place(file: Path, key: str) -> str:
    """A file, and the line on which it sets a key."""
    line = line_of(key, key_lines(files.read_source(file, UsageError)))
    return _shown(file) if line is None else f"{_shown(file)}, line {line}"


def merge(
    target: dict, new: dict, source: str, provenance: dict[str, str], prefix: str = ""
) -> dict:
    """Merge `new` into `target` in place, and note in `provenance` where each value comes from.

    Lists are replaced. Dicts are merged, unless their `type` changes or the new one says
    `_delete_=True`.
    """
    for key, value in new.items():
        dotted = f"{prefix}{key}"
        if not isinstance(value, dict):
            _forget(provenance, dotted)
            target[key] = value
            provenance[dotted] = source
            continue
        if not _is_mergeable(target.get(key), value):
            _forget(provenance, dotted)
            target[key] = {}
            if not value:
                provenance[dotted] = source
        inner = {name: one for name, one in value.items() if name != "_delete_"}
        merge(target[key], inner, source, provenance, f"{dotted}.")
        if target[key]:
            provenance.pop(dotted, None)
    return target


def _is_mergeable(old: Any, new: dict) -> bool:
    """Whether a new dict adds to an old value instead of replacing it."""
    if not isinstance(old, dict) or new.get("_delete_"):
        return False
    return new.get("type", old.get("type")) == old.get("type")


def _forget(provenance: dict[str, str], dotted: str) -> None:
    """Drop a key and all keys below it."""
    for key in list(provenance):
        if key == dotted or key.startswith(f"{dotted}."):
            del provenance[key]


def parse_override(text: str, values: dict) -> dict:
    """Parse "dotted.key=value"; a value is a Python literal, or else a string.

    values  the config so far, against which the key is checked

    >>> parse_override("lr=1e-3", {})
    {'lr': 0.001}
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(
            f"'{text}' is not an override; write key=value, for instance schedule.iterations=100."
        )
    try:
        literal = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        literal = {"true": True, "false": False, "null": None}.get(value.lower(), value)
    validate.check_override(key, literal, values)
    nested: Any = plain(literal, key)
    for name in reversed(key.split(".")):
        nested = {name: nested}
    return nested


def _shown(file: Path) -> str:
    """A file as messages show it: relative to its package, if it is in one."""
    for provider in manifest.load().providers.values():
        if file.is_relative_to(provider.root):
            return file.relative_to(provider.root).as_posix()
    return str(file)
