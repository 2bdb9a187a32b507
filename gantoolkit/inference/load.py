"""From a finished run, an exported bridge or a preset to a Pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gantoolkit.core.distributed import pick_device
from gantoolkit.core.errors import UsageError, WeightsError, warn
from gantoolkit.core.limits import check_whole
from gantoolkit.core.stages import Encoder, Generator
from gantoolkit.inference.bridge_files import changed_networks, read_bridge
from gantoolkit.inference.cameras import estimate_camera
from gantoolkit.inference.face_pipeline import FacePipeline
from gantoolkit.pipeline import Pipeline
from gantoolkit.registry import registry
from gantoolkit.weights.state_dict import check_finite, compare_state_dicts

MAX_STEPS = 1000  # of denoising


def load_pipeline(
    name: str | Path,
    device: str | torch.device = "cpu",
    steps: int | None = None,
    guidance: float | None = None,
    negative_prompt: str | None = None,
    generator: str | None = None,
) -> FacePipeline:
    """Load the pipeline of a run folder, an exported bridge or folder, a preset or a weights name.

    steps            denoising steps of the encoder's trajectory, other than its own
    guidance         scale of classifier-free guidance, other than its own
    negative_prompt  what guidance leads away from, other than its own
    generator        weights name or file of another generator with the same codes, such as a
                     stylized one

    >>> pipeline = load_pipeline("stylegan2-mask", steps=2)
    >>> pipeline.condition, pipeline.resolution
    ('mask', 128)
    """
    if steps is not None:
        check_whole("steps", steps, 1, MAX_STEPS)
    place = pick_device(str(device))
    pipeline, _ = load_with_specs(
        name, generator, steps=steps, guidance=guidance, negative_prompt=negative_prompt
    )
    return FacePipeline(pipeline.to(place))


def load_with_specs(
    name: str | Path, generator: str | None = None, **encoder_arguments: Any
) -> tuple[Pipeline, dict]:
    """Load a pipeline on the CPU, and return the specs of its components too.

    encoder_arguments  replace those of the encoder; None leaves one as it is
    """
    state, specs = read_bridge(name)
    for network in changed_networks(specs):
        warn(
            f"'{network}' is not the file that '{name}' was trained with (its sha256 differs); "
            "pictures will differ."
        )
    replacement = None
    if generator is not None:
        replacement = load_replacement(generator, specs["generator"])
        specs = specs | {"generator": str(generator)}
    changes = {key: value for key, value in encoder_arguments.items() if value is not None}
    specs = specs | {"encoder": specs["encoder"] | changes}
    pipeline = assemble(state, specs, generator=replacement)
    if changes.get("negative_prompt") and getattr(pipeline.encoder, "guidance", 1) == 1:
        raise UsageError(
            f"The negative prompt has no effect: {name} draws without guidance (1); leave it out."
        )
    return pipeline, specs


def needed_networks(name: str | Path, generator: str | None = None) -> dict[str, Any]:
    """Return the specs of the networks that `load_with_specs` reads: encoder and generator."""
    _, specs = read_bridge(name)
    return {"encoder": specs["encoder"], "generator": generator or specs["generator"]}


class PipelineLoader:
    """Load pipelines of several runs; an encoder or generator that several use is loaded once."""

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = device
        self._networks: dict[str, Any] = {}

    def __call__(self, name: str | Path) -> tuple[Pipeline, dict]:
        """Return the pipeline, and the specs of its components, of what `load_pipeline` takes."""
        from gantoolkit.generators import load_generator

        state, specs = read_bridge(name)
        encoder = self._load_once("encoder", specs, lambda spec: registry.build("encoder", spec))
        generator = self._load_once("generator", specs, load_generator)
        return assemble(state, specs, encoder, generator).to(self.device), specs

    def _load_once(self, kind: str, specs: dict, load: Callable[[Any], Any]) -> Any:
        key = f"{kind} {json.dumps(specs[kind], sort_keys=True)}"
        if key not in self._networks:
            self._networks[key] = load(specs[kind])
        return self._networks[key]


def load_replacement(name: str, trained_name: str) -> Generator:
    """Load the generator `name`, to use instead of the one that a bridge was trained with.

    UsageError unless it is of the same kind and takes codes of the same size.
    """
    from gantoolkit.generators import load_generator

    generator = load_generator(name)
    try:
        trained = load_generator(trained_name)
    except WeightsError:  # not here: the sizes of the bridge's tensors decide
        return generator
    advice = f"give a generator that was fine-tuned from '{trained_name}'."
    if generator.is_3d != trained.is_3d:
        raise UsageError(
            f"{name} is {_kind(generator)}, and this bridge was trained with {_kind(trained)} "
            f"('{trained_name}'); {advice}"
        )
    if (generator.num_ws, generator.w_dim) != (trained.num_ws, trained.w_dim):
        raise UsageError(
            f"{name} takes {generator.num_ws} codes of {generator.w_dim} numbers, and this bridge "
            f"makes {trained.num_ws} of {trained.w_dim}; {advice}"
        )
    return generator


def _kind(generator: Generator) -> str:
    return "a 3D generator" if generator.is_3d else "a 2D generator"


def assemble(
    state: dict[str, torch.Tensor],
    specs: dict[str, Any],
    encoder: Encoder | None = None,
    generator: Generator | None = None,
) -> Pipeline:
    """Build a pipeline from the specs of its components and the bridge's tensors `state`.

    encoder, generator  used instead of what the specs name
    """
    from gantoolkit.generators import load_generator

    if encoder is None:
        encoder = registry.build("encoder", specs["encoder"])
    if generator is None:
        generator = load_generator(specs["generator"])
    bridge = build_bridge(specs["bridge"], encoder, generator)
    if diff := compare_state_dicts(state, bridge.state_dict()):
        raise WeightsError(f"The bridge does not fit its encoder and generator: it {diff}.")
    check_finite(state, "The bridge")
    bridge.load_state_dict(state)
    bridge.requires_grad_(False)
    return Pipeline(encoder, bridge, generator, specs["condition"], estimate_camera)


def build_bridge(spec: dict[str, Any], encoder: Encoder, generator: Generator) -> Any:
    """Build a bridge whose sizes are those of its encoder and generator."""
    return registry.build(
        "bridge",
        spec,
        feature_shapes=encoder.shapes,
        num_ws=generator.num_ws,
        w_dim=generator.w_dim,
        mean_w=generator.mean_w.detach().clone(),
    )
