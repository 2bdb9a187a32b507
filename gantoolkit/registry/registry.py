"""Registries that import a component when its name is first asked for.

An unknown name or argument is answered with a sentence: what is close, what exists, what to
install.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import gantoolkit.core.yapf_cache  # noqa: F401  before mmengine

# isort: split
from mmengine.registry import Registry

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import contracts, manifest, messages


class LazyRegistry(Registry):
    """mmengine's Registry of one kind, filled from registry.yaml on demand.

    `register_module` works as ever, for classes of a script or a test.
    """

    def get(self, key: str) -> Any:
        """Return the class or function called `key`; its module is imported the first time."""
        if key not in self._module_dict:
            entry = manifest.load().components[self.name].get(key)
            if entry is None:
                raise UsageError(messages.unknown(self.name, key, self._module_dict))
            self._register_module(self._import(key, entry), key)
        return self._module_dict[key]

    def _import(self, key: str, entry: dict) -> Any:
        provider = manifest.load().providers[entry["owner"]]
        provider.add_to_sys_path()
        module, _, attribute = entry["module"].partition(":")
        if provider.name == manifest.GROUP:
            import gantoolkit.core.compat  # noqa: F401  before timm, lpips, transformers, …
        try:
            return getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:
            problem = f"{type(error).__name__}: {error}{messages.moved_module(error)}"
            raise UsageError(
                f"The {self.name} '{key}' of {provider.name} ({entry['module']}) cannot be "
                f"imported ({problem}); try 'gantoolkit doctor'."
            ) from error

    def build(self, cfg: dict[str, Any], *args: Any, **extra: Any) -> Any:
        """Construct what `cfg["type"]` names from the other keys of `cfg`, and `extra`."""
        spec = {**extra, **cfg}
        if not isinstance(spec.get("type"), str):
            known = messages.existing(self.name, self._module_dict)
            raise UsageError(
                f"A {self.name} needs type='NAME', got {dict(cfg)!r}; known: {', '.join(known)}."
            )
        component = self.get(spec["type"])
        check_arguments(self.name, spec["type"], component, set(spec) - {"type"})
        built = super().build(spec, *args)
        contracts.check_members(self.name, built)
        return built


REGISTRIES = {kind: LazyRegistry(kind, scope="gantoolkit") for kind in manifest.KINDS}


def _registry(kind: str) -> LazyRegistry:
    if kind not in REGISTRIES:
        raise UsageError(
            f"There is no kind '{kind}'{did_you_mean(kind, REGISTRIES)}; "
            f"kinds: {', '.join(REGISTRIES)}."
        )
    return REGISTRIES[kind]


def get(kind: str, name: str) -> Any:
    """Return the class (or function) of a component.

    >>> get("loss", "L2").__name__
    'L2'
    """
    return _registry(kind).get(name)


def build(kind: str, spec: dict[str, Any], **extra: Any) -> Any:
    """Construct the component that `spec` describes: {"type": name, **constructor arguments}.

    extra  arguments that come from other components (shapes, mean_w); those of `spec` win

    >>> build("loss", {"type": "L2"}, weight=2.0).weight
    2.0
    """
    return _registry(kind).build(spec, **extra)


def check_arguments(kind: str, name: str, component: Callable[..., Any], given: set[str]) -> None:
    """Raise UsageError when `component` does not take a given argument, or lacks a required one."""
    parameters = inspect.signature(component).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    unknown = sorted(given - parameters.keys())
    if unknown:
        raise UsageError(messages.wrong_argument(kind, name, unknown[0], parameters))

    missing = []
    for argument, parameter in parameters.items():
        is_required = parameter.default is parameter.empty
        takes_any = parameter.kind is parameter.VAR_POSITIONAL
        if is_required and not takes_any and argument not in given:
            missing.append(argument)
    if missing:
        raise UsageError(
            f"The {kind} '{name}' needs {', '.join(missing)}; see 'gantoolkit show {name}'."
        )
