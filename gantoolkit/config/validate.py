"""Strict checks of a resolved config against signatures read from source: nothing is imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from gantoolkit.config import signature, value_types
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean, unknown_device
from gantoolkit.registry import manifest, messages

T = TypeVar("T")
FROM_RUNNER = ("seed", "device")  # constructor arguments of a task that the runner gives
SETTINGS = {  # dicts of a config → the dataclass that they stand for; the last three where a task takes sampling
    "schedule": "gantoolkit.training.schedule:Schedule",
    "sampling": "gantoolkit.tasks.bridge.config:SamplingConfig",
    "cache": "gantoolkit.tasks.bridge.config:CacheConfig",
    "data": "gantoolkit.tasks.bridge.config:DataConfig",
}
TYPED = (
    "encoder",
    "bridge",
    "generator",
)  # what a dict with a type describes; losses and metrics are dicts of such


def flatten(values: dict, prefix: str = "") -> dict[str, Any]:
    """Dotted key → value; empty dicts stay values."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def check(values: dict, runner: Iterable[str], provenance: dict[str, str]) -> None:
    """Raise UsageError for an unknown key, a component that does not exist, or a wrong argument."""
    task = task_signature(values)
    known = [*runner, "task", *(task.names if task else ())]
    for key in values:
        if key not in known and not (task and task.open):
            raise UsageError(
                f"The config has no key '{key}'{messages.hint('keys', key, known)} "
                f"({source(key, provenance)}); the task '{values['task']}' takes "
                f"{', '.join(task.names if task else ())}, the runner {', '.join(runner)}."
            )
    for argument in task.arguments if task else ():
        if (
            argument.default is None
            and argument.name not in values
            and argument.name not in FROM_RUNNER
        ):
            raise UsageError(
                f"The config lacks '{argument.name}', which the task '{values['task']}' needs."
            )
        if (
            argument.name in values
            and argument.name not in FROM_RUNNER
            and not _fields(argument.name, values)
        ):
            _check_value(argument.name, values[argument.name], argument.annotation, provenance)
    for key, annotation in (
        ("seed", "int"),
        ("device", "str"),
        ("name", "str"),
        ("report", "bool"),
        ("load_from", "str | None"),
    ):
        _check_value(key, values[key], annotation, provenance)
    if wrong := unknown_device(values["device"], also=("auto",)):
        raise UsageError(f"device ({source('device', provenance)}): {wrong}.")
    _check_settings(values, provenance)
    check_components(values, provenance)


def check_components(values: dict, provenance: dict[str, str]) -> None:
    """Raise UsageError for what is no component, does not exist, or gets a wrong argument."""
    for dotted, kind, spec in specs(values):
        if not isinstance(spec, dict) or "type" not in spec:
            *parents, name = dotted.split(".")
            beside = [key for key in values[parents[0]] if key != name] if parents else ()
            raise UsageError(
                f"{dotted} ({source(dotted, provenance)}) should be a dict with type='NAME' and arguments of a "
                f"{kind}, not {spec!r}{did_you_mean(name, beside)}; known: {', '.join(messages.existing(kind))}."
            )
        _check_spec(dotted, kind, spec, provenance)


def task_signature(values: dict) -> signature.Signature | None:
    """The signature of the config's task."""
    task = values.get("task")
    if not isinstance(task, str):
        raise UsageError(
            "The config names no task; write task = 'NAME' with one of "
            f"{', '.join(messages.existing('task')) or 'none'}."
        )
    entry = manifest.load().components["task"].get(task)
    if entry is None:
        raise UsageError(messages.unknown("task", task))
    return signature.of(entry)


def specs(
    values: Any, dotted: str = "", kind: str | None = None
) -> Iterator[tuple[str, str | None, dict]]:
    """(dotted key, kind if the key tells it, dict) of every component, optimisers excepted.

    A component is a dict with a `type`; the name of a metric is its type by itself. What stands in a component's place
    without being one is yielded too.
    """
    within = manifest.PLURALS.get(dotted.removesuffix("."))
    pairs = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in pairs:
        key = str(key)
        own = key if key in manifest.KINDS else manifest.PLURALS.get(key, kind)
        if within == "metric" and isinstance(value, (dict, type(None))):
            value = {"type": key, **(value or {})}
        if key.startswith("optim"):
            continue
        if (
            isinstance(value, dict) and ("type" in value or not dotted and key in TYPED)
        ) or within in ("loss", "metric"):
            yield f"{dotted}{key}", own, value
            own = None
        if isinstance(value, (dict, list)):
            yield from specs(value, f"{dotted}{key}.", own)


def component(kind: str | None, name: str) -> tuple[str, dict] | None:
    """(kind, entry) of a component; the kind is searched for where the key does not tell it."""
    components = manifest.load().components
    for candidate in ([kind] if kind else []) + manifest.load().kinds_of(name):
        if name in components[candidate]:
            return candidate, components[candidate][name]
    return None


