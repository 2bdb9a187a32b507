"""Loading of plugins' code: each alone, so that a broken one is reported and never fatal.

Only verbs that need hooks come here; listing and help read registry.yaml through `manifest`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import SimpleNamespace

import pluggy

from gantoolkit.core import errors
from gantoolkit.core.errors import GantoolkitError
from gantoolkit.registry import hookspecs, manifest, messages

hookimpl = pluggy.HookimplMarker("gantoolkit")
MARK = "gantoolkit_impl"  # the attribute that hookimpl leaves on a function
BUILT_IN = (
    "gantoolkit.weights.names",
    "gantoolkit.convert",
    "gantoolkit.training.tensorboard",
)  # hooks of the package


@functools.lru_cache
def manager() -> pluggy.PluginManager:
    """The plugin manager of this process, with the built-in and all working plugins registered."""
    plugins = pluggy.PluginManager("gantoolkit")
    plugins.add_hookspecs(hookspecs)
    for module in BUILT_IN:
        plugins.register(importlib.import_module(module), module)
    for owner in manifest.load().owners.values():
        if owner.entry and not owner.error:
            try:
                _register(plugins, owner)
            except (
                Exception,
                SystemExit,
            ) as error:  # whatever it does at import must not stop the others
                _report(owner, f"the plugin '{owner.name}' ({owner.entry}) is left out", error)
    return plugins


def _report(owner: manifest.Provider, what: str, error: BaseException) -> None:
    """Note a plugin's failure for `doctor`, and say it once."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}{messages.moved_module(error)}"
    if owner.error != text:
        owner.error = text
        errors.warn(f"{what}: {text}")


def hooks():
    """The hooks to call: `hooks().on_log(run=…, iteration=…, losses=…)`."""
    return manager().hook


class _Hooks(SimpleNamespace):
    """One plugin's hooks; equal to itself alone, because two plugins may both have none."""

    __eq__, __hash__ = object.__eq__, object.__hash__


def _register(plugins: pluggy.PluginManager, owner: manifest.Provider) -> None:
    owner.add_to_sys_path()
    name, _, attribute = owner.entry.partition(":")
    plugin = importlib.import_module(name)
    plugin = getattr(plugin, attribute) if attribute else plugin
    guarded = _Hooks(
        **{name: _guarded(name, hook, owner) for name, hook in _marked(plugin).items()}
    )
    mistyped = [name for name in vars(guarded) if name not in hook_names()]
    if mistyped:
        raise AttributeError(
            f"there is no hook {mistyped[0]}{messages.hint('hooks', mistyped[0], hook_names())}"
        )
    try:
        plugins.register(guarded, owner.name)
    except Exception:
        if plugins.has_plugin(owner.name):
            plugins.unregister(name=owner.name)
        raise


def _marked(plugin: object) -> dict[str, Callable]:
    """The functions of a module or object that are marked as hooks."""
    found = {name: getattr(plugin, name, None) for name in dir(plugin)}
    return {
        name: hook for name, hook in found.items() if isinstance(getattr(hook, MARK, None), dict)
    }


def _guarded(name: str, hook: Callable, owner: manifest.Provider) -> Callable:
    """The hook, reported instead of raised when it fails; what it says by GantoolkitError is passed on."""
    if getattr(hook, MARK).get("wrapper"):
        return hook

    @functools.wraps(hook)
    def guarded(*arguments):
        try:
            return hook(*arguments)
        except GantoolkitError:
            raise
        except Exception as error:
            _report(owner, f"the plugin '{owner.name}' failed in {name}, which is left out", error)
            return None

    return guarded


def hook_names() -> list[str]:
    """Names of all hooks, as they stand in hookspecs.py."""
    return [name for name, hook in vars(hookspecs).items() if hasattr(hook, "gantoolkit_spec")]
