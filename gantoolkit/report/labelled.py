"""Sheets of pictures with titles over the columns, labels before the rows and prompts between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from gantoolkit.report import lettering, sheets
from gantoolkit.report.lettering import INK, QUIET

WIDTH = 1700  # about twice the width of a page, so that a sheet is sharp there
LARGEST = 256  # side of a picture on the sheet
TEXT, SMALLEST = (
    27,
    17,
)  # size of letters; titles shrink until they fit, and are broken where they do not
MARGIN, GAP, APART = 20, 6, 22  # around the sheet, between pictures, between groups of columns


@dataclass(frozen=True)
class Row:
    """Pictures from left to right (None leaves a gap), a label before them, a prompt above them."""

    cells: Sequence[np.ndarray | None]
    label: Sequence[str] = ()
    caption: str = ""


@dataclass(frozen=True)
class Sheet:
    """The layout; `draw` makes it.

    columns  a title each, lines separated by \\n; $…$ is mathematics
    groups   (title, number of columns) over all columns, from the left; an empty title draws no line
    corner   a picture above the labels, left of the titles: what all rows share
    """

    columns: Sequence[str]
    rows: Sequence[Row]
    groups: Sequence[tuple[str, int]] = ()
    corner: np.ndarray | None = None

    @property
    def left(self) -> int:
        """Where the pictures begin."""
        widest = max(
            (lettering.width(line, TEXT) for row in self.rows for line in row.label), default=0
        )
        return MARGIN + (round(widest) + 2 * GAP if widest else 0)

    @property
    def side(self) -> int:
        """Side of a picture on the sheet: a multiple of the pictures' own where that is near."""
        cells = [cell for row in self.rows for cell in row.cells if cell is not None]
        own = max((max(cell.shape[:2]) for cell in cells), default=LARGEST)
        count = len(self.columns)
        room = WIDTH - self.left - MARGIN - (count - 1) * GAP - max(len(self.groups) - 1, 0) * APART
        side = min(room // count, LARGEST)
        near = max(round(side / own), 1) * own
        return near if abs(near - side) <= 0.12 * side else side

    def x(self, column: int) -> int:
        """Left end of a column."""
        ends = np.cumsum([count for _, count in self.groups])
        return self.left + column * (self.side + GAP) + APART * int((ends <= column).sum())

    def middle(self, column: int) -> float:
        """Middle of a column."""
        return self.x(column) + self.side / 2

    @property
    def width(self) -> int:
        """Of the whole sheet."""
        return self.x(len(self.columns) - 1) + self.side + MARGIN

    @property
    def titles(self) -> list[list[tuple[str, tuple]]]:
        """(line, ink) of the columns' titles, lines that are too wide for their column broken."""

        def broken(line: str) -> list[str]:
            return (
                [line]
                if lettering.width(line, SMALLEST) <= self.side
                else lettering.fold(line, SMALLEST, self.side)
            )

        return [
            [
                (part, QUIET if i else INK)
                for i, line in enumerate(title.split("\n"))
                for part in broken(line)
            ]
            for title in self.columns
        ]

    @property
    def head(self) -> int:
        """Height of the titles."""
        lines = max(len(title) if any(said for said, _ in title) else 0 for title in self.titles)
        grouped = lettering.height(TEXT) + 2 * GAP if any(title for title, _ in self.groups) else 0
        return MARGIN + grouped + lines * lettering.height(TEXT) + GAP

    def draw(self) -> np.ndarray:
        """The sheet [H,W,3] on white."""
        captions = [
            lettering.wrap(row.caption, TEXT, self.width - self.left - MARGIN) for row in self.rows
        ]
        step, tops, y = lettering.height(TEXT), [], self.head
        for caption in captions:
            y += len(caption) * step + (GAP if caption else 0)
            tops.append(y)
            y += self.side + (2 * GAP if any(captions[1:]) else GAP)
        canvas = Image.new("RGB", (self.width, y + MARGIN - GAP), (255, 255, 255))
        pen = ImageDraw.Draw(canvas)
        self._titles(pen, step)
        self._groups(pen, step)
        if self.corner is not None:
            side = min(tops[0] - MARGIN - 2 * GAP, self.left - MARGIN - 2 * GAP)
            canvas.paste(Image.fromarray(sheets.resized(self.corner, side)), (MARGIN, MARGIN))
        for row, caption, top in zip(self.rows, captions, tops):
            self._row(canvas, pen, row, caption, top, step)
        return np.asarray(canvas)

    def _titles(self, pen: ImageDraw.ImageDraw, step: int) -> None:
        """Titles of columns, all of one size; short ones stand at the bottom."""
        size = min(_fitting(line, self.side) for title in self.titles for line, _ in title)
        for j, title in enumerate(self.titles):
            for i, (line, ink) in enumerate(title):
                top = self.head - GAP - (len(title) - i) * step + (TEXT - size) / 2
                lettering.put(pen, self.middle(j), top, line, size, ink, "middle")

    def _groups(self, pen: ImageDraw.ImageDraw, step: int) -> None:
        """Titles of groups of columns, each above a line."""
        first = 0
        for title, count in self.groups:
            start, end = self.x(first), self.x(first + count - 1) + self.side
            if title:
                size = _fitting(title, end - start)
                lettering.put(pen, (start + end) / 2, MARGIN, title, size, INK, "middle")
                under = MARGIN + step + GAP // 2
                pen.line([(start, under), (end, under)], fill=QUIET, width=2)
            first += count

    def _row(
        self,
        canvas: Image.Image,
        pen: ImageDraw.ImageDraw,
        row: Row,
        caption: list[str],
        top: int,
        step: int,
    ) -> None:
        for i, line in enumerate(caption):
            lettering.put(pen, self.left, top - GAP - (len(caption) - i) * step, line, TEXT, QUIET)
        begin = top + (self.side - len(row.label) * step) / 2
        for i, line in enumerate(row.label):
            lettering.put(pen, MARGIN, begin + i * step, line, TEXT, QUIET if i else INK)
        for j, cell in enumerate(row.cells):
            if cell is not None:
                canvas.paste(Image.fromarray(sheets.resized(cell, self.side)), (self.x(j), top))


def note(text: str, sheet: Sheet) -> np.ndarray:
    """A remark in small letters that is set below a sheet."""
    size = TEXT - 4
    lines = lettering.wrap(text, size, sheet.width - 2 * MARGIN)
    canvas = Image.new(
        "RGB", (sheet.width, len(lines) * lettering.height(size) + MARGIN), (255, 255, 255)
    )
    pen = ImageDraw.Draw(canvas)
    for i, line in enumerate(lines):
        lettering.put(pen, MARGIN, i * lettering.height(size), line, size, QUIET)
    return np.asarray(canvas)


def _fitting(line: str, limit: float) -> int:
    """The largest size of letters at which a line fits."""
    sizes = (size for size in range(TEXT, SMALLEST, -1) if lettering.width(line, size) <= limit)
    return next(sizes, SMALLEST)


def stack(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Sheets below each other, narrower ones filled up with white."""
    width = max(part.shape[1] for part in parts)
    return np.concatenate(
        [
            np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0)), constant_values=255)
            for part in parts
        ]
    )
