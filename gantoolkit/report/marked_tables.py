"""Tables in pages that people write: what stands between two marks of a file is renewed."""

from __future__ import annotations

from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError


def fill(page: str, begin: str, end: str, content: str, name: str = "The page") -> str:
    """Return the text of a page with `content` between its two marks, on lines of its own.

    Raises DataError if the page lacks one of them.
    """
    head, first_mark, rest = page.partition(begin)
    _, second_mark, tail = rest.partition(end)
    if not first_mark or not second_mark:
        raise DataError(
            f"{name} lacks the marks '{begin}' and '{end}'; put them where the table belongs."
        )
    return f"{head}{begin}\n{content}\n{end}{tail}"


def renew(path: Path, begin: str, end: str, content: str) -> None:
    """Put `content` between the two marks of a file."""
    page = path.read_text(encoding="utf-8")
    files.write_text(path, fill(page, begin, end, content, str(path)))
