"""Tables in docstrings: `name  what it means`, one row for each argument."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROW = re.compile(r"(\w+(?:, \w+)*) {2,}(\S.*)")


@dataclass
class Row:
    """One row of a table: the names that it explains, and its lines."""

    names: list[str]
    texts: list[str]
    first: int  # number of its first line in the docstring

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def rows(doc: str) -> list[Row]:
    """Read the rows of a cleaned docstring; further lines of a row are indented.

    >>> for row in rows("Add.\\n\\na, b  numbers,\\n      any\\nc     a name"):
    ...     print(row.names, row.text)
    ['a', 'b'] numbers, any
    ['c'] a name
    """
    found: list[Row] = []
    is_open = False
    for number, line in enumerate(doc.splitlines()):
        if match := ROW.fullmatch(line):
            found.append(Row(match[1].split(", "), [match[2]], number))
            is_open = True
        elif is_open and line.startswith("  "):
            found[-1].texts.append(line.strip())
        else:
            is_open = False
    return found


def without_rows(doc: str, names: set[str]) -> str:
    """Drop the rows that explain none but these names.

    >>> without_rows("Add.\\n\\na  a number\\nb  a bee\\n\\nEnd.", {"a", "b"})
    'Add.\\n\\nEnd.'
    """
    dropped: set[int] = set()
    for row in rows(doc):
        if names.issuperset(row.names):
            dropped.update(range(row.first, row.first + len(row.texts)))
    kept = [line for number, line in enumerate(doc.splitlines()) if number not in dropped]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
