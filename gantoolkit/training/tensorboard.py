"""TensorBoard scalars of a run, where that package is installed, by the hooks of plugins."""

from __future__ import annotations

from html import escape
from importlib.util import find_spec

from gantoolkit.core.errors import warn
from gantoolkit.registry.plugins import hookimpl

_writers: dict[str, object] = {}  # run folder → SummaryWriter


@hookimpl
def run_started(run) -> None:
    """Open RUN/tensorboard; what a killed run logged after its checkpoint is purged."""
    if run.rank or find_spec("tensorboard") is None:
        return
    try:
        from torch.utils.tensorboard import SummaryWriter

        _writers[str(run.folder)] = SummaryWriter(
            run.folder / "tensorboard", purge_step=run.iteration or None
        )
    # an installation that does not fit, of protobuf for instance, must not end a run
    except Exception as error:
        reason = " ".join(str(error).split())
        warn(f"nothing is written for TensorBoard: {type(error).__name__}: {reason}")


@hookimpl
def on_log(run, iteration: int, losses: dict[str, float]) -> None:
    """Write one scalar per loss."""
    writer = _writers.get(str(run.folder))
    if writer is None:
        return
    for name, value in losses.items():
        writer.add_scalar(f"loss/{name}", value, iteration)
    writer.flush()  # a run that is stopped never closes its file


@hookimpl
def run_finished(run, record) -> None:
    """Write the final scores and close the file."""
    writer = _writers.pop(str(run.folder), None)
    if writer is None:
        return
    for system, scores in record.scores.items():
        for metric, score in scores.items():
            writer.add_scalar(f"{system}/{metric}", score.value, run.iteration)
    writer.close()


@hookimpl
def report_sections(record, folder) -> list[tuple[str, str]]:
    """Say in the report how to look at the scalars."""
    logs = folder / "tensorboard"
    if not logs.is_dir():
        return []
    return [("TensorBoard", f"<pre>tensorboard --logdir {escape(str(logs))}</pre>")]
