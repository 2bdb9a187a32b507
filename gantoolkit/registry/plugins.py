"""Loading of plugins' code: each by itself, so that a broken one is reported and never fatal.

Only verbs that need hooks come here; listing and help read registry.yaml through `manifest`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pluggy

from gantoolkit.registry import guards, hookspecs, manifest, messages

hookimpl = pluggy.HookimplMarker("gantoolkit")
SPEC_MARK = "gantoolkit_spec"
BUILT_IN = (  # modules of the package with implementations of hooks
    "gantoolkit.weights.names",
    "gantoolkit.convert",
    "gantoolkit.training.tensorboard",
)


@functools.lru_cache
def manager() -> pluggy.PluginManager:
    """Return the plugin manager of this process, with the hooks of all working plugins."""
    plugins = pluggy.PluginManager("gantoolkit")
    plugins.add_hookspecs(hookspecs)
    for module in BUILT_IN:
        plugins.register(importlib.import_module(module), module)
    for provider in manifest.load().providers.values():
        if not provider.entry or provider.error:
            continue
        try:
            _register(plugins, provider)
        except (Exception, SystemExit) as error:  # whatever it does must not stop the others
            guards.report(
                provider, f"the plugin '{provider.name}' ({provider.entry}) is left out", error
            )
    return plugins


def hooks() -> Any:
    """Return the hooks to call: `hooks().on_log(run=…, iteration=…, losses=…)`."""
    return manager().hook


@contextmanager
def around_run(run: Any) -> Iterator[None]:
    """Enter every plugin's `around_run` wrapper, in the order in which pluggy calls wrappers."""
    with ExitStack() as stack:
        for implementation in reversed(hooks().around_run.get_hookimpls()):
            arguments = (run,)[: len(implementation.argnames)]
            if implementation.wrapper or implementation.hookwrapper:
                wrapper = contextmanager(implementation.function)
                stack.enter_context(wrapper(*arguments))
            else:
                implementation.function(*arguments)
        yield


def hook_names() -> list[str]:
    """List the names of all hooks, as they stand in hookspecs.py.

    >>> hook_names()[:3]
    ['register_commands', 'resolve_weights', 'convert_checkpoint']
    """
    return [name for name, function in vars(hookspecs).items() if hasattr(function, SPEC_MARK)]


class _Hooks(SimpleNamespace):
    """One plugin's hooks; never equal to another's, because two plugins may both have none."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def _register(plugins: pluggy.PluginManager, provider: manifest.Provider) -> None:
    """Import a plugin and register its hooks; raises what is wrong with it."""
    provider.add_to_sys_path()
    module_name, _, attribute = provider.entry.partition(":")
    plugin = importlib.import_module(module_name)
    if attribute:
        plugin = getattr(plugin, attribute)

    implementations = _marked(plugin)
    for name in implementations:
        if name not in hook_names():
            hint = messages.hint("hooks", name, hook_names())
            raise AttributeError(f"there is no hook {name}{hint}")
    guarded = {
        name: guards.guard_hook(name, hook, provider) for name, hook in implementations.items()
    }
    try:
        plugins.register(_Hooks(**guarded), provider.name)
    except Exception:
        if plugins.has_plugin(provider.name):
            plugins.unregister(name=provider.name)
        raise


def _marked(plugin: object) -> dict[str, Callable]:
    """The functions of a module or object that `hookimpl` marked, by name."""
    marked = {}
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        if isinstance(getattr(function, guards.IMPL_MARK, None), dict):
            marked[name] = function
    return marked
