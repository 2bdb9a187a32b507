"""Small pieces of HTML: elements and tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def tag(name: str, content: str = "", **attributes: str) -> str:
    """Return one element around `content`, which is HTML already.

    Values of attributes are escaped; empty ones are left out. `class_` is written as class, and
    other underscores as hyphens.

    >>> tag("td", "1.5", class_="num", data_label="floor")
    '<td class="num" data-label="floor">1.5</td>'
    """
    words = [name]
    for key, value in attributes.items():
        if value:
            name_in_html = key.rstrip("_").replace("_", "-")
            words.append(f'{name_in_html}="{escape(value)}"')
    return f"<{' '.join(words)}>{content}</{name}>"


def column_head(title: str, class_: str = "") -> str:
    """Return the head of a table's column."""
    return tag("th", title, class_=class_, scope="col")


def row_head(title: str) -> str:
    """Return the head of a table's row."""
    return tag("th", title, scope="row")


def table(rows: Iterable[str], heads: Sequence[str] = (), class_: str = "") -> str:
    """Return a table that scrolls sideways; `rows` hold cells, `heads` those of its head."""
    head = tag("thead", tag("tr", "".join(heads))) if heads else ""
    body = tag("tbody", "".join(tag("tr", row) for row in rows))
    return tag("div", tag("table", head + body, class_=class_), class_="scroll")


def details(title: str, content: str, is_open: bool = False) -> str:
    """Return content that is shown when its title is clicked; the title is plain text."""
    opening = "<details open>" if is_open else "<details>"
    return f"{opening}{tag('summary', escape(title))}{content}</details>"
