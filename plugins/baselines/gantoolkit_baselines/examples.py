"""Arguments with which `gantoolkit plugin check` builds systems: exports of untrained tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gantoolkit.training.runner import build_task

STEPS = 2  # of denoising, or of the optimization
LOSSES = {"l2": {"type": "L2"}}


def collaborative(folder: Path) -> dict[str, Any]:
    """Export untrained dynamic diffusers; returns the arguments of CollaborativeDiffusion."""
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


def mm2latent_task(folder: Path) -> dict[str, Any]:
    """Export untrained towers to `folder`; returns arguments of the task `mm2latent`."""
    return {"data": "val", "generator": "stylegan2", "towers": _towers(folder)}


def mm2latent(folder: Path) -> dict[str, Any]:
    """Export an untrained map to codes to `folder`; returns MM2LatentStyle's arguments."""
    keys = mm2latent_task(folder)
    _export({"task": "mm2latent", **keys}, folder)
    return {"run": str(folder), "towers": keys["towers"]}


def mmface_dit(folder: Path) -> dict[str, Any]:
    """Export an untrained transformer to `folder`; returns MMFaceDiTStyle's arguments."""
    keys = {"task": "dit", "data": "val", "vae": "diffusion", "text": "diffusion"}
    _export(keys | {"hidden": 32, "depth": 4, "heads": 2}, folder)
    return {"run": str(folder), "steps": STEPS}


def _encoder_and_towers(keys: dict[str, Any], folder: Path) -> dict[str, Any]:
    _export(keys, folder)
    return {"encoder": str(folder), "towers": _towers(folder), "steps": STEPS}


def _towers(folder: Path) -> str:
    """Export untrained towers; returns their folder."""
    _export({"task": "towers", "data": "val"}, folder)
    return str(folder / "towers")


def _export(keys: dict[str, Any], folder: Path) -> None:
    """Write what a task exports before its first iteration."""
    build_task(keys, torch.device("cpu"), seed=0).export(folder)
