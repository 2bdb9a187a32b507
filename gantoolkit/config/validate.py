"""Strict checks of a resolved config against signatures read from source: nothing is imported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from gantoolkit.config import signature
from gantoolkit.config.components import check_components
from gantoolkit.config.value_types import check_value, source
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean, unknown_device
from gantoolkit.registry import manifest, messages

T = TypeVar("T")
FROM_RUNNER = ("seed", "device")  # constructor arguments of a task that the runner gives
RUNNER_TYPES = {  # the runner's own keys, beside `task` and `schedule`
    "seed": "int",
    "device": "str",
    "name": "str",
    "report": "bool",
    "load_from": "str | None",
}
DATACLASSES = {  # dicts of a config → the dataclass that each stands for
    "schedule": "gantoolkit.training.schedule:Schedule",
    "sampling": "gantoolkit.tasks.bridge.config:SamplingConfig",
    "cache": "gantoolkit.tasks.bridge.config:CacheConfig",
    "data": "gantoolkit.tasks.bridge.config:DataConfig",
    "adversary": "gantoolkit.tasks.gan.config:AdversaryConfig",
}
OF_BRIDGES = ("sampling", "cache", "data")  # of these, in tasks that take `sampling` and `cache`


def flatten(values: dict, prefix: str = "") -> dict[str, Any]:
    """Map dotted keys to values; an empty dict counts as a value.

    >>> flatten({"lr": 0.1, "schedule": {"batch": 4}})
    {'lr': 0.1, 'schedule.batch': 4}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def check(values: dict, runner_keys: Iterable[str], provenance: dict[str, str]) -> None:
    """Check a whole config; raise UsageError with the first thing that is wrong.

    runner_keys  top-level keys that belong to the runner instead of the task
    provenance   dotted key → where its value comes from
    """
    task = task_signature(values)
    _check_task_keys(values, task, list(runner_keys), provenance)
    for key, annotation in RUNNER_TYPES.items():
        check_value(key, values[key], annotation, provenance)
    if problem := unknown_device(values["device"], also=("auto",)):
        raise UsageError(f"device ({source('device', provenance)}): {problem}.")
    for key in DATACLASSES:
        _check_dataclass(key, values, provenance)
    check_components(values, provenance)


def task_signature(values: dict) -> signature.Signature | None:
    """Read the signature of the config's task; None where its source cannot be read."""
    task = values.get("task")
    if not isinstance(task, str):
        name = f" '{values['name']}'" if values.get("name") else ""
        raise UsageError(
            f"The config{name} names no task; write task = 'NAME' with one of "
            f"{', '.join(messages.existing('task')) or 'none'}."
        )
    entry = manifest.load().components["task"].get(task)
    if entry is None:
        raise UsageError(messages.unknown("task", task))
    return signature.of(entry)


def check_override(key: str, value: Any, values: dict) -> None:
    """Refuse an override that reaches through a value, changes none, or adds an unchecked key."""
    if value == {} and any(known.startswith(f"{key}.") for known in flatten(values)):
        raise UsageError(
            f"'{key}={{}}' changes nothing, because dicts are merged; write "
            f"\"{key}={{'_delete_': True}}\" to empty it."
        )
    *parents, last = key.split(".")
    if not parents:
        return
    node: Any = values
    for depth, name in enumerate(parents):
        if not isinstance(node, dict):
            path = ".".join(parents[:depth])
            raise UsageError(f"'{key}': {path} is {node!r} and has no keys.")
        if name not in node and depth > 0 and "type" not in node:
            raise UsageError(_no_key(key, values))
        node = node.get(name, {"type": "?"})

    if len(parents) == 1 and last in _fields(parents[0], values):
        return
    if not isinstance(node, dict):
        raise UsageError(_no_key(key, values))
    is_new = last not in node
    if is_new and "type" not in node and not isinstance(value, dict):
        raise UsageError(_no_key(key, values))


