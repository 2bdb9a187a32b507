"""Suites: YAML files that say which systems are compared on what, with the paper's own table beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest

FOLDER = "bench/suites"  # in the package of gantoolkit or of a plugin
QUICK = "val"  # the split of the quick form


@dataclass(frozen=True)
class Row:
    """One line of a table.

    name, label  file name of its record; what the table prints
    system       {"type": name, …constructor arguments}; names of run folders are looked for among the runs
    recipe       what to type where its weights are missing
    """

    name: str
    label: str
    system: dict[str, Any]
    recipe: str = ""
    batch: int = 8
    note: str = ""


@dataclass(frozen=True)
class Suite:
    """One table.

    metrics       name → arguments, as in configs; those of `text_metrics` also need results without the prompt,
                  those of `metrics_3d` depth and further views of 3D systems
    columns       scores in the order of the table, without their network: "fid", "miou_all19"
    without_text  pairs drawn a second time with an empty prompt (0: none); views: pairs drawn from the side too
    sheet         whether the page shows what every row draws of the first conditions
    reading       what the numbers say; `{row:column}` becomes that value of the records
    paper         {"source": …, "columns": [names], "rows": [[text, numbers…]]}
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    about: str = ""
    reading: str = ""
    condition: str = "mask"
    split: str = "test"
    pairs: int = 2000
    seed: int = 0
    judge: str = "judge"
    metrics: dict[str, dict] = field(default_factory=dict)
    text_metrics: dict[str, dict] = field(default_factory=dict)
    metrics_3d: dict[str, dict] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    without_text: int = 0
    views: int = 0
    sheet: bool = True
    bootstrap: int = 200
    mini: bool = True  # the page says at the top what the mini universe is
    paper: dict[str, Any] = field(default_factory=dict)

    def row(self, name: str) -> Row:
        """The row of this name."""
        for row in self.rows:
            if row.name == name:
                return row
        known = [row.name for row in self.rows]
        raise UsageError(
            f"The suite '{self.name}' has no row '{name}'{did_you_mean(name, known)}; "
            f"rows: {', '.join(known)}."
        )


def shipped() -> dict[str, Path]:
    """name → file of every suite of the package and of plugins."""
    found: dict[str, Path] = {}
    for owner in manifest.load().owners.values():
        for file in sorted((owner.root / FOLDER).glob("*.yaml")):
            found.setdefault(file.stem, file)
    return found


def load(name: str) -> Suite:
    """The suite of this name, or of a YAML file; unknown keys are refused."""
    known = shipped()
    file = Path(name) if name.endswith((".yaml", ".yml")) else known.get(name)
    if file is None or not file.is_file():
        raise UsageError(
            f"There is no suite '{name}'{did_you_mean(name, known)}; suites: {', '.join(known)}."
        )
    values = manifest.read_yaml(file)
    rows = values.pop("rows", None)
    if not isinstance(rows, list) or not rows:
        raise UsageError(f"{file} needs `rows`, a list of systems.")
    _check(file, "a suite", values, Suite, {"name", "rows"})
    for row in rows:
        _check(file, f"the row '{row.get('name', '?')}'", row, Row, set())
    values["columns"] = tuple(values.get("columns", ()))
    return Suite(name=file.stem, rows=tuple(Row(**row) for row in rows), **values)


def _check(file: Path, what: str, values: dict, kind: type, given: set[str]) -> None:
    known = [f.name for f in fields(kind) if f.name not in given]
    for key in values:
        if key not in known:
            raise UsageError(
                f"{file}: {what} has no key '{key}'{did_you_mean(key, known)}; "
                f"keys: {', '.join(known)}."
            )
    missing = [
        f.name
        for f in fields(kind)
        if f.name not in given
        and f.name in ("title", "name", "label", "system")
        and f.name not in values
    ]
    if missing:
        raise UsageError(f"{file}: {what} lacks '{missing[0]}'.")


RUNS = (
    "run",
    "encoder",
    "diffusers",
    "towers",
    "generator",
)  # arguments of systems that may name run folders


def absent(system: dict, runs: Path) -> str:
    """A sentence where an argument of RUNS names neither a file, a run in `runs`, weights nor a preset; else ""."""
    for value in _named(system).values():
        if not (runs / value).is_dir():
            return f"There is no run '{value}' in {runs}, and no weights of that name."
    return ""


def located(system: dict, runs: Path) -> dict:
    """A system's arguments, the names of runs among them replaced by the paths of their folders."""
    return system | {key: str(runs / value) for key, value in _named(system).items()}


def _named(system: dict) -> dict[str, str]:
    """The arguments of RUNS that are neither a path nor a name of the registry, and so must name a run."""
    index = manifest.load()
    return {
        key: value
        for key in RUNS
        if isinstance(value := system.get(key), str)
        and not Path(value).exists()
        and value not in index.weights
        and value not in index.presets
    }
