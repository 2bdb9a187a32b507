"""The contract of networks: modules with weights that can be saved and loaded."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import nn

from gantoolkit import weights
from gantoolkit.contracts.contract import Contract


def check(contract: Contract, network, arch: dict) -> None:
    """Test an initialized network."""
    is_module = isinstance(network, nn.Module)
    contract.require(is_module, "it is no torch module", "derive it from torch.nn.Module")
    with tempfile.TemporaryDirectory() as folder, contract.calling("saving and loading it"):
        path = weights.save(Path(folder) / "it.safetensors", network.state_dict(), arch)
        state, _, _ = weights.load(path)
        network.load_state_dict(state)
    for name, tensor in network.state_dict().items():
        is_finite = not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
        contract.require(is_finite, f"{name} has NaN or infinite values", "initialize it")
