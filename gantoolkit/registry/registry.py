"""Registries that import a component when its name is first asked for.

`build("generator", dict(type="EG3D", w_dim=128))` and `get("generator", "EG3D")` are all that stages need. An
unknown name or argument is answered with a sentence: what is close, what exists, what to install.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from mmengine.registry import Registry

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest, messages


class LazyRegistry(Registry):
    """mmengine's Registry of one kind, filled from registry.yaml on demand.

    `register_module` works as ever, for classes of a script or a test.
    """

    def get(self, key: str) -> Any:
        """The class or function called `key`; imports its module the first time."""
        if key not in self._module_dict:
            entry = manifest.load().components[self.name].get(key)
            if entry is None:
                raise UsageError(messages.unknown(self.name, key, self._module_dict))
            self._register_module(self._import(key, entry), key)
        return self._module_dict[key]

    def _import(self, key: str, entry: dict) -> Any:
        owner = manifest.load().owners[entry["owner"]]
        owner.add_to_sys_path()
        module, _, attribute = entry["module"].partition(":")
        if owner.name == manifest.GROUP:
            import gantoolkit.core.compat  # noqa: F401  before timm, lpips, transformers, …
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:
            raise UsageError(
                f"The {self.name} '{key}' of {owner.name} ({entry['module']}) cannot be "
                f"imported ({type(error).__name__}: {error}{messages.moved_module(error)}); try 'gantoolkit doctor'."
            ) from error

    def build(self, cfg: dict, *args, **extra) -> Any:
        """Construct what `cfg["type"]` names from the other keys and `extra` (which wins no conflict)."""
        spec = {**extra, **cfg}
        if not isinstance(spec.get("type"), str):
            raise UsageError(
                f"A {self.name} needs type='NAME', got {dict(cfg)!r}; known: "
                f"{', '.join(messages.existing(self.name, self._module_dict))}."
            )
        component = self.get(spec["type"])
        check_arguments(self.name, spec["type"], component, set(spec) - {"type"})
        return super().build(spec, *args)


REGISTRIES = {kind: LazyRegistry(kind, scope="gantoolkit") for kind in manifest.KINDS}


def _registry(kind: str) -> LazyRegistry:
    if kind not in REGISTRIES:
        raise UsageError(
            f"There is no kind '{kind}'{did_you_mean(kind, REGISTRIES)}; "
            f"kinds: {', '.join(REGISTRIES)}."
        )
    return REGISTRIES[kind]


def get(kind: str, name: str) -> Any:
    """The class (or function) of a component."""
    return _registry(kind).get(name)


def build(kind: str, spec: dict, **extra) -> Any:
    """The component that `spec` describes: {"type": name, **constructor arguments}.

    `extra` are arguments that come from other components (shapes, mean_w); a config may override them.
    """
    return _registry(kind).build(spec, **extra)


def check_arguments(kind: str, name: str, component: Any, given: set[str]) -> None:
    """Raise UsageError when `component` does not take one of the argument names, or lacks a needed one."""
    parameters = inspect.signature(component).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    unknown = sorted(given - parameters.keys())
    if unknown:
        raise UsageError(messages.wrong_argument(kind, name, unknown[0], parameters))
    named = [p for p in parameters.values() if p.kind is not p.VAR_POSITIONAL]
    missing = [p.name for p in named if p.default is p.empty and p.name not in given]
    if missing:
        raise UsageError(
            f"The {kind} '{name}' needs {', '.join(missing)}; see 'gantoolkit show {name}'."
        )
