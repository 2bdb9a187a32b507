"""Errors that reach a person: a sentence that says what is wrong and what to type next."""

from __future__ import annotations

import sys
from functools import lru_cache


class GantoolkitError(Exception):
    """Something the user can mend.

    The command line prints its message and exits with `exit_code`.
    """

    exit_code = 1


class UsageError(GantoolkitError):
    """The command, the config or an argument is wrong (exit code 2)."""

    exit_code = 2


class DataError(GantoolkitError):
    """A given file cannot be used: it is unreadable, of a wrong size, or has unknown labels."""


class WeightsError(GantoolkitError):
    """Weights are missing, damaged or do not fit the network."""


def warn(text: str) -> None:
    """Print on stderr what does not end the command, but may not be what was meant."""
    print(f"gantoolkit: warning: {text}", file=sys.stderr)


@lru_cache(maxsize=1024)
def warn_once(text: str) -> None:
    """Print a warning on stderr, but not a second time in this process."""
    warn(text)
