"""What a component of each kind must have, and the sentence for one that lacks it.

docs/plugins.md says where each contract stands; `gantoolkit plugin check` tests the whole of it.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest

MEMBERS = {  # kind → name of an attribute or method → what it is
    "generator": {
        "num_ws": "the number L of style codes",
        "w_dim": "numbers per style code",
        "z_dim": "numbers of a random code z",
        "resolution": "pixels per side of its images",
        "mean_w": "the mean code w̄ [w_dim]",
        "is_3d": "whether it is rendered from a camera",
        "mapping": "a method z [B,z_dim] → ws [B,num_ws,w_dim]",
        "render": "a method ws → Render",
    },
    "bridge": {
        "forward": "a method Features → Latent",
    },
    "encoder": {
        "shapes": "FeatureShapes of h and f",
        "trace": "a method Condition → Features, step by step",
    },
    "loss": {
        "weight": "λ, the factor of the term",
        "network": "the weights name of the network that it looks through, or None",
        "compares": "'image', 'identity' or 'code'",
        "prepare": "a method that computes what is kept of a target",
        "forward": "a method image, prepared → scalar",
    },
    "metric": {
        "network_name": "the weights name of the network that judges, or None",
        "max_replicates": "the most replicates of the bootstrap",
        "update": "a method that adds an EvalBatch",
        "compute": "a method that returns the scores",
    },
    "task": {
        "modules": "name → module, for checkpoints",
        "optimizers": "phase → optimizer",
        "size": "a method that returns the number of training samples",
        "losses": "a method phase, batch, iteration → name → scalar",
    },
}
TRAINING = {  # the same, where a bridge is trained
    "bridge": {
        "mapping_parameters": "a method that returns the parameters of M",
        "modulation_parameters": "a method that returns the parameters of T, or none",
    },
    "encoder": {
        "timesteps": "the grid of denoising steps, from noise to image",
        "features": "a method z_t, t, Condition → Features",
        "trajectory": "a method Condition → z_t of every step, I^d_0",
    },
}


def check_members(kind: str, component: Any, training: bool = False) -> None:
    """Raise UsageError for the first member that a component lacks, with its plugin and file.

    training  check those that only training needs, instead of those that every use does
    """
    members = TRAINING if training else MEMBERS
    for name, meaning in members.get(kind, {}).items():
        if not hasattr(component, name):
            raise UsageError(complaint(kind, component, f"it lacks '{name}'", f"add it: {meaning}"))


def complaint(kind: str, component: Any, problem: str, remedy: str) -> str:
    """Say what is wrong with a component, whose it is, where it stands, and what to do."""
    cls = type(component)
    try:
        file = inspect.getfile(cls)
    except (OSError, TypeError):
        file = cls.__module__
    plugin = _plugin_of(file)
    whose = f" of the plugin '{plugin}'" if plugin else ""
    return (
        f"The {kind} {cls.__name__}{whose} ({file}): {problem}; {remedy}. "
        "'gantoolkit plugin check DIR' tests all that a component must do."
    )


def _plugin_of(file: str) -> str:
    """Name the plugin whose folder holds a file; "" where none does."""
    for provider in manifest.load().providers.values():
        if provider.entry and Path(file).is_relative_to(provider.root):
            return provider.name
    return ""
