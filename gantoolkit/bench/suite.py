"""Suites: YAML files that say which systems are compared on what, beside the paper's table."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest, messages

FOLDER = "bench/suites"  # in the package of gantoolkit or of a plugin
QUICK_SPLIT = "val"  # the split of the quick form
REQUIRED = ("title", "name", "label", "system")  # keys that a suite or a row must have
RUN_ARGUMENTS = ("run", "encoder", "diffusers", "towers", "generator")  # may name run folders


@dataclass(frozen=True)
class SuiteRow:
    """A system in a suite: one row of its table."""

    name: str  # file name of its record
    label: str  # what the table prints
    system: dict[str, Any]  # {"type": name, …constructor arguments}; runs are called by name
    recipe: str = ""  # what to type where its weights are missing
    batch: int = 8
    note: str = ""  # a sentence below the table


@dataclass(frozen=True)
class Suite:
    """One table: its rows, and how all of them are measured.

    Metrics are name → arguments, as in configs.
    """

    name: str
    title: str
    rows: tuple[SuiteRow, ...]
    about: str = ""  # what is compared
    reading: str = ""  # what the numbers say; `{row:column}` becomes that value of the records
    condition: str = "mask"
    split: str = "test"
    pairs: int = 2000
    seed: int = 0
    seeds: int = 1  # results of each condition, from seeds of their own; `pairs` counts results
    prompt: str | None = None  # stands for the captions of all pairs
    judge: str = "judge"  # the network that measures
    metrics: dict[str, dict] = field(default_factory=dict)
    text_metrics: dict[str, dict] = field(default_factory=dict)  # need results without the prompt
    metrics_3d: dict[str, dict] = field(default_factory=dict)  # need depth and further views
    columns: tuple[str, ...] = ()  # scores in the table's order, without network: "fid", "acc"
    without_text: int = 0  # pairs that are made a second time with an empty prompt
    views: int = 0  # pairs that are also rendered from the sides
    sheet: bool = True  # whether the page shows images of the first pairs by every system
    bootstrap: int = 200  # replicates
    mini: bool = True  # whether the page says at the top what the mini universe is
    paper: dict[str, Any] = field(default_factory=dict)  # source, columns [names], rows [[cell…]]
    others: str = ""  # a file of bench/published: what others measured of the paper's method

    def row(self, name: str) -> SuiteRow:
        """Find the row of this name."""
        for row in self.rows:
            if row.name == name:
                return row
        names = [row.name for row in self.rows]
        raise UsageError(
            f"The suite '{self.name}' has no row '{name}'{did_you_mean(name, names)}; "
            f"rows: {', '.join(names)}."
        )


def shipped_suites() -> dict[str, Path]:
    """Return name → file of every suite of the package and of plugins."""
    suites: dict[str, Path] = {}
    for owner in manifest.load().providers.values():
        for file in sorted((owner.root / FOLDER).glob("*.yaml")):
            suites.setdefault(file.stem, file)
    return suites


def load_suite(name: str) -> Suite:
    """Load a suite by its name, or from a YAML file; unknown keys are refused.

    >>> suite = load_suite("table2")
    >>> suite.condition, [row.name for row in suite.rows]
    ('mask', ['a', 'b', 'c', 'd', 'e'])
    """
    known = shipped_suites()
    file = Path(name) if name.endswith((".yaml", ".yml")) else known.get(name)
    if file is None or not file.is_file():
        raise UsageError(
            f"There is no suite '{name}'{did_you_mean(name, known)}; suites: {', '.join(known)}."
        )
    values = manifest.read_yaml(file)
    rows = values.pop("rows", None)
    if not isinstance(rows, list) or not rows:
        raise UsageError(f"{file} needs `rows`, a list of systems.")

    _check_keys(file, "a suite", values, Suite, except_for={"name", "rows"})
    for row in rows:
        _check_keys(file, f"the row '{row.get('name', '?')}'", row, SuiteRow)
    values["columns"] = tuple(values.get("columns", ()))
    return Suite(name=file.stem, rows=tuple(SuiteRow(**row) for row in rows), **values)


def _check_keys(
    file: Path, what: str, values: dict, kind: type, except_for: set[str] = frozenset()
) -> None:
    """Refuse keys that are not fields of `kind`, and the lack of a required one."""
    known = [f.name for f in fields(kind) if f.name not in except_for]
    for key in values:
        if key not in known:
            raise UsageError(
                f"{file}: {what} has no key '{key}'{messages.hint('keys', key, known)}; "
                f"keys: {', '.join(known)}."
            )
    for key in known:
        if key in REQUIRED and key not in values:
            raise UsageError(f"{file}: {what} lacks '{key}'.")


def missing_run(system: dict, runs: Path) -> str:
    """Say which run that a system names is not in `runs`; "" if there is none."""
    for value in _run_names(system).values():
        if not (runs / value).is_dir():
            return f"There is no run '{value}' in {runs}, and no weights of that name."
    return ""


def resolve_runs(system: dict, runs: Path) -> dict:
    """Replace the names of runs in a system's arguments by the paths of their folders."""
    return system | {key: str(runs / value) for key, value in _run_names(system).items()}


def _run_names(system: dict) -> dict[str, str]:
    """Return those of RUN_ARGUMENTS that are neither paths nor names of the registry."""
    index = manifest.load()
    names = {}
    for key in RUN_ARGUMENTS:
        value = system.get(key)
        if not isinstance(value, str) or Path(value).exists():
            continue
        if value not in index.weights and value not in index.presets:
            names[key] = value
    return names
