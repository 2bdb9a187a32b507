"""The environment of a run: versions and hardware that a result depends on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import torch

from gantoolkit.core import distributed
from gantoolkit.core.precision import computes_bf16

PACKAGES = (
    "gantoolkit",
    "torch",
    "diffusers",
    "transformers",
    "mmengine",
    "numpy",
    "safetensors",
)


def describe(device: torch.device | None = None) -> dict[str, str]:
    """Describe versions, threads, processes, the commit and, if given, the device."""
    facts = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": str(os.cpu_count()),
    }
    for package in PACKAGES:
        try:
            facts[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    facts["threads"] = str(torch.get_num_threads())
    facts["processes"] = str(distributed.world_size())
    facts["commit"] = _commit()
    if device is not None and not computes_bf16(device.type):
        facts["bf16"] = "computed in fp32"
    if device is not None and device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name(device)
    elif device is not None:
        facts["device"] = platform.processor() or "cpu"
    return {name: value for name, value in facts.items() if value}


def _commit() -> str:
    """Read the commit of the checkout that this package runs from; "" elsewhere."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            text=True,
            capture_output=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
