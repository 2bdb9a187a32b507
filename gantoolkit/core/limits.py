"""Values that the command line, Python, configs and the demo take alike, and sentences for others.

The command line names an option (`--t-out`), Python an argument (`t_out`); the sentence is one.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean

MAX_SEED = 2**32 - 1  # of torch generators that this project makes
LAST_TIME = 999  # of denoising: 999 is noise, 0 the image
AGGREGATES = ("last", "mean")  # which codes of the steps are taken


def number_problem(value: Any, least: float | None = None, most: float | None = None) -> str:
    """Say "must be …" of a finite number outside least..most; "" for others.

    >>> number_problem(5000, 0, 999)
    'must be from 0 to 999, not 5000'
    """
    too_small = least is not None and value < least
    too_large = most is not None and value > most
    if not too_small and not too_large:
        return ""
    bounds = f"at least {least}" if most is None else f"from {least} to {most}"
    return f"must be {bounds}, not {value}"


def choice_problem(value: Any, known: Iterable[str]) -> str:
    """Say that there is no such value and what to choose; "" where it is one of `known`.

    >>> choice_problem("max", AGGREGATES)
    "there is no 'max'; choose last, mean"
    """
    known = list(known)
    if value in known:
        return ""
    return f"there is no '{value}'{did_you_mean(str(value), known)}; choose {', '.join(known)}"


def check_whole(name: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """Return a whole number within least..most; UsageError, which begins with `name`, for others.

    >>> check_whole("t_out", 5000, 0, LAST_TIME)
    Traceback (most recent call last):
    gantoolkit.core.errors.UsageError: t_out must be from 0 to 999, not 5000.
    """
    try:
        number = operator.index(value)  # also of numpy and torch
    except TypeError:
        raise UsageError(f"{name} must be a whole number, not {value!r}.") from None
    if problem := number_problem(number, least, most):
        raise UsageError(f"{name} {problem}.")
    return number


def check_option(name: str, value: Any, known: Iterable[str]) -> None:
    """Raise UsageError, which begins with `name`, unless `value` is one of `known`."""
    if problem := choice_problem(value, known):
        raise UsageError(f"{name}: {problem}.")


def check_seed(value: Any, name: str = "seed") -> int:
    """Return a seed; UsageError for what is none."""
    return check_whole(name, value, 0, MAX_SEED)


def check_sampling(t_out: Any, aggregate: Any) -> None:
    """Raise UsageError unless a trajectory may be stopped and averaged so."""
    check_whole("t_out", t_out, 0, LAST_TIME)
    check_option("aggregate", aggregate, AGGREGATES)
