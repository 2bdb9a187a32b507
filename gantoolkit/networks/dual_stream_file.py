"""Files that hold a DualStreamDiT: those that gantoolkit writes, and the published ones."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.core.errors import WeightsError
from gantoolkit.networks.dual_stream_dit import DualStreamDiT
from gantoolkit.weights.folders import read_tensors
from gantoolkit.weights.state_dict import load_state_dict

PUBLISHED_HEADS = 16  # which no tensor shows


def load_dit(
    name_or_path: str | Path, heads: int | None = None
) -> tuple[DualStreamDiT, dict[str, str]]:
    """Load a network in float32, frozen, and what its file says of its training.

    That is its `objective`, 'diffusion' or 'flow', and its `resolution` in pixels, where they are
    known. The file is one that gantoolkit wrote, or a published one as it is: its own folders'
    names say both.

    heads  of an attention, which a published file does not show; None: 16, or what the file says
    """
    path = weights.resolve(name_or_path)
    if "arch" in weights.header(path):
        state, arch, training = weights.load(path)
        check_type(arch.pop("type", None), path)
    else:
        state = {key: value.float() for key, value in read_tensors(path).items()}
        arch = read_arch(state, path)
        training = published_training(path)
    if heads is not None:
        arch["heads"] = heads
    with torch.device("meta"):  # its first weights are replaced
        network = DualStreamDiT(**arch)
    load_state_dict(network, state, path, assign=True)
    return network.eval().requires_grad_(False), training


def check_type(found: str | None, path: Path) -> None:
    """Refuse a file of another network."""
    if found != DualStreamDiT.__name__:
        raise WeightsError(
            f"{path} holds {found or 'no named network'}, where a DualStreamDiT is expected."
        )


def read_arch(state: dict[str, Tensor], source: object = "The file") -> dict:
    """Read the constructor's arguments off the tensors of a published file."""
    if not {"x_embedder.proj.weight", "clip_seq_proj.weight"} <= state.keys():
        raise WeightsError(f"{source} does not hold the transformer of MMFace-DiT.")
    first = state["x_embedder.proj.weight"]
    blocks = [re.match(r"blocks\.(\d+)\.", key) for key in state]
    return {
        "channels": first.shape[1] // 2,
        "hidden": first.shape[0],
        "depth": 1 + max(int(match[1]) for match in blocks if match),
        "heads": PUBLISHED_HEADS,
        "patch": first.shape[2],
        "text_width": state["clip_seq_proj.weight"].shape[1],
    }


def published_training(path: Path) -> dict[str, str]:
    """Read what the network was trained on off the folders that it is published in.

    >>> published_training(Path("dit-unified-flux-vae-512-rfm/checkpoint-44070/a.safetensors"))
    {'objective': 'flow', 'resolution': '512'}
    """
    match = re.search(r"unified-flux-vae-(\d+)(-rfm)?", str(path))
    if match is None:
        return {}
    return {"objective": "flow" if match[2] else "diffusion", "resolution": match[1]}
