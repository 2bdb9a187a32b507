"""Files: written beside their place and renamed, so that no reader gets half of one."""

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
from typing import Any

from gantoolkit.core import text
from gantoolkit.core.errors import DataError, UsageError

ZIP_DATE = (2020, 1, 1, 0, 0, 0)  # of every entry of our zips: equal content gives equal bytes
# A list or dict of plain values in indented JSON, where no string holds a line break.
INNERMOST = re.compile(r"(?<=[\[{])\n\s*([^\s\[\]{}][^\[\]{}]*?)\n\s*(?=[\]}])")
RESUMABLE = "free some space and repeat the command: finished parts are kept"  # an advice


@contextmanager
def atomic_write(path: str | os.PathLike, advice: str = "") -> Iterator[Path]:
    """Give a temporary path that is renamed to `path` at the end, or removed on failure.

    Missing parent folders are made. An error of the disk becomes a DataError that ends in
    `advice`.
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
        if error.errno is None:  # not the disk: Pillow calls a broken picture an OSError too
            raise
        raise DataError(_disk_message(path, error, advice)) from None


def write_bytes(path: str | os.PathLike, content: bytes) -> Path:
    """Write a file atomically; missing parent folders are made."""
    with atomic_write(path) as partial:
        partial.write_bytes(content)
    return Path(path)


def write_text(path: str | os.PathLike, content: str) -> Path:
    """Write UTF-8 text atomically."""
    return write_bytes(path, content.encode())


def write_json(path: str | os.PathLike, content: Any) -> Path:
    """Write JSON atomically, with one line for each list or dict of plain values."""
    lines = json.dumps(content, indent=1, ensure_ascii=False)
    lines = INNERMOST.sub(lambda match: re.sub(r"\n\s*", " ", match[1]), lines)
    return write_text(path, lines + "\n")


def read_text(path: str | os.PathLike, error_class: type[Exception] = DataError) -> str:
    """Read a text file in UTF-8, or in UTF-16 with its mark; line ends become a line feed.

    Raises `error_class`, which names the file and the line, for anything else.
    """
    return text.decode_text(_read_bytes(path, error_class), str(path), error_class)


def read_source(path: str | os.PathLike, error_class: type[Exception] = DataError) -> str:
    """Read Python source, whose coding line counts; errors as of `read_text`."""
    return text.decode_source(_read_bytes(path, error_class), str(path), error_class)


def read_json(path: str | os.PathLike, error_class: type[Exception] = DataError) -> Any:
    """Read a JSON file; errors as of `read_text`."""
    return text.parse_json(_read_bytes(path, error_class), str(path), error_class)


def read_json_object(
    path: str | os.PathLike, error_class: type[Exception] = DataError
) -> dict[str, Any]:
    """Read a JSON file that holds an object; errors as of `read_text`."""
    content = read_json(path, error_class)
    if isinstance(content, dict):
        return content
    raise error_class(
        f"{path} holds a {type(content).__name__} instead of a JSON object; mend or restore it."
    )


def _read_bytes(path: str | os.PathLike, error_class: type[Exception]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise error_class(
            f"{path} could not be read ({error.strerror or error}); check its name and its rights."
        ) from None


def read_config(file: Path, error_class: type[Exception] = DataError) -> dict[str, Any]:
    """Read a config.json, as every run folder holds one; a damaged file raises `error_class`."""
    try:
        return read_json_object(file)
    except DataError as error:
        problem = str(error).removeprefix(str(file)).lstrip(", :").partition(";")[0]
    raise error_class(
        f"{file} is not a readable config ({problem}); restore it, or use another run folder."
    )


def read_run_config(folder: str | os.PathLike) -> dict[str, Any]:
    """Read the config of a run folder; {} where it has none."""
    file = Path(folder) / "config.json"
    return read_config(file) if file.is_file() else {}


def json_lines(objects: Iterable[dict]) -> str:
    """Format the text of a .jsonl file."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


def write_json_lines(path: str | os.PathLike, objects: Iterable[dict]) -> Path:
    """Write a .jsonl file atomically."""
    return write_text(path, json_lines(objects))


def read_json_lines(path: str | os.PathLike, torn_end: bool = False) -> list[dict]:
    """Read the objects of a .jsonl file, none where it is missing; a broken line is an error.

    torn_end  drop a last line that is not whole, as a killed run leaves it where it appends
    """
    path = Path(path)
    if not path.exists():
        return []
    return text.parse_json_lines(_read_bytes(path, DataError), str(path), torn_end)


def write_zip(
    path: str | os.PathLike, content: Iterable[tuple[str, bytes | str]], advice: str = ""
) -> Path:
    """Write (name, content) pairs as a zip atomically: JSON is deflated, everything else is stored.

    advice  ends the message of an error of the disk, as in `atomic_write`
    """
    with atomic_write(path, advice) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, data in content:
            is_json = name.endswith((".json", ".jsonl"))
            entry = zipfile.ZipInfo(name, ZIP_DATE)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED if is_json else zipfile.ZIP_STORED
            archive.writestr(entry, data)
    return Path(path)


def sha256(*paths: str | os.PathLike) -> str:
    """Hash the content of files, one after the other; returns the hex digest."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()


def blocking_file(folder: str | Path) -> Path | None:
    """Find the file, if any, in the way of a folder: at its place, or at that of a parent."""
    candidates = (Path(folder), *Path(folder).absolute().parents)
    nearest = next(place for place in candidates if place.exists())
    return None if nearest.is_dir() else nearest


def check_output_folder(path: str | Path) -> None:
    """Refuse a folder for results that cannot be made."""
    if blocking := blocking_file(path):
        raise UsageError(f"{blocking} is a file; give --out a folder.")


def cache_root() -> Path:
    """The folder of what is kept between commands.

    It is $GANTOOLKIT_CACHE, else gantoolkit in $XDG_CACHE_HOME or ~/.cache."""
    if named := os.environ.get("GANTOOLKIT_CACHE"):
        return Path(named).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return (base / "gantoolkit").expanduser()


def cache_advice(path: str | os.PathLike) -> str:
    """Say how to move the cache where `path` lies in it; else ""."""
    if not Path(path).absolute().is_relative_to(cache_root().absolute()):
        return ""
    return "set GANTOOLKIT_CACHE to a folder with space that can be written"


def _disk_message(path: Path, error: OSError, advice: str) -> str:
    """Say why `path` could not be written, and what to do."""
    advice = cache_advice(path) or advice
    if error.errno == errno.ENOSPC:
        advice = advice or "free some space or choose another folder"
        return f"The disk is full: {path} could not be written; {advice}."
    advice = advice or "choose another folder"
    return f"{path} could not be written ({error.strerror or error}); {advice}."
