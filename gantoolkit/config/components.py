"""The components of a config: where they stand, and whether their types and arguments exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from gantoolkit.config import signature
from gantoolkit.config.value_types import check_value, source
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest, messages

WITH_TYPE = ("encoder", "bridge", "generator")  # as top-level dicts, always components


class Spec(NamedTuple):
    """What stands in the place of a component in a config."""

    key: str  # dotted
    kind: str | None  # None: the key does not tell it
    value: Any  # {"type": name, …constructor arguments}, if nothing is wrong


def specs(values: Any, prefix: str = "", kind: str | None = None) -> Iterator[Spec]:
    """Find every component of a config, and whatever stands in the place of one.

    Optimizers are left out.

    A component is a dict with a `type`; the name of a metric is its type by itself.
    """
    parent_kind = manifest.PLURALS.get(prefix.removesuffix("."))
    items = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in items:
        key = str(key)
        if key.startswith("optim"):
            continue
        own_kind = key if key in manifest.KINDS else manifest.PLURALS.get(key, kind)
        if parent_kind == "metric" and isinstance(value, (dict, type(None))):
            value = {"type": key, **(value or {})}

        is_typed = isinstance(value, dict) and "type" in value
        lacks_type = isinstance(value, dict) and not prefix and key in WITH_TYPE
        lacks_type = lacks_type and not _is_recognized(key, value)
        if is_typed or lacks_type or parent_kind in ("loss", "metric"):
            yield Spec(f"{prefix}{key}", own_kind, value)
            own_kind = None
        if isinstance(value, (dict, list)):
            yield from specs(value, f"{prefix}{key}.", own_kind)


def _is_recognized(key: str, value: Any) -> bool:
    """Whether a component needs no type: what the folder of an encoder holds tells it."""
    return key == "encoder" and "weights" in value


def check_components(values: dict, provenance: dict[str, str]) -> None:
    """Refuse a component that is not one, does not exist, or gets a wrong argument."""
    for spec in specs(values):
        if isinstance(spec.value, dict) and "type" in spec.value:
            _check_spec(spec, provenance)
            continue
        *parents, name = spec.key.split(".")
        siblings = [key for key in values[parents[0]] if key != name] if parents else []
        raise UsageError(
            f"{spec.key} ({source(spec.key, provenance)}) should be a dict with type='NAME' and "
            f"arguments of a {spec.kind}, not {spec.value!r}{did_you_mean(name, siblings)}; "
            f"known: {', '.join(messages.existing(spec.kind))}."
        )


def component(kind: str | None, name: str) -> tuple[str, dict] | None:
    """Look up (kind, entry) of a component, of any kind where `kind` has none of this name."""
    index = manifest.load()
    kinds = index.kinds_of(name)
    if not kinds:
        return None
    chosen = kind if kind in kinds else kinds[0]
    return chosen, index.components[chosen][name]


def _check_spec(spec: Spec, provenance: dict[str, str]) -> None:
    """Check the type and the arguments of one component."""
    name = spec.value["type"]
    match = component(spec.kind, name) if isinstance(name, str) else None
    if match is None:
        type_key = f"{spec.key}.type"
        where = source(type_key if type_key in provenance else spec.key, provenance)
        raise UsageError(f"{spec.key} ({where}): {_unknown_component(spec.kind, str(name))}")

    kind, entry = match
    arguments = signature.of(entry)
    if arguments is None or arguments.open:
        return
    annotations = {argument.name: argument.annotation for argument in arguments.arguments}
    for key, value in spec.value.items():
        if key == "type":
            continue
        dotted = f"{spec.key}.{key}"
        if key not in annotations:
            problem = messages.wrong_argument(kind, name, key, annotations)
            raise UsageError(f"{dotted} ({source(dotted, provenance)}): {problem}")
        check_value(dotted, value, annotations[key], provenance)
        nested = entry.get("nested", {}).get(key)
        if nested and isinstance(value, dict):
            _check_spec(Spec(dotted, kind, {"type": nested, **value}), provenance)


def _unknown_component(kind: str | None, name: str) -> str:
    if kind:
        return messages.unknown(kind, name)
    known = [other for kind in manifest.KINDS for other in messages.existing(kind)]
    return f"There is no component '{name}'{messages.hint('components', name, known)}."
