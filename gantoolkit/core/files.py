"""Files: written so that a reader never sees half of one (beside, then renamed), and what their content is."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gantoolkit.core.errors import DataError, UsageError

DATE = (2020, 1, 1, 0, 0, 0)  # of every entry of our zips: equal content gives equal bytes
LEAF = re.compile(
    r"(?<=[\[{])\n\s*([^\s\[\]{}][^\[\]{}]*?)\n\s*(?=[\]}])"
)  # in indented JSON, where strings break no line
RESUMABLE = "free some space and repeat the command: finished parts are kept"  # an advice


@contextmanager
def atomic_write(path: str | os.PathLike, advice: str = "") -> Iterator[Path]:
    """A temporary path beside `path`; what is written there is renamed to `path` at the end, or removed on failure.

    Missing parent folders are made. What the disk refuses becomes a sentence that ends in `advice`.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        if (
            error.errno is None
        ):  # not the disk: Pillow and others call a broken picture an OSError too
            raise
        raise DataError(_sentence(path, error, advice)) from None


def write_bytes(path: str | os.PathLike, content: bytes) -> Path:
    """Write a file atomically; missing parent folders are made."""
    with atomic_write(path) as partial:
        partial.write_bytes(content)
    return Path(path)


def write_text(path: str | os.PathLike, content: str) -> Path:
    """Write UTF-8 text atomically."""
    return write_bytes(path, content.encode())


def write_json(path: str | os.PathLike, content) -> Path:
    """Write JSON atomically, readable by a person: lists and dicts of plain values take one line each."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    return write_text(path, LEAF.sub(lambda leaf: re.sub(r"\n\s*", " ", leaf[1]), text) + "\n")


def json_lines(rows: Iterable[dict]) -> str:
    """The text of a .jsonl file."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_json_lines(path: str | os.PathLike, rows: Iterable[dict]) -> Path:
    """Write a .jsonl file atomically."""
    return write_text(path, json_lines(rows))


def write_zip(
    path: str | os.PathLike, content: Iterable[tuple[str, bytes | str]], advice: str = ""
) -> Path:
    """Write (name, content) pairs as a zip atomically: pictures are stored, JSON is deflated; `advice` as above."""
    with atomic_write(path, advice) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, data in content:
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr = 0o644 << 16
            entry.compress_type = (
                zipfile.ZIP_DEFLATED if name.endswith((".json", ".jsonl")) else zipfile.ZIP_STORED
            )
            archive.writestr(entry, data)
    return Path(path)


def sha256(*paths: str | os.PathLike) -> str:
    """Hex digest of the content of files, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()


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


def _sentence(path: Path, error: OSError, advice: str) -> str:
    if error.errno == errno.ENOSPC:
        return (
            f"The disk is full: {path} could not be written; "
            f"{advice or 'free some space or choose another folder'}."
        )
    return f"{path} could not be written ({error.strerror or error}); {advice or 'choose another folder'}."


def blocking_file(folder: str | Path) -> Path | None:
    """The file, if any, for which a folder cannot be made: itself, or what it should lie in."""
    there = next(
        place for place in (Path(folder), *Path(folder).absolute().parents) if place.exists()
    )
    return None if there.is_dir() else there


def check_output_folder(path: str | Path) -> None:
    """Refuse a folder for results that cannot be made."""
    if there := blocking_file(path):
        raise UsageError(f"{there} is a file; give --out a folder.")
