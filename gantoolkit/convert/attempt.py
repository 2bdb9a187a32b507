"""One part of a file is taken at a time: what is wrong with one never blocks the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part

# What a converter meets in tensors that do not have the form that it expects.
FORM_ERRORS = (KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError)


def attempt(unmade: Part, make: Callable[[], Part]) -> Part:
    """Return what `make` makes, or `unmade` with the problem that stopped it.

    unmade  the part as far as it is known beforehand: name, format, class
    """
    try:
        return make()
    except WeightsError as error:
        problem = str(error).rstrip(".")
    except FORM_ERRORS as error:
        problem = f"it does not have the form of its family ({describe(error)})"
    return replace(unmade, arch={}, state={}, problem=problem)


def describe(error: Exception) -> str:
    """Say an error in a few words."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
