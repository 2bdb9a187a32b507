"""What is close to a mistyped name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

DEVICES = ("cpu", "cuda", "mps")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " (did you mean 'x'?)" for the closest known name, or ""."""
    by_lower = {str(k).lower(): str(k) for k in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(repr(by_lower[c]) for c in close)}?)" if close else ""


def unknown_device(name: str, also: Iterable[str] = ()) -> str:
    """The sentence for a device that torch knows none of, or ""; `also` are further names that stand for one."""
    known = [*DEVICES, *also]
    if name in known or re.fullmatch(r"cuda:\d+", name):
        return ""
    return f"there is no device '{name}'{did_you_mean(name, known)}; choose {', '.join(known)} or cuda:N"
