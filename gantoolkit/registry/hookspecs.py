"""Every hook of gantoolkit, on one page. docs/plugins.md has an example of each.

An implementation is a function with the hook's name, marked `@gantoolkit.registry.plugins.hookimpl`, in the module
that the plugin's entry point names; it takes any subset of the arguments. Components, weights, data, presets
and configs need no hook: they stand in the plugin's registry.yaml, not imported before they are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from gantoolkit.core.parts import Part
    from gantoolkit.core.types import Record

hookspec = pluggy.HookspecMarker("gantoolkit")


@hookspec
def register_commands(subparsers: dict[str, Any]) -> None:
    """Add commands: `subparsers["data render"].add_parser("mine").set_defaults(command=function)`.

    Keys: "" (a verb of its own), "data", "data render". `function(args)` returns an exit code or None. Name
    the command in the plugin's registry.yaml under `commands`: only then is the plugin asked for it.
    """


@hookspec(firstresult=True)
def resolve_weights(name: str) -> Path | None:
    """The file or folder of the weights called `name`, or None to leave it to others."""


@hookspec(firstresult=True)
def convert_checkpoint(path: Path) -> list[Part] | None:
    """The networks in a foreign checkpoint, ready to be built (`gantoolkit.weights.Part`), or None.

    Nothing that the file contains may be executed. Called for every file that is not ours already.
    """


@hookspec
def run_started(run: Any) -> None:
    """A run begins: `run.folder`, `run.config`, `run.task`, `run.iteration` (> 0 when resumed), `run.rank`.

    Called in every process of a distributed run, as `on_log` is.
    """


@hookspec
def on_log(run: Any, iteration: int, losses: dict[str, float]) -> None:
    """Every `schedule.log_every` iterations: means of the losses since the last call, by name."""


@hookspec
def run_finished(run: Any, record: Record) -> None:
    """A run has ended and been scored; additions to `record` go into record.json. First process only."""


@hookspec
def around_run(run: Any) -> Iterator[None]:
    """Surrounds all iterations, for profilers and guards: `@hookimpl(wrapper=True)` and one `yield`."""


@hookspec
def report_sections(record: Record, folder: Path) -> list[tuple[str, str]]:
    """Extra (title, HTML) sections for the report of a run."""
