"""Markdown tables that are neat as text, and how numbers are written in them."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *others = cells
        padded = [first.ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        return f"| {' | '.join(padded)} |"

    left, *right = widths
    rule = [":" + "-" * (left - 1), *("-" * (width - 1) + ":" for width in right)]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def quartiles(ratio: dict) -> str:
    """Write the median over rounds, with the quartiles in brackets."""
    return f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def milliseconds(seconds: float) -> str:
    """Write seconds as milliseconds, below 100 with one decimal."""
    return f"{1000 * seconds:.0f}" if seconds >= 0.0995 else f"{1000 * seconds:.1f}"
