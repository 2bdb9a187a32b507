"""Plain modules that several stages use: recognizers, parsers, perceptual trunks, the judge."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantoolkit.core.errors import WeightsError

if TYPE_CHECKING:
    import torch


def load(name_or_path: str | os.PathLike, device: str | torch.device = "cpu") -> Any:
    """Load a frozen network in eval mode, by weights name or path.

    A file may hold any network that a registry.yaml lists; `Towers` and CLIP are folders;
    `insightface:PATH` is a folder or file of ONNX models. Raise WeightsError for anything else.
    """
    from gantoolkit import weights

    if str(name_or_path).startswith("insightface:"):
        from gantoolkit.networks.insightface_judge import PREFIX, InsightFace

        return InsightFace(str(name_or_path).removeprefix(PREFIX)).eval()

    path = weights.resolve(name_or_path)
    network = _load_folder(path) if path.is_dir() else _load_file(path)
    return network.eval().requires_grad_(False).to(device)


def _load_folder(folder: Path):
    from gantoolkit.networks.clip import CLIP
    from gantoolkit.networks.towers import Towers

    if (folder / "config.json").is_file():
        return CLIP.load(folder)
    return Towers.load(folder)


def _load_file(path: Path):
    from gantoolkit import weights
    from gantoolkit.registry import manifest
    from gantoolkit.registry.registry import get
    from gantoolkit.weights.state_dict import load_state_dict

    known = manifest.load().components["network"]
    state, arch, _ = weights.load(path, kinds=known)
    kind = arch.pop("type", None)
    if kind not in known:
        raise WeightsError(
            f"{path} holds {kind or 'no named network'}, expected one of {', '.join(known)}."
        )
    network_class = get("network", kind)
    if hasattr(network_class, "load"):
        raise WeightsError(
            f"{path} is a part of {kind}, which is read from a folder; give {path.parent}."
        )
    network = network_class(**arch)
    load_state_dict(network, state, path)
    return network
