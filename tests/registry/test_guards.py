"""Hook wrappers that break: reported by name; what they surround runs, and its result stays."""

import inspect
from types import SimpleNamespace

import pluggy
import pytest

from gantoolkit.core.errors import UsageError
from gantoolkit.registry import guards, plugins


class Specs:
    @pluggy.HookspecMarker("gantoolkit")
    def around_run(self, run):
        """Stand-in of the specification."""


def before(run):
    raise KeyError("before")
    yield


def after(run):
    yield
    raise ValueError("after")


def never(run):
    return
    yield


def twice(run):
    yield
    yield


def other_error(run):
    try:
        yield
    except ZeroDivisionError:
        raise LookupError("in place of it") from None


def leaves(run):
    yield
    raise SystemExit(3)


def good(run):
    return (yield)


def swallows(run):
    try:
        return (yield)
    except ZeroDivisionError:
        return "swallowed"


def doubles(run):
    outcome = yield
    outcome.force_result(2 * outcome.get_result()[0])


BROKEN = {
    before: "KeyError: 'before'",
    after: "ValueError: after",
    never: "RuntimeError: the wrapper ended before its `yield`",
    twice: "RuntimeError: the wrapper has a second `yield`",
    leaves: "SystemExit: 3",
}


def guarded(function, style):
    """(the function as a guarded wrapper, the provider that failures are noted on)."""
    provider = SimpleNamespace(name="p", error="")
    marked = plugins.hookimpl(**{style: True})(function)
    return guards.guard_hook("around_run", marked, provider), provider


def call(wrapper, inner):
    """What pluggy makes of `inner` inside of a wrapper."""
    manager = pluggy.PluginManager("gantoolkit")
    manager.add_hookspecs(Specs)
    manager.register(SimpleNamespace(around_run=plugins.hookimpl(inner)), "inner")
    manager.register(SimpleNamespace(around_run=wrapper), "outer")
    return manager.hook.around_run(run=None)


def fails(run):
    raise ZeroDivisionError("of the run")


@pytest.mark.parametrize("style", ["wrapper", "hookwrapper"])
@pytest.mark.parametrize("function", BROKEN, ids=lambda f: f.__name__)
def test_a_broken_wrapper_is_reported_and_changes_nothing(function, style, capsys):
    wrapper, provider = guarded(function, style)
    assert call(wrapper, lambda run: 7) == [7]
    assert provider.error == BROKEN[function]
    assert "the plugin 'p' failed in around_run, which is left out" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError, match="of the run"):
        call(wrapper, fails)


@pytest.mark.parametrize("style", ["wrapper", "hookwrapper"])
def test_a_good_wrapper_is_let_be(style, capsys):
    wrapper, provider = guarded(good, style)
    assert call(wrapper, lambda run: 7) == [7]
    with pytest.raises(ZeroDivisionError):
        call(wrapper, fails)
    assert not provider.error and not capsys.readouterr().err


def test_what_a_wrapper_makes_of_the_outcome_counts():
    wrapper, provider = guarded(swallows, "wrapper")
    assert call(wrapper, fails) == "swallowed" and call(wrapper, lambda run: 7) == [7]
    wrapper, provider = guarded(doubles, "hookwrapper")
    assert call(wrapper, lambda run: 7) == 14 and not provider.error


def test_an_error_in_place_of_the_runs_own_hides_nothing():
    wrapper, provider = guarded(other_error, "wrapper")
    with pytest.raises(ZeroDivisionError):
        call(wrapper, fails)
    assert provider.error == "LookupError: in place of it"


def test_a_sentence_for_a_person_is_passed_on():
    def refuses(run):
        yield
        raise UsageError("Not so.")

    wrapper, provider = guarded(refuses, "wrapper")
    with pytest.raises(UsageError, match="Not so"):
        call(wrapper, lambda run: 7)
    assert not provider.error


def test_a_wrapper_without_a_yield_is_refused():
    with pytest.raises(TypeError, match="around_run is marked as a wrapper, but holds no `yield`"):
        guarded(lambda run: None, "wrapper")


@pytest.mark.parametrize("function", [*BROKEN, good], ids=lambda f: f.__name__)
def test_a_run_goes_on_inside_of_a_broken_wrapper(function, monkeypatch):
    """`plugins.around_run` enters wrappers as context managers."""
    wrapper, provider = guarded(function, "hookwrapper")
    implementation = SimpleNamespace(
        function=wrapper, argnames=("run",), wrapper=True, hookwrapper=False
    )
    hooks = SimpleNamespace(around_run=SimpleNamespace(get_hookimpls=lambda: [implementation]))
    monkeypatch.setattr(plugins, "hooks", lambda: hooks)
    ran = []
    with plugins.around_run(run=None):
        ran.append("loop")
    with pytest.raises(ZeroDivisionError), plugins.around_run(run=None):
        raise ZeroDivisionError
    assert ran == ["loop"] and provider.error == BROKEN.get(function, "")
    assert inspect.isgeneratorfunction(wrapper)
