"""Answers to names that do not exist: what is close, and what there is to choose."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from gantoolkit.core.errors import UsageError

DEVICES = ("cpu", "cuda", "mps")
CUTOFF = 0.6  # similarity from 0 to 1 of names that are suggested


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say " (did you mean 'x'?)" with the one or two closest known names, or "".

    >>> did_you_mean("iteration", ["iterations", "batch"])
    " (did you mean 'iterations'?)"
    """
    by_lower = {str(other).lower(): str(other) for other in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=2, cutoff=CUTOFF)
    if not close:
        return ""
    return f" (did you mean {' or '.join(repr(by_lower[lower]) for lower in close)}?)"


def check_choice(
    name: str, value: object, choices: Iterable[object], error: type[Exception] = UsageError
) -> None:
    """Raise `error` unless `value` is one of `choices`.

    name  what is chosen, as the user knows it: a config key or an option

    >>> check_choice("decay", "cosin", ("none", "cosine"))
    Traceback (most recent call last):
    gantoolkit.core.errors.UsageError: decay='cosin' is unknown; choose 'none' or 'cosine'.
    """
    choices = list(choices)
    if value in choices:
        return
    *others, last = map(repr, choices)
    listed = f"{', '.join(others)} or {last}" if others else last
    raise error(f"{name}={value!r} is unknown; choose {listed}.")


def unknown_device(name: str, also: Iterable[str] = ()) -> str:
    """Say that torch does not know a device; "" where it does.

    also  further names that stand for a device, such as auto
    """
    known = [*DEVICES, *also]
    if name in known or re.fullmatch(r"cuda:\d+", name):
        return ""
    hint = did_you_mean(name, known)
    return f"there is no device '{name}'{hint}; choose {', '.join(known)} or cuda:N"
