"""Writing files so that a reader never sees half of one: written beside, then renamed."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path

from gantoolkit.errors import DataError


def write_bytes(path: str | os.PathLike, content: bytes) -> Path:
    """Write a file atomically; missing parent folders are made."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(_sentence(path, error)) from None
    return path


def write_text(path: str | os.PathLike, content: str) -> Path:
    """Write UTF-8 text atomically."""
    return write_bytes(path, content.encode())


def write_json(path: str | os.PathLike, content) -> Path:
    """Write JSON atomically, readable by a person."""
    return write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_json_lines(path: str | os.PathLike) -> list[dict]:
    """The objects of a .jsonl file; a torn last line (a run that was killed) is dropped."""
    path = Path(path)
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return [row for row in rows if isinstance(row, dict)]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sentence(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk is full: {path} could not be written; free some space or choose another folder."
    return f"{path} could not be written ({error.strerror or error}); choose another folder."
