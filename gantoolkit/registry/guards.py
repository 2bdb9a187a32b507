"""Guards around plugins' hooks: a failure is reported under the plugin's name, and goes no further.

A GantoolkitError is meant for the person who typed the command and is passed on.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any

import pluggy

from gantoolkit.core import errors
from gantoolkit.core.errors import GantoolkitError
from gantoolkit.registry import manifest, messages

IMPL_MARK = "gantoolkit_impl"  # the attribute that `hookimpl` leaves on a function


def guard_hook(name: str, hook: Callable, provider: manifest.Provider) -> Callable:
    """Wrap a hook so that a failure is reported instead of raised.

    Raises TypeError for a wrapper that is not a generator function.
    """
    mark = getattr(hook, IMPL_MARK)
    if not mark.get("wrapper") and not mark.get("hookwrapper"):
        return _guard_function(name, hook, provider)
    if not inspect.isgeneratorfunction(hook):
        raise TypeError(f"{name} is marked as a wrapper, but holds no `yield`")
    guarded = _guard_wrapper(name, hook, provider, takes_outcome=bool(mark.get("hookwrapper")))
    setattr(guarded, IMPL_MARK, {**mark, "wrapper": True, "hookwrapper": False})
    return guarded


def report(provider: manifest.Provider, what: str, error: BaseException) -> None:
    """Note a plugin's failure for `doctor`, and warn of it once."""
    words = " ".join(str(error).split())
    text = f"{type(error).__name__}: {words}{messages.moved_module(error)}"
    if provider.error != text:
        provider.error = text
        errors.warn(f"{what}: {text}")


def _guard_function(name: str, hook: Callable, provider: manifest.Provider) -> Callable:
    @functools.wraps(hook)
    def guarded(*arguments):
        try:
            return hook(*arguments)
        except GantoolkitError:
            raise
        except (Exception, SystemExit) as error:
            report(provider, _left_out(name, provider), error)
            return None

    return guarded


def _guard_wrapper(
    name: str, hook: Callable, provider: manifest.Provider, takes_outcome: bool
) -> Callable:
    """Wrap a wrapper; what it surrounds goes on, and its result stays, where the wrapper fails.

    takes_outcome  the wrapper is of pluggy's old style, whose `yield` gives a `pluggy.Result`
    """

    @functools.wraps(hook)
    def guarded(*arguments):
        wrapper = hook(*arguments)
        try:
            next(wrapper)
        except GantoolkitError:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, StopIteration):
                error = RuntimeError("the wrapper ended before its `yield`")
            report(provider, _left_out(name, provider), error)
            return (yield)

        outcome: pluggy.Result = pluggy.Result(None, None)
        try:
            outcome.force_result((yield))
        except BaseException as inner:  # of what it surrounds
            outcome.force_exception(inner)
        try:
            return _finish(wrapper, outcome, takes_outcome)
        except GantoolkitError:
            raise
        except (Exception, SystemExit) as error:
            if error is not outcome.exception:
                report(provider, _left_out(name, provider), error)
            return outcome.get_result()

    return guarded


def _finish(wrapper: Generator, outcome: pluggy.Result, takes_outcome: bool) -> Any:
    """Let a wrapper run after its `yield`; returns or raises what it makes of the outcome."""
    try:
        if takes_outcome:
            wrapper.send(outcome)
        elif outcome.exception is not None:
            wrapper.throw(outcome.exception)
        else:
            wrapper.send(outcome.get_result())
    except StopIteration as end:
        return outcome.get_result() if takes_outcome else end.value
    wrapper.close()
    raise RuntimeError("the wrapper has a second `yield`")


def _left_out(name: str, provider: manifest.Provider) -> str:
    return f"the plugin '{provider.name}' failed in {name}, which is left out"
