"""Tables in pages that people write: what stands between two marks of a Markdown file is made anew."""

from __future__ import annotations

from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import DataError


def filled(page: str, begin: str, end: str, content: str, name: str = "The page") -> str:
    """The text of a page with `content` between its two marks, on lines of its own."""
    head, first, rest = page.partition(begin)
    _, second, tail = rest.partition(end)
    if not first or not second:
        raise DataError(
            f"{name} lacks the marks '{begin}' and '{end}'; put them where the table belongs."
        )
    return f"{head}{begin}\n{content}\n{end}{tail}"


def renew(path: Path, begin: str, end: str, content: str) -> None:
    """Put `content` between the two marks of a file."""
    files.write_text(path, filled(path.read_text(encoding="utf-8"), begin, end, content, str(path)))
