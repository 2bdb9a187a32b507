"""Which networks trained what a row draws with, as far as its files say; none of them may judge."""

from __future__ import annotations

from pathlib import Path

from gantoolkit import weights
from gantoolkit.core import files


def networks_of_run(run: str, specs: dict) -> dict[str, str]:
    """Return role → network in the losses of a run, and of what trained its generator.

    As its export says, or else its config.
    """
    networks = networks_of_generator(specs["generator"])
    if "networks" in specs:
        return networks | specs["networks"]
    for name, spec in (files.read_run_config(run).get("losses") or {}).items():
        if isinstance(spec, dict) and "network" in spec:
            networks[name] = spec["network"]
    return networks


def networks_of_generator(name: str) -> dict[str, str]:
    """Return role → network that trained a generator, its adversary's too; {} if it is unsaid."""
    return weights.networks_behind(name, "the generator")


def notes_on_generator(name: str) -> list[str]:
    """Return what a reader of a row must know of its generator, in sentences."""
    if weights.training_networks(name) is None:
        return [f"which networks trained its generator '{Path(name).name}' is not known"]
    return []