def build(cls: type[T], key: str, values: dict[str, Any]) -> T:
    """Construct the dataclass that the config's dict `key` stands for.

    Wrong or missing keys are refused.
    """
    known = {field.name: field for field in fields(cls)}
    for name in values:
        if name not in known:
            hint = messages.hint("keys", name, known)
            raise UsageError(f"{key} has no key '{name}'{hint}; it has {', '.join(known)}.")
    for name, field in known.items():
        if field.default is MISSING and name not in values:
            raise UsageError(f"{key} lacks '{name}'; it has {', '.join(known)}.")
    return cls(**values)


def _check_task_keys(
    values: dict,
    task: signature.Signature | None,
    runner_keys: list[str],
    provenance: dict[str, str],
) -> None:
    """Compare the top-level keys with the task's arguments and the runner's keys."""
    if task is None:
        arguments, names = (), []
    else:
        arguments, names = task.arguments, task.names
    known = [*runner_keys, "task", *names]
    for key in values:
        if key not in known and not (task and task.open):
            raise UsageError(
                f"The config has no key '{key}'{messages.hint('keys', key, known)} "
                f"({source(key, provenance)}); the task '{values['task']}' takes "
                f"{', '.join(names)}, the runner {', '.join(runner_keys)}."
            )
    for argument in arguments:
        name = argument.name
        if name in FROM_RUNNER:
            continue
        if name not in values:
            if argument.default is None:
                raise UsageError(
                    f"The config lacks '{name}', which the task '{values['task']}' needs."
                )
        elif not _fields(name, values):
            check_value(name, values[name], argument.annotation, provenance)


def _check_dataclass(key: str, values: dict, provenance: dict[str, str]) -> None:
    """Compare the dict `key` with the fields of the dataclass that it stands for."""
    known = _fields(key, values)
    given = values.get(key)
    if not known or given is None:
        return
    takes = f"{key} takes {', '.join(known)}"
    if not isinstance(given, dict):
        raise UsageError(
            f"{key} should be a dict of {', '.join(known)}, not {given!r} "
            f"({source(key, provenance)})."
        )
    for name, argument in known.items():
        if argument.default is None and name not in given:
            raise UsageError(f"The config lacks '{key}.{name}'; {takes}.")
    for name, value in given.items():
        dotted = f"{key}.{name}"
        if name not in known:
            raise UsageError(
                f"The config has no key '{dotted}'{messages.hint('keys', name, known)} "
                f"({source(dotted, provenance)}); {takes}."
            )
        check_value(dotted, value, known[name].annotation, provenance)


def _fields(key: str, values: dict) -> dict[str, signature.Argument]:
    """The fields, by name, of the dataclass that the dict `key` stands for.

    {} where it is a plain dict.
    """
    if key not in DATACLASSES:
        return {}
    needed = {"sampling", "cache"} if key in OF_BRIDGES else {key}
    if key != "schedule" and not needed <= set(_task_arguments(values)):
        return {}
    module, _, attribute = DATACLASSES[key].partition(":")
    return {argument.name: argument for argument in signature.read(module, attribute).arguments}


def _task_arguments(values: dict) -> list[str]:
    """Names of the arguments of the config's task."""
    task = task_signature(values) if "task" in values else None
    return task.names if task else []


def _no_key(key: str, values: dict) -> str:
    """Say that a dotted key does not exist, and which do beside it."""
    parent, _, last = key.rpartition(".")
    all_keys = list(flatten(values))
    siblings = list(_fields(parent, values))
    if not siblings:
        prefix = f"{parent}."
        siblings = [other.removeprefix(prefix) for other in all_keys if other.startswith(prefix)]
    if siblings:
        return (
            f"The config has no key '{key}'{messages.hint('keys', last, siblings)}; "
            f"under '{parent}' there are {', '.join(siblings)}."
        )
    return f"The config has no key '{key}'{did_you_mean(key, all_keys)}."
