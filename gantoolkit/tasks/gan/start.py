"""What training begins from: new weights, or those of a generator or encoder that exists."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from gantoolkit import weights
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.generators import build_generator, load_state
from gantoolkit.registry import manifest, registry
from gantoolkit.training import checkpoint
from gantoolkit.training.run_folder import exported_weights


def build_initial_generator(
    spec: dict | None, init_from: str | None, resolution: int, z_dim: int
) -> tuple[nn.Module, dict, str]:
    """Return the generator, its constructor's arguments with `type`, and a sentence about it.

    spec        the config's `generator`; None: as the file of `init_from` says
    init_from   weights name, file, or the folder of a run that exported one generator; with `spec`
                only tensors of the same name and shape are copied
    resolution  pixels of the data
    z_dim       of the data's factors, where neither spec nor file says it
    """
    if init_from is None:
        if spec is None:
            raise UsageError("The task 'gan' needs `generator`, `init_from`, or both.")
        arch = {"z_dim": z_dim, "resolution": resolution, **spec}
        return registry.build("generator", arch), arch, ""

    path = _weights_file(init_from)
    state, file_arch, _ = weights.load(path, kinds=manifest.load().components["generator"])
    if spec is None:
        generator = build_generator(file_arch, path)
        _check_resolution(generator, resolution, init_from)
        load_state(generator, state, path)
        return generator, file_arch, f"The generator began from '{init_from}'."
    arch = {"z_dim": file_arch["z_dim"], "resolution": resolution, **spec}
    generator = registry.build("generator", arch)
    copied, count = copy_fitting(generator, state)
    if not copied:
        raise WeightsError(f"No tensor of '{init_from}' fits the config's generator.")
    sentence = f"The generator began from '{init_from}': {copied} of {count} tensors."
    return generator, arch, sentence


def build_initial_encoder(arch: dict, source: str | Path | None) -> nn.Module:
    """Build an encoder of faces, with the weights of another one if `source` is given.

    source  weights name or file of an encoder, or the folder of a finished run of task `gan`

    What reads a code for every style may begin from what reads one for all (`offsets`).

    Raises UsageError where the run had no encoder, or one of other layers.
    """
    encoder = registry.build("network", arch)
    if not source:
        return encoder
    if Path(source).is_dir():
        read_encoder_spec(Path(source))
        state = checkpoint.module_state(Path(source) / "checkpoint", "encoder")
    else:
        state, _, _ = weights.load(source)
    for key, tensor in encoder.state_dict().items():
        if key.startswith("offsets."):
            state.setdefault(key, tensor)
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise UsageError(
            f"The encoder of {source} has other layers; set `encoder` as there."
        ) from error
    return encoder


def read_encoder_spec(run: Path) -> dict:
    """Read how the encoder of a finished run was built; UsageError where there is none."""
    config = files.read_run_config(run)
    has_encoder = config.get("task") == "gan" and config.get("encoder")
    if not has_encoder or not exported_weights(run):
        raise UsageError(
            f"{run} is not a finished run of task 'gan' with an encoder; give the folder of one."
        )
    return config["encoder"]


def networks_of_start(init_from: str | None) -> dict[str, str]:
    """Return role → network that trained the generator of `init_from`, as far as its file says."""
    if init_from is None:
        return {}
    return weights.networks_behind(_weights_file(init_from), Path(init_from).name)


def _weights_file(name: str) -> str | Path:
    """Return the weights file of a name or path; of a run's folder, the one that it exported."""
    if not Path(name).is_dir():
        return name
    exported = exported_weights(Path(name))
    if len(exported) != 1:
        raise WeightsError(
            f"The run {name} has exported {len(exported)} weights files; init_from takes a run "
            "with one, or a file."
        )
    return exported[0]


def _check_resolution(generator: nn.Module, resolution: int, name: str) -> None:
    if generator.resolution != resolution:
        raise UsageError(
            f"'{name}' draws {generator.resolution} px and the data has {resolution} px; give "
            "`generator` too, and the layers that both have are copied."
        )


@torch.no_grad()
def copy_fitting(generator: nn.Module, state: dict) -> tuple[int, int]:
    """Copy tensors of the same name and shape; return (copied, all).

    A block that the file lacks adds nothing to the image at first: its `torgb` begins at 0.
    """
    copied = 0
    own_state = generator.state_dict()
    for key, tensor in own_state.items():
        if key in state and state[key].shape == tensor.shape:
            tensor.copy_(state[key])
            copied += 1
        elif key.endswith("torgb.weight"):
            tensor.zero_()
    return copied, len(own_state)
