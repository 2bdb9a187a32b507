"""Arguments with which `gantoolkit plugin check` builds systems: exports of untrained tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gantoolkit.training.runner import build_task

STEPS = 2  # of denoising, or of the optimization
LOSSES = {"l2": {"type": "L2"}}


def collaborative(folder: Path) -> dict[str, Any]:
    """Export untrained dynamic diffusers to `folder`; returns CollaborativeDiffusion's arguments."""
    _export({"task": "collaborative", "data": "val"}, folder)
    return {"diffusers": str(folder), "steps": STEPS}


def tedigan(folder: Path) -> dict[str, Any]:
    """Export an untrained encoder of masks to `folder`; returns TediGANStyle's arguments."""
    keys = {"task": "code_encoder", "data": "val", "generator": "stylegan2", "losses": LOSSES}
    return _encoder_and_towers(keys, folder)


def ide3d(folder: Path) -> dict[str, Any]:
    """Export an untrained encoder of masks and photos; returns IDE3DStyle's arguments."""
    keys = {"task": "code_encoder", "data": "val", "generator": "eg3d", "losses": LOSSES}
    return _encoder_and_towers(keys | {"geometry": 6}, folder)


def _encoder_and_towers(keys: dict[str, Any], folder: Path) -> dict[str, Any]:
    _export(keys, folder)
    _export({"task": "towers", "data": "val"}, folder)
    return {"encoder": str(folder), "towers": str(folder / "towers"), "steps": STEPS}


def _export(keys: dict[str, Any], folder: Path) -> None:
    """Write what a task exports before its first iteration."""
    build_task(keys, torch.device("cpu"), seed=0).export(folder)
