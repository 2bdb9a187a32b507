"""From a finished run, an exported bridge or a preset to a Pipeline that draws."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from gantoolkit import weights
from gantoolkit.core.errors import DataError, UsageError, WeightsError, warn
from gantoolkit.core.files import read_run_config
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.encoders import folders
from gantoolkit.inference.cameras import estimate_camera
from gantoolkit.pipeline import Pipeline
from gantoolkit.registry import manifest, registry
from gantoolkit.training import checkpoint
from gantoolkit.weights.state_dict import compare_state_dicts

EXPORTED = "export/bridge.safetensors"
HUB_MODEL = "model.safetensors"  # of a folder that `gantoolkit weights export RUN FOLDER` wrote


def export(path: Path, bridge: torch.nn.Module, specs: dict) -> Path:
    """Write a bridge with everything `load_pipeline` must know: specs of encoder, bridge and generator.

    `specs` may also say which `networks` its losses used, which no benchmark may judge it by, and the sha256 of what
    it was trained with (`frozen`).
    """
    return weights.save(
        path, bridge.state_dict(), dict(specs["bridge"]), pipeline=json.dumps(specs)
    )


def load_pipeline(
    name: str | Path,
    device: str | torch.device = "cpu",
    steps: int | None = None,
    guidance: float | None = None,
    generator: str | None = None,
) -> Pipeline:
    """The pipeline of a run folder, an exported bridge or folder, a preset or a weights name, ready to draw.

    `steps` and `guidance` replace those of the encoder's trajectory; `generator`, a weights name or file, draws
    in place of the one that the bridge was trained with (a stylized one, for instance).
    """
    changes = {"steps": steps, "guidance": guidance}
    return load_with_specs(name, generator, **changes)[0].to(device)


def load_with_specs(
    name: str | Path, generator: str | None = None, **changes
) -> tuple[Pipeline, dict]:
    """`load_pipeline`, and the specs of its parts; `changes` replace arguments of the encoder."""
    state, specs = read(name)
    for network in changed(specs):
        warn(
            f"'{network}' is not the file that '{name}' was trained with (its sha256 differs); pictures will differ."
        )
    other = None
    if generator is not None:
        other = replacement(generator, specs["generator"])
        specs = dict(specs, generator=str(generator))
    specs = dict(
        specs, encoder=specs["encoder"] | {k: v for k, v in changes.items() if v is not None}
    )
    return assemble(state, specs, generator=other), specs


def frozen(specs: dict) -> dict[str, str]:
    """name → sha256 of the networks that a bridge is joined to and that its file does not hold."""
    return weights.checksums([specs["generator"]]) | folders.checksums(specs["encoder"])


def checksums(name: str | Path, specs: dict) -> dict[str, str]:
    """`frozen`, and the bridge's own: the sha256 of everything that draws."""
    return {"bridge": weights.sha256(bridge_file(name)), **frozen(specs)}


def changed(specs: dict) -> list[str]:
    """The networks whose content is not what the bridge was trained with, as far as its file says that."""
    known = specs.get("frozen") or {}
    return weights.differing(known, frozen(specs)) if known else []


class Loader:
    """Loads pipelines of several runs; an encoder or generator that several of them use is loaded once."""

    def __init__(self, device: str | torch.device = "cpu"):
        self.device = device
        self._parts: dict[str, torch.nn.Module] = {}

    def __call__(self, name: str | Path) -> tuple[Pipeline, dict]:
        """What `load_pipeline` takes → its pipeline, and the specs of its parts."""
        from gantoolkit.generators import load_generator

        state, specs = read(name)
        encoder = self._part("encoder", specs, lambda spec: registry.build("encoder", spec))
        generator = self._part("generator", specs, load_generator)
        return assemble(state, specs, encoder, generator).to(self.device), specs

    def _part(self, kind: str, specs: dict, build) -> torch.nn.Module:
        key = f"{kind} {json.dumps(specs[kind], sort_keys=True)}"
        if key not in self._parts:
            self._parts[key] = build(specs[kind])
        return self._parts[key]


def replacement(name: str, own: str):
    """The generator `name`, to draw in place of `own`, for which a bridge makes codes; others are refused."""
    from gantoolkit.generators import load_generator

    other = load_generator(name)
    try:
        trained = load_generator(own)
    except WeightsError:  # not here: the sizes of the bridge's tensors decide
        return other
    if other.is_3d != trained.is_3d:
        raise UsageError(
            f"{name} is {_kind(other)}, and this bridge was trained with {_kind(trained)} "
            f"('{own}'); give a generator that was fine-tuned from '{own}'."
        )
    if (other.num_ws, other.w_dim) != (trained.num_ws, trained.w_dim):
        raise UsageError(
            f"{name} takes {other.num_ws} codes of {other.w_dim} numbers, and this bridge makes "
            f"{trained.num_ws} of {trained.w_dim}; give a generator that was fine-tuned from "
            f"'{own}'."
        )
    return other