def _check_spec(dotted: str, kind: str | None, spec: dict, provenance: dict[str, str]) -> None:
    name = spec["type"]
    found = component(kind, name) if isinstance(name, str) else None
    if found is None:
        known = [n for k in manifest.KINDS if kind in (k, None) for n in messages.existing(k)]
        sentence = (
            messages.unknown(kind, str(name))
            if kind
            else (f"There is no component '{name}'{messages.hint('components', name, known)}.")
        )
        where = f"{dotted}.type" if f"{dotted}.type" in provenance else dotted
        raise UsageError(f"{dotted} ({source(where, provenance)}): {sentence}")
    kind, entry = found
    arguments = signature.of(entry)
    if arguments is None or arguments.open:
        return
    annotations = {a.name: a.annotation for a in arguments.arguments}
    for key, value in spec.items():
        if key != "type" and key not in annotations:
            raise UsageError(
                f"{dotted}.{key} ({source(f'{dotted}.{key}', provenance)}): "
                + messages.wrong_argument(kind, name, key, annotations)
            )
        if key != "type":
            _check_value(f"{dotted}.{key}", value, annotations[key], provenance)


def check_override(key: str, value: Any, values: dict) -> None:
    """Refuse an override that reaches through a value, or adds a key to a dict that nobody checks."""
    *parents, last = key.split(".")
    here: Any = values
    for i, part in enumerate(parents):
        if not isinstance(here, dict):
            raise UsageError(f"'{key}': {'.'.join(parents[:i])} is {here!r} and has no keys.")
        if part not in here and i > 0 and "type" not in here:
            raise UsageError(_no_key(key, values))
        here = here.get(part, {"type": "?"})
    new = isinstance(here, dict) and last not in here
    if len(parents) == 1 and last in _fields(parents[0], values):
        return
    if parents and (
        not isinstance(here, dict) or new and "type" not in here and not isinstance(value, dict)
    ):
        raise UsageError(_no_key(key, values))


def _no_key(key: str, values: dict) -> str:
    parent = key.rpartition(".")[0]
    known = list(flatten(values))
    near = list(_fields(parent, values)) or [
        k[len(parent) + 1 :] for k in known if k.startswith(f"{parent}.")
    ]
    if near:
        return (
            f"The config has no key '{key}'{messages.hint('keys', key.rpartition('.')[2], near)}; "
            f"under '{parent}' there are {', '.join(near)}."
        )
    return f"The config has no key '{key}'{did_you_mean(key, known)}."


def _check_value(key: str, value: Any, annotation: str, provenance: dict[str, str]) -> None:
    if wanted := value_types.wanted(key.rpartition(".")[2], value, annotation):
        raise UsageError(f"{key} should be {wanted}, not {value!r} ({source(key, provenance)}).")


def _fields(key: str, values: dict) -> dict[str, signature.Argument]:
    """The fields of the dataclass that the dict `key` stands for, by name; empty where it stands for none."""
    if (
        key not in SETTINGS
        or key != "schedule"
        and not {"sampling", "cache"} <= set(_task_names(values))
    ):
        return {}
    return {a.name: a for a in signature.read(*SETTINGS[key].split(":")).arguments}


def _task_names(values: dict) -> tuple[str, ...]:
    """The arguments of the config's task."""
    task = task_signature(values) if "task" in values else None
    return task.names if task else ()


def _check_settings(values: dict, provenance: dict[str, str]) -> None:
    """Compare the dicts that stand for dataclasses with their fields."""
    for key in SETTINGS:
        known, given = _fields(key, values), values.get(key)
        if not known or given is None:
            continue
        if not isinstance(given, dict):
            raise UsageError(
                f"{key} should be a dict of {', '.join(known)}, not {given!r} "
                f"({source(key, provenance)})."
            )
        if lacking := [
            name for name, field in known.items() if field.default is None and name not in given
        ]:
            raise UsageError(
                f"The config lacks '{key}.{lacking[0]}'; {key} takes {', '.join(known)}."
            )
        for name, value in given.items():
            if name not in known:
                where = source(f"{key}.{name}", provenance)
                raise UsageError(
                    f"The config has no key '{key}.{name}'{messages.hint('keys', name, known)} ({where}); "
                    f"{key} takes {', '.join(known)}."
                )
            _check_value(f"{key}.{name}", value, known[name].annotation, provenance)


def build(cls: type[T], key: str, values: dict[str, Any]) -> T:
    """The dataclass that stands for the config's dict `key`; keys that it lacks are refused."""
    known = {field.name: field for field in fields(cls)}
    if wrong := [name for name in values if name not in known]:
        raise UsageError(
            f"{key} has no key '{wrong[0]}'{messages.hint('keys', wrong[0], known)}; it has {', '.join(known)}."
        )
    if lacking := [
        name for name, field in known.items() if field.default is MISSING and name not in values
    ]:
        raise UsageError(f"{key} lacks '{lacking[0]}'; it has {', '.join(known)}.")
    return cls(**values)


def source(key: str, provenance: dict[str, str]) -> str:
    """Where a key was set, for a sentence."""
    return next((s for k, s in provenance.items() if k == key or k.startswith(f"{key}.")), "config")
