"""Docstrings as Markdown, for mkdocstrings: tables of arguments, and examples as code."""

from __future__ import annotations

from typing import Any

import griffe

from gantoolkit.config import docstrings


class Tables(griffe.Extension):
    """Rewrite the docstring of every object when it is read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called by griffe for modules, classes, functions and attributes."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(doc: str) -> str:
    """Turn rows `name  meaning` into a table, and `>>>` examples into code blocks.

    >>> print(as_markdown("Add.\\n\\na  a number | None\\n\\n>>> add(1)\\n2"))
    Add.
    <BLANKLINE>
    | name | meaning |
    |---|---|
    | `a` | a number \\| None |
    <BLANKLINE>
    ```python
    >>> add(1)
    2
    ```
    """
    rows = {row.first: row for row in docstrings.rows(doc)}
    lines = doc.splitlines()
    written: list[str] = []
    number = 0
    in_table = False
    while number < len(lines):
        row = rows.get(number)
        if row:
            if not in_table:
                written += ["", "| name | meaning |", "|---|---|"]
            names = ", ".join(f"`{name}`" for name in row.names)
            written.append(f"| {names} | {row.text.replace('|', chr(92) + '|')} |")
            number += len(row.texts)
        elif lines[number].startswith(">>>"):
            end = number
            while end < len(lines) and lines[end].strip():
                end += 1
            written += ["```python", *lines[number:end], "```"]
            number = end
        else:
            written.append(lines[number])
            number += 1
        in_table = row is not None
    return "\n".join(written).replace("\n\n\n", "\n\n")
