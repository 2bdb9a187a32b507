"""Build a component, and test it by the contract of its kind."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch

from gantoolkit.config import signature
from gantoolkit.contracts.contract import Contract
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest, registry
from gantoolkit.registry.contracts import check_members


def missing_arguments(kind: str, name: str, given: dict) -> list[str]:
    """List the arguments that a component needs and neither `given` nor its kind supplies."""
    constructor = signature.of(manifest.load().components[kind][name])
    supplied = {*given, *_supplied(kind)}
    required = [one.name for one in constructor.arguments if one.default is None]
    return [argument for argument in required if argument not in supplied]


def check_component(kind: str, name: str, **arguments: Any) -> int:
    """Test a component built from `arguments`; returns how many promises it keeps.

    UsageError says which one it breaks, in which file, and what to do.

    >>> check_component("loss", "L2") > 5
    True
    """
    arch = {"type": name, **arguments}
    constructor = signature.of(manifest.load().components[kind][name])
    if constructor and constructor.open and kind != "metric":
        raise UsageError(
            f"The {kind} '{name}' takes **{{}}, so configs that use it cannot be checked; name "
            "all arguments of its constructor."
        )
    component = _build(kind, arch)
    check_members(kind, component)
    check_members(kind, component, training=True)
    contract = Contract(kind, component)
    import_module(f"gantoolkit.contracts.{kind}").check(contract, component, arch)
    return contract.kept


def _build(kind: str, arch: dict) -> Any:
    """Build a component with what comes from other components."""
    if kind == "task":
        from gantoolkit.training.runner import build_task

        keys = {key: value for key, value in arch.items() if key != "type"}
        return build_task({"task": arch["type"], **keys}, torch.device("cpu"), seed=0)
    torch.manual_seed(0)
    component = registry.build(kind, arch, **_given(kind))
    if kind == "metric":
        component.name = component.name or arch["type"]
    return component


def _supplied(kind: str) -> tuple[str, ...]:
    """Names of the arguments that no config gives."""
    if kind == "task":
        return ("device", "seed")
    return tuple(_given(kind))


def _given(kind: str) -> dict:
    if kind != "bridge":
        return {}
    from gantoolkit.contracts import bridge

    return bridge.arguments()
