"""The lock on a run folder: one process trains in it, and a second one is told who does."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from gantoolkit.core import files
from gantoolkit.core.errors import UsageError

LOCK = ".lock"  # held by the system, so that a process that died holds none
OWNER = ".owner"  # who holds it, in words
FILES = (LOCK, OWNER)
DYING = 3.0  # seconds in which a process that was killed lets go of what it holds


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder; UsageError names the process that has it already.

    The folder is made for it, and removed again where nothing else came into it.
    """
    files.check_output_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=DYING)
    except Timeout:
        raise UsageError(
            f"{folder} is in use by {_owner(folder)}; wait until it ends, stop it, or choose "
            "--out OTHER."
        ) from None
    try:
        files.write_text(folder / OWNER, f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # it holds a run
            folder.rmdir()


def _owner(folder: Path) -> str:
    """Say who holds the lock; the note may not be there yet."""
    try:
        return files.read_text(folder / OWNER)
    except (OSError, files.DataError):
        return "another process"
