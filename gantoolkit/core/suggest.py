"""What is close to a mistyped name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from gantoolkit.core.errors import UsageError

DEVICES = ("cpu", "cuda", "mps")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " (did you mean 'x'?)" for the closest known name, or ""."""
    by_lower = {str(k).lower(): str(k) for k in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(repr(by_lower[c]) for c in close)}?)" if close else ""


def check_choice(
    name: str, value: object, choices: Iterable[object], error: type[Exception] = UsageError
) -> None:
    """Raise `error` unless `value` is one of `choices`.

    name  what is chosen, as the user knows it: a config key or an option

    >>> check_choice("decay", "cosin", ("none", "cosine"))
    Traceback (most recent call last):
    gantoolkit.core.errors.UsageError: decay='cosin' is unknown (did you mean 'cosine'?); choose 'none' or 'cosine'.
    """
    choices = list(choices)
    if value in choices:
        return
    *others, last = map(repr, choices)
    listed = f"{', '.join(others)} or {last}" if others else last
    raise error(f"{name}={value!r} is unknown; choose {listed}.")


def unknown_device(name: str, also: Iterable[str] = ()) -> str:
    """The sentence for a device that torch knows none of, or ""; `also` are further names that stand for one."""
    known = [*DEVICES, *also]
    if name in known or re.fullmatch(r"cuda:\d+", name):
        return ""
    return f"there is no device '{name}'{did_you_mean(name, known)}; choose {', '.join(known)} or cuda:N"
