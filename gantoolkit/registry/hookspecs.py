"""Every hook of gantoolkit, on one page. docs/plugins.md has an example of each.

An implementation is a function with the hook's name, marked `@gantoolkit.hookimpl`, in the
module that the plugin's entry point names; it takes any subset of the arguments. Components,
weights, data, presets and configs need no hook: they stand in the plugin's registry.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from gantoolkit.core.parts import Part
    from gantoolkit.core.types import Record
    from gantoolkit.training.loop import Run

hookspec = pluggy.HookspecMarker("gantoolkit")


@hookspec
def register_commands(subparsers: dict[str, _SubParsersAction]) -> None:
    """Add commands: `subparsers["data render"].add_parser("mine").set_defaults(command=function)`.

    Keys: "" (a verb of its own), "data", "data render". `function(args)` returns an exit code or
    None. Name the command in the plugin's registry.yaml under `commands`: only then is the
    plugin asked for it.
    """


@hookspec(firstresult=True)
def resolve_weights(name: str) -> Path | None:
    """Return the file or folder of the weights called `name`, or None to leave it to others."""


@hookspec(firstresult=True)
def convert_checkpoint(path: Path) -> list[Part] | None:
    """Return the networks in a foreign checkpoint as `gantoolkit.weights.Part`s, or None.

    Nothing that the file contains may be executed. Called for every file that is not ours
    already.
    """


@hookspec
def run_started(run: Run) -> None:
    """Begin a run: `run.folder`, `.config`, `.task`, `.rank`, `.iteration` (> 0 when resumed).

    Called in every process of a distributed run, as `on_log` is.
    """


@hookspec
def on_log(run: Run, iteration: int, losses: dict[str, float]) -> None:
    """Receive the means of the losses since the last call, by name.

    Every `schedule.log_every` iterations.
    """


@hookspec
def run_finished(run: Run, record: Record) -> None:
    """End a run that has been scored.

    Additions to `record` go into record.json. First process only.
    """


@hookspec
def around_run(run: Run) -> Iterator[None]:
    """Surround all iterations: `@hookimpl(wrapper=True)` and one `yield`; for profilers."""


@hookspec
def report_sections(record: Record, folder: Path) -> list[tuple[str, str]]:
    """Return extra (title, HTML) sections for the report of a run."""
