"""The runs on offer, by name; an encoder or generator that several of them use is loaded once."""

from __future__ import annotations

import threading
from pathlib import Path

import torch

from gantoolkit import weights
from gantoolkit.core import files
from gantoolkit.core.errors import DataError, GantoolkitError, UsageError
from gantoolkit.inference import bridge_files, load
from gantoolkit.pipeline import Pipeline
from gantoolkit.registry import manifest


def offered(sources: list[str]) -> dict[str, str]:
    """Return name on the page → what `load_pipeline` takes.

    `sources` are runs, presets and folders that hold runs; by default presets with weights, and
    runs/. Raises UsageError for anything else.
    """
    source_by_name: dict[str, str] = {}
    for source in sources or _default_sources():
        runs_inside = _runs_in(Path(source))
        if not runs_inside and not is_run(source):
            raise UsageError(
                f"'{source}' is neither a run with a trained bridge, nor a preset, nor a folder "
                "that holds such runs; train one with `gantoolkit run configs/absm_eg3d.py`."
            )
        for path in runs_inside or [source]:
            name = Path(path).name
            if name in source_by_name:
                name = str(path)
            source_by_name[name] = str(path)
    if not source_by_name:
        raise UsageError(
            "There is no trained run in runs/ and no preset with weights; train one with "
            "`gantoolkit run configs/absm_eg3d.py`, or name the folder of a run."
        )
    return source_by_name


def is_run(source: str | Path) -> bool:
    """Return whether `source` holds a bridge, without loading it."""
    folder = Path(source)
    if folder.is_dir():
        if any(
            (folder / file).is_file() for file in (bridge_files.EXPORTED, bridge_files.HUB_MODEL)
        ):
            return True
        return _task(folder) == "bridge" and (folder / "checkpoint").is_dir()
    preset = manifest.load().presets.get(str(source))
    if preset is not None:
        return _has_bridge(preset.get("weights"))
    return folder.is_file() or _has_bridge(str(source))


def _has_bridge(name: str | None) -> bool:
    """Return whether the weights of this name are on this machine and hold a bridge."""
    try:
        path = weights.resolve(name) if name else None
    except GantoolkitError:
        return False
    return path is not None and path.is_file() and "pipeline" in weights.header(path)


def _runs_in(folder: Path) -> list[Path]:
    """Return the runs directly below a folder that is not a run itself, by name."""
    if not folder.is_dir() or is_run(folder):
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and is_run(path))


def _default_sources() -> list[str]:
    """Return the presets with weights, and runs/ if it holds any run."""
    sources = [name for name in manifest.load().presets if is_run(name)]
    if _runs_in(Path("runs")):
        sources.append("runs")
    return sources


def _task(folder: Path) -> str | None:
    try:
        return files.read_run_config(folder).get("task")
    except DataError:
        return None


def _check_paintable(name: str, pipeline: Pipeline) -> None:
    """Raise UsageError for a run on masks and scribbles at once: the page shows one painter."""
    if pipeline.condition == "both":
        raise UsageError(
            f"The run '{name}' takes a mask and a scribble at once, which this page cannot paint; "
            "use `gantoolkit generate RUN --mask FILE --scribble FILE`, and open the page with "
            "other runs."
        )


class Models:
    """Pipelines by name, loaded when they are first asked for and kept."""

    def __init__(self, sources: dict[str, str], device: str | torch.device = "cpu"):
        self.sources = sources
        self.device = device
        self._lock = threading.Lock()
        self._pipelines: dict[str, Pipeline] = {}
        self._load = load.PipelineLoader(device)

    def names(self) -> list[str]:
        """Return the names in the order in which they were given."""
        return list(self.sources)

    def __getitem__(self, name: str) -> Pipeline:
        if name not in self.sources:
            raise UsageError(
                f"There is no run '{name}' on this page; choose {', '.join(self.sources)}."
            )
        with self._lock:
            if name not in self._pipelines:
                pipeline, _ = self._load(self.sources[name])
                _check_paintable(name, pipeline)
                self._pipelines[name] = pipeline
            return self._pipelines[name]
