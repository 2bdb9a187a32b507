"""The suite of one run: `gantoolkit bench runs/mine` measures it on its own validation data."""

from __future__ import annotations

from pathlib import Path

from gantoolkit.bench.compare import COLUMNS
from gantoolkit.bench.pairs import read_list
from gantoolkit.bench.suite import Suite, SuiteRow
from gantoolkit.config import loader
from gantoolkit.core.errors import UsageError

FOLDER = "bench"  # in the run folder: records and page


def is_run(name: str | None) -> bool:
    """Whether `name` is a run folder."""
    return bool(name) and (Path(name) / "config.json").is_file()


def suite_of(folder: str) -> Suite:
    """Make the suite of a finished run: its condition, its metrics, and the pairs of `data.val`.

    Raises UsageError for a run that is not of the task `bridge`.
    """
    config = loader.load_config(folder)
    if config.task != "bridge":
        raise UsageError(
            f"{folder} is a run of the task '{config.task}'; only bridges turn a prompt and a "
            "drawing into a face."
        )
    name = Path(folder).resolve().name
    row = SuiteRow(name, name, {"type": "Ours", "run": str(folder)})
    metrics = config.metrics.to_dict()
    return Suite(
        name,
        f"{name} on its own pairs",
        (row,),
        condition=config.condition,
        split=config.data.val,
        pairs=len(read_list(config.data.val)),
        judge=config.get("judge", "judge"),
        metrics=metrics,
        columns=tuple(dict.fromkeys([*COLUMNS, *metrics])),
        mini=False,
        about="Every picture of the run's validation data, with one of its captions.",
    )
