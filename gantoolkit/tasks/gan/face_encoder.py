"""The encoder of faces that a finished run of task `gan` trained beside its generator."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from gantoolkit import weights
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import registry
from gantoolkit.training import checkpoint
from gantoolkit.training.run_folder import exported_weights


def load_face_encoder(run: Path, resolution: int) -> nn.Module:
    """Load the encoder of a finished run, frozen; UsageError where there is none.

    resolution  pixels of the faces
    """
    config = files.read_run_config(run)
    has_encoder = config.get("task") == "gan" and config.get("encoder")
    if not has_encoder or not exported_weights(run):
        raise UsageError(
            f"{run} is not a finished run of task 'gan' with an encoder; give the folder of one."
        )
    (exported,) = exported_weights(run)
    w_dim = weights.architecture(exported)["w_dim"]
    arch = {"resolution": resolution, "w_dim": w_dim, **config["encoder"]}
    encoder = registry.build("network", arch)
    encoder.load_state_dict(checkpoint.module_state(run / "checkpoint", "encoder"))
    return encoder.eval().requires_grad_(False)
