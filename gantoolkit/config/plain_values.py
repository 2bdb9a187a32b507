"""Values of configs: only what JSON gives back, so that a run and its resumption agree."""

from __future__ import annotations

import re
from typing import Any

from gantoolkit.core.errors import UsageError
from gantoolkit.core.text import check_text

MOST_LEVELS = 32  # of dicts and lists in each other


def plain(value: Any, key: str, level: int = 0) -> Any:
    """Convert a value to what JSON would give back; anything else is refused.

    level  of nesting that the value lies in

    >>> plain({"widths": (1, 2)}, "bridge")
    {'widths': [1, 2]}
    """
    if level > MOST_LEVELS:
        start = re.split(r"[.\[]", key)[0]
        raise UsageError(
            f"The config value {start} is nested more than {MOST_LEVELS} levels deep, or holds "
            "itself; write it as short lists and dicts."
        )
    if isinstance(value, dict):
        inner = {}
        for name, one in value.items():
            check_text(str(name), f"A key of the config value {key}", UsageError)
            inner[str(name)] = plain(one, f"{key}.{name}", level + 1)
        return inner
    if isinstance(value, (list, tuple)):
        return [plain(one, f"{key}[{index}]", level + 1) for index, one in enumerate(value)]
    if isinstance(value, str):
        return check_text(value, f"The config value {key}", UsageError)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise UsageError(
        f"The config value {key} is a {type(value).__name__}; use numbers, strings, booleans, "
        "None, lists and dicts, and name components by type='NAME'."
    )
