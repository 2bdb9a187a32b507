"""Loading of plugins' code: each alone, so that a broken one is reported and never fatal.

Only verbs that need hooks come here; listing and help read registry.yaml through `manifest`.
"""

from __future__ import annotations

import importlib
import sys
from functools import lru_cache

import pluggy

from gantoolkit import hookspecs, manifest

hookimpl = pluggy.HookimplMarker("gantoolkit")
BUILT_IN = ("gantoolkit.weights", "gantoolkit.engine.tensorboard")  # modules whose hooks come with the package


@lru_cache
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
            except Exception as error:  # whatever a plugin does at import must not stop the others
                owner.error = f"{type(error).__name__}: {error}".replace("\n", " ")
                print(f"warning: the plugin '{owner.name}' ({owner.entry}) is left out: {owner.error}",
                      file=sys.stderr)
    return plugins


def hooks():
    """The hooks to call: `hooks().batch_done(run=…, iteration=…, losses=…)`."""
    return manager().hook


def _register(plugins: pluggy.PluginManager, owner: manifest.Owner) -> None:
    if owner.folder and str(owner.folder) not in sys.path:
        sys.path.append(str(owner.folder))
    name, _, attribute = owner.entry.partition(":")
    plugin = importlib.import_module(name)
    plugin = getattr(plugin, attribute) if attribute else plugin
    mistyped = _unknown_hooks(plugins, plugin)
    if mistyped:
        raise AttributeError(f"there is no hook {', '.join(mistyped)}; hooks: {', '.join(hook_names())}")
    try:
        plugins.register(plugin, owner.name)
    except Exception:
        if plugins.has_plugin(owner.name):
            plugins.unregister(name=owner.name)
        raise


def hook_names() -> list[str]:
    """Names of all hooks, as they stand in hookspecs.py."""
    return [n for n, f in vars(hookspecs).items() if hasattr(f, "gantoolkit_spec")]


def _unknown_hooks(plugins: pluggy.PluginManager, plugin: object) -> list[str]:
    marked = [n for n in dir(plugin) if getattr(getattr(plugin, n, None), "gantoolkit_impl", None) is not None]
    return [n for n in marked if n not in hook_names()]