def _kind(generator) -> str:
    return "a 3D generator" if generator.is_3d else "a 2D generator"


def read(name: str | Path) -> tuple[dict, dict]:
    """The bridge's tensors, and the specs of encoder, bridge and generator, of what `load_pipeline` takes."""
    folder = Path(name)
    if folder.is_dir() and not any((folder / file).is_file() for file in (EXPORTED, HUB_MODEL)):
        return _unfinished(folder)
    state, _, meta = weights.load(bridge_file(name))
    if "pipeline" not in meta:
        raise WeightsError(
            f"'{name}' is not a bridge: its file does not say which encoder and generator it "
            "joins; give a run folder or a preset."
        )
    return state, json.loads(meta["pipeline"])


def assemble(state: dict, specs: dict, encoder=None, generator=None) -> Pipeline:
    """Encoder, generator and bridge from their specs (or as given), the bridge's tensors from `state`."""
    from gantoolkit.generators import load_generator

    encoder = registry.build("encoder", specs["encoder"]) if encoder is None else encoder
    generator = load_generator(specs["generator"]) if generator is None else generator
    bridge = build_bridge(specs["bridge"], encoder, generator)
    if diff := compare_state_dicts(state, bridge.state_dict()):
        raise WeightsError(f"The bridge does not fit its encoder and generator: it {diff}.")
    bridge.load_state_dict(state)
    return Pipeline(
        encoder, bridge.requires_grad_(False), generator, specs["condition"], estimate_camera
    )


def build_bridge(spec: dict, encoder, generator):
    """A bridge whose sizes are those of its neighbours."""
    return registry.build(
        "bridge",
        spec,
        feature_shapes=encoder.shapes,
        num_ws=generator.num_ws,
        w_dim=generator.w_dim,
        mean_w=generator.mean_w.detach().clone(),
    )


def bridge_file(name: str | Path) -> Path:
    """The bridge file behind a run folder, a preset or a weights name."""
    path = Path(name)
    for file in (EXPORTED, HUB_MODEL):
        if (path / file).is_file():
            return path / file
    if path.is_dir():
        return checkpoint.newest_tensors(path / "checkpoint")
    preset = manifest.load().presets.get(str(name))
    if preset is not None:
        if "weights" not in preset:
            raise UsageError(
                f"The preset '{name}' has no trained bridge; train one with `gantoolkit run {name}`."
            )
        return weights.resolve(preset["weights"])
    try:
        return weights.resolve(name)
    except WeightsError:
        if str(name) in manifest.load().weights:
            raise
    raise UsageError(_unknown(path))


def _unknown(path: Path) -> str:
    """The sentence for what is neither a run nor a preset."""
    presets = list(manifest.load().presets)
    near = {
        file.parent
        for folder in (Path("runs"), path.parent)
        for file in folder.glob("*/config.json")
    }
    runs = sorted(str(folder) for folder in near if _draws(folder))
    return (
        f"There is no run or preset '{path}'{did_you_mean(str(path), [*presets, *runs])}; presets: "
        f"{', '.join(presets) or 'none'}; runs: {', '.join(runs) or 'none here; train one with gantoolkit run'}."
    )


def _draws(folder: Path) -> bool:
    """Whether a run folder is one of a bridge."""
    try:
        return read_run_config(folder).get("task") == "bridge"
    except DataError:
        return False


def _unfinished(folder: Path) -> tuple[dict, dict]:
    """Bridge and specs of a run that has not exported yet: its config and newest checkpoint."""
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"{folder} is not a run folder; it has neither {EXPORTED} nor config.json."
        )
    config = read_run_config(folder)
    if config.get("task") != "bridge":
        raise UsageError(
            f"{folder} is a run of the task '{config.get('task')}'; images come from `bridge` runs."
        )
    specs = _whole(config, folder / "config.json")
    return checkpoint.module_state(folder / "checkpoint", "bridge"), specs


def _whole(found: dict, where: str | Path) -> dict:
    """The specs among what a run's config or an exported file says; DataError where one is missing or none."""
    parts = {"encoder": dict, "bridge": dict, "generator": str}
    if wrong := [name for name, kind in parts.items() if not isinstance(found.get(name), kind)]:
        raise DataError(
            f"{where} does not say which {wrong[0]} the bridge was trained with; "
            "restore it, or give another run or a preset."
        )
    return {name: found[name] for name in parts} | {"condition": found.get("condition", "mask")}
