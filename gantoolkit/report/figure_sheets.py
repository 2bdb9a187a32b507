"""Sheets of pictures: titles over the columns, labels before the rows, prompts between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gantoolkit.report import pictures
from gantoolkit.report.pixel_canvas import (
    INK,
    MUTED_INK,
    PixelCanvas,
    line_height,
    literal,
    text_width,
    wrap,
)

SHEET_WIDTH = 1700  # pixels, about twice the width of a page, so that a sheet is sharp there
LARGEST_SIDE = 256  # of a picture on the sheet
TEXT_SIZE = 25  # pixels
SMALLEST_TEXT_SIZE = 16  # titles shrink until they fit, and are broken where they still do not
NOTE_SIZE = TEXT_SIZE - 4
MARGIN = 20  # around the sheet
GAP = 6  # between pictures
GROUP_GAP = 22  # between groups of columns


@dataclass(frozen=True)
class SheetRow:
    """Pictures from left to right, with a label before them and a prompt above them."""

    cells: Sequence[np.ndarray | None]  # None leaves a gap
    label: Sequence[str] = ()  # lines
    caption: str = ""


@dataclass(frozen=True)
class FigureSheet:
    r"""Lay out rows of pictures; `render` draws them.

    >>> face = np.zeros((64, 64, 3), np.uint8)
    >>> sheet = FigureSheet(["photo", "$G(w)$"], [SheetRow([face, face], caption="a face")])
    >>> sheet.render().shape[1] == sheet.width
    True
    """

    columns: Sequence[str]  # a title each, lines separated by \n; $…$ is mathematics
    rows: Sequence[SheetRow]
    groups: Sequence[tuple[str, int]] = ()  # (title, number of columns) from the left
    corner: np.ndarray | None = None  # a picture above the labels, which all rows share

    @property
    def left(self) -> int:
        """Where the pictures begin, in pixels."""
        widths = [text_width(line, TEXT_SIZE) for row in self.rows for line in row.label]
        if not widths:
            return MARGIN
        return MARGIN + round(max(widths)) + 2 * GAP

    @property
    def side(self) -> int:
        """Side of a picture on the sheet: a multiple of the pictures' own where that is near."""
        cells = [cell for row in self.rows for cell in row.cells if cell is not None]
        own_side = max((max(cell.shape[:2]) for cell in cells), default=LARGEST_SIDE)

        count = len(self.columns)
        gaps = (count - 1) * GAP + max(len(self.groups) - 1, 0) * GROUP_GAP
        available = SHEET_WIDTH - self.left - MARGIN - gaps
        side = min(available // count, LARGEST_SIDE)

        multiple = max(round(side / own_side), 1) * own_side
        is_near = abs(multiple - side) <= 0.12 * side
        return multiple if is_near else side

    def x(self, column: int) -> int:
        """Return the left end of a column in pixels."""
        group_ends = np.cumsum([count for _, count in self.groups])
        groups_before = int((group_ends <= column).sum())
        return self.left + column * (self.side + GAP) + GROUP_GAP * groups_before

    def middle(self, column: int) -> float:
        """Return the middle of a column in pixels."""
        return self.x(column) + self.side / 2

    @property
    def width(self) -> int:
        """Width of the whole sheet in pixels."""
        return self.x(len(self.columns) - 1) + self.side + MARGIN

    @property
    def titles(self) -> list[list[tuple[str, str]]]:
        """(line, color) of every column's title; lines too wide for their column are broken."""
        return [self._title_lines(title) for title in self.columns]

    def _title_lines(self, title: str) -> list[tuple[str, str]]:
        lines = []
        for index, line in enumerate(title.split("\n")):
            color = MUTED_INK if index else INK
            fits = text_width(line, SMALLEST_TEXT_SIZE) <= self.side
            pieces = [line] if fits else wrap(line, SMALLEST_TEXT_SIZE, self.side)
            lines += [(piece, color) for piece in pieces]
        return lines

    @property
    def head_height(self) -> int:
        """Height of the titles in pixels."""
        has_group_titles = any(title for title, _ in self.groups)
        group_height = line_height(TEXT_SIZE) + 2 * GAP if has_group_titles else 0
        filled_titles = [title for title in self.titles if any(line for line, _ in title)]
        lines = max(map(len, filled_titles), default=0)
        return MARGIN + group_height + lines * line_height(TEXT_SIZE) + GAP

    def render(self) -> np.ndarray:
        """Draw the sheet [H,W,3] of uint8 on white."""
        text_room = self.width - self.left - MARGIN
        captions = [wrap(literal(row.caption), TEXT_SIZE, text_room) for row in self.rows]
        tops, bottom = self._row_tops(captions)

        canvas = PixelCanvas(self.width, bottom + MARGIN - GAP)
        self._draw_titles(canvas)
        self._draw_groups(canvas)
        if self.corner is not None:
            side = min(tops[0], self.left) - MARGIN - 2 * GAP
            canvas.picture(pictures.resized(self.corner, side), MARGIN, MARGIN)
        for row, caption, top in zip(self.rows, captions, tops):
            self._draw_row(canvas, row, caption, top)
        return canvas.render()

    def _row_tops(self, captions: Sequence[list[str]]) -> tuple[list[int], int]:
        """Return where the pictures of every row begin, and where the last row ends."""
        row_gap = 2 * GAP if any(captions[1:]) else GAP
        tops = []
        y = self.head_height
        for caption in captions:
            if caption:
                y += len(caption) * line_height(TEXT_SIZE) + GAP
            tops.append(y)
            y += self.side + row_gap
        return tops, y

    def _draw_titles(self, canvas: PixelCanvas) -> None:
        """Write all columns' titles at one size; short ones stand at the bottom."""
        lines = [line for title in self.titles for line, _ in title]
        size = min(_fitting_size(line, self.side) for line in lines)
        step = line_height(TEXT_SIZE)
        for column, title in enumerate(self.titles):
            top = self.head_height - GAP - len(title) * step
            for index, (line, color) in enumerate(title):
                y = top + index * step + (TEXT_SIZE - size) / 2
                canvas.text(line, self.middle(column), y, size, color, align="center")

    def _draw_groups(self, canvas: PixelCanvas) -> None:
        """Write the titles of groups of columns, each above a line."""
        first = 0
        for title, count in self.groups:
            start = self.x(first)
            end = self.x(first + count - 1) + self.side
            if title:
                size = _fitting_size(title, end - start)
                canvas.text(title, (start + end) / 2, MARGIN, size, align="center")
                canvas.line(start, end, MARGIN + line_height(TEXT_SIZE) + GAP // 2)
            first += count

    def _draw_row(
        self, canvas: PixelCanvas, row: SheetRow, caption: Sequence[str], top: int
    ) -> None:
        step = line_height(TEXT_SIZE)
        caption_top = top - GAP - len(caption) * step
        for index, line in enumerate(caption):
            canvas.text(line, self.left, caption_top + index * step, TEXT_SIZE, MUTED_INK)

        label_top = top + (self.side - len(row.label) * step) / 2
        for index, line in enumerate(row.label):
            color = MUTED_INK if index else INK
            canvas.text(line, MARGIN, label_top + index * step, TEXT_SIZE, color)

        for column, cell in enumerate(row.cells):
            if cell is not None:
                canvas.picture(pictures.resized(cell, self.side), self.x(column), top)


def note(text: str, sheet: FigureSheet) -> np.ndarray:
    """Draw a remark in small letters, as wide as the sheet that it is set below."""
    lines = wrap(text, NOTE_SIZE, sheet.width - 2 * MARGIN)
    canvas = PixelCanvas(sheet.width, len(lines) * line_height(NOTE_SIZE) + MARGIN)
    for index, line in enumerate(lines):
        canvas.text(line, MARGIN, index * line_height(NOTE_SIZE), NOTE_SIZE, MUTED_INK)
    return canvas.render()


def _fitting_size(line: str, limit: float) -> int:
    """Return the largest text size at which a line fits into `limit` pixels."""
    for size in range(TEXT_SIZE, SMALLEST_TEXT_SIZE, -1):
        if text_width(line, size) <= limit:
            return size
    return SMALLEST_TEXT_SIZE


def stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Set pictures [h,w,3] below each other; narrower ones are filled up with white."""
    width = max(picture.shape[1] for picture in pictures)
    padded = []
    for picture in pictures:
        missing = width - picture.shape[1]
        padded.append(np.pad(picture, ((0, 0), (0, missing), (0, 0)), constant_values=255))
    return np.concatenate(padded)
