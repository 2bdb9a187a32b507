"""The encoder of faces that a finished run of task `gan` trained beside its generator."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.training import checkpoint
from gantoolkit.training.run_folder import exported_weights


def read_encoder_spec(run: Path) -> dict:
    """Read how the encoder of a finished run was built; UsageError where there is none."""
    config = files.read_run_config(run)
    has_encoder = config.get("task") == "gan" and config.get("encoder")
    if not has_encoder or not exported_weights(run):
        raise UsageError(
            f"{run} is not a finished run of task 'gan' with an encoder; give the folder of one."
        )
    return config["encoder"]


def load_face_encoder(run: Path, encoder: nn.Module) -> None:
    """Load the weights of a finished run's encoder; UsageError where they do not fit.

    What reads a code for every style may begin from what reads one for all (`offsets`).
    """
    read_encoder_spec(run)
    state = checkpoint.module_state(run / "checkpoint", "encoder")
    for key, tensor in encoder.state_dict().items():
        if key.startswith("offsets."):
            state.setdefault(key, tensor)
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise UsageError(
            f"The encoder of {run} has other layers; set `encoder` as there."
        ) from error
