"""Files of trained bridges: written by runs, found by name, and checked against what they need."""

from __future__ import annotations

import json
from pathlib import Path

from gantoolkit import weights
from gantoolkit.core.errors import DataError, UsageError, WeightsError
from gantoolkit.core.files import read_run_config
from gantoolkit.core.stages import Bridge
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.encoders import folders
from gantoolkit.registry import manifest
from gantoolkit.training import checkpoint
from gantoolkit.weights.hub_files import is_repository

EXPORTED = "export/bridge.safetensors"
HUB_MODEL = "model.safetensors"  # of a folder that `gantoolkit weights export RUN FOLDER` wrote
SPEC_TYPES = {"encoder": dict, "bridge": dict, "generator": str}


def export_bridge(path: Path, bridge: Bridge, specs: dict) -> Path:
    """Write a bridge with everything that `load_pipeline` must know.

    specs  those of encoder, bridge and generator. They may also say which `networks` its losses
           used, which no benchmark may judge it by, and the sha256 of what it was trained with
           (`frozen`)
    """
    return weights.save(
        path, bridge.state_dict(), dict(specs["bridge"]), pipeline=json.dumps(specs)
    )


def read_bridge(name: str | Path) -> tuple[dict, dict]:
    """Read a bridge's tensors, and the specs of encoder, bridge and generator.

    name  a run folder, an exported bridge or folder, a preset, a weights name, or OWNER/NAME of a
          bridge that `gantoolkit weights get` has fetched
    """
    folder = Path(name)
    if folder.is_dir() and _exported_file(folder) is None:
        return _read_unfinished_run(folder)
    state, _, metadata = weights.load(find_bridge_file(name))
    if "pipeline" not in metadata:
        raise WeightsError(
            f"'{name}' is not a bridge: its file does not say which encoder and generator it "
            "joins; give a run folder or a preset."
        )
    return state, json.loads(metadata["pipeline"])


def read_specs(name: str | Path) -> dict:
    """Read the specs of encoder, bridge and generator, and no tensor of a finished bridge."""
    folder = Path(name)
    if folder.is_dir() and _exported_file(folder) is None:
        return _read_unfinished_run(folder)[1]
    metadata = weights.header(find_bridge_file(name))
    return json.loads(metadata["pipeline"]) if "pipeline" in metadata else read_bridge(name)[1]


def find_bridge_file(name: str | Path) -> Path:
    """Return the bridge's file of a run folder, a preset, a weights name or a repository."""
    path = Path(name)
    exported = _exported_file(path)
    if exported is not None:
        return exported
    if path.is_dir():
        return checkpoint.newest_tensors(path / "checkpoint")
    preset = manifest.load().presets.get(str(name))
    if preset is not None:
        if "weights" not in preset:
            raise UsageError(
                f"The preset '{name}' has no trained bridge; train one with "
                f"`gantoolkit run {name}`."
            )
        return weights.resolve(preset["weights"])
    try:
        resolved = weights.resolve(name)
        return _exported_file(resolved) or resolved
    except WeightsError:
        if str(name) in manifest.load().weights:
            raise
    raise UsageError(_unknown_run(path))


def _exported_file(folder: Path) -> Path | None:
    """The exported bridge in a run folder, or in one of the Hub's form."""
    for file in (EXPORTED, HUB_MODEL):
        if (folder / file).is_file():
            return folder / file
    return None


def _unknown_run(path: Path) -> str:
    """The sentence for what is neither a run nor a preset."""
    presets = list(manifest.load().presets)
    folders_near = {
        config.parent
        for root in (Path("runs"), path.parent)
        for config in root.glob("*/config.json")
    }
    runs = sorted(str(folder) for folder in folders_near if _is_bridge_run(folder))
    listed_runs = ", ".join(runs) or "none here; train one with gantoolkit run"
    return (
        f"There is no run or preset '{path}'{did_you_mean(str(path), [*presets, *runs])}; "
        f"presets: {', '.join(presets) or 'none'}; runs: {listed_runs}{_fetching_hint(path)}."
    )


def _fetching_hint(path: Path) -> str:
    """What to type where the name may be that of a repository."""
    name = path.as_posix()
    if not is_repository(name):
        return ""
    return f"; if it is a repository of the Hub, type 'gantoolkit weights get {name}' first"


def _is_bridge_run(folder: Path) -> bool:
    try:
        return read_run_config(folder).get("task") == "bridge"
    except DataError:
        return False


def _read_unfinished_run(folder: Path) -> tuple[dict, dict]:
    """Bridge and specs of a run that has not exported yet: its config and newest checkpoint."""
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise UsageError(
            f"{folder} is not a run folder; it has neither {EXPORTED} nor config.json."
        )
    config = read_run_config(folder)
    if config.get("task") != "bridge":
        raise UsageError(
            f"{folder} is a run of the task '{config.get('task')}'; images come from `bridge` runs."
        )
    for name, expected_type in SPEC_TYPES.items():
        if not isinstance(config.get(name), expected_type):
            raise DataError(
                f"{config_file} does not say which {name} the bridge was trained with; "
                "restore it, or give another run or a preset."
            )
    specs = {name: config[name] for name in SPEC_TYPES}
    specs["condition"] = config.get("condition", "mask")
    return checkpoint.module_state(folder / "checkpoint", "bridge"), specs


# -- checksums of what a bridge needs ----------------------------------------------------------


def frozen_checksums(specs: dict) -> dict[str, str]:
    """Return name → sha256 of the networks that a bridge joins and that its file does not hold."""
    return weights.checksums([specs["generator"]]) | folders.checksums(specs["encoder"])


def pipeline_checksums(name: str | Path, specs: dict) -> dict[str, str]:
    """Return `frozen_checksums`, and the bridge's own: the sha256 of every network in use."""
    return {"bridge": weights.sha256(find_bridge_file(name)), **frozen_checksums(specs)}


def changed_networks(specs: dict) -> list[str]:
    """Name the networks whose content is not what the bridge was trained with.

    A bridge whose file does not say that (`frozen`) has none.
    """
    trained_with = specs.get("frozen") or {}
    return weights.differing(trained_with, frozen_checksums(specs)) if trained_with else []
