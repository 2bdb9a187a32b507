"""A white page measured in pixels, for pictures, lines and text with $…$ as mathematics."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

INK = "#1c1e24"
MUTED_INK = "#6c707a"
DPI = 100
POINTS_PER_PIXEL = 72 / DPI
LINE_SPACING = 1.3  # distance of lines, in text sizes
BASELINE = 0.92  # below the top of a line, in text sizes
MATH = re.compile(r"(?<!\\)\$[^$]+(?<!\\)\$")  # a backslash before a dollar makes it a dollar
WORD = re.compile(rf"(?:{MATH.pattern}|\S)+")  # spaces inside a formula do not end a word


def literal(text: str) -> str:
    """Return a text in which dollars are dollars, not the ends of a formula."""
    return text.replace("$", r"\$")


def line_height(size: int) -> int:
    """Return the distance of two lines of text of `size` pixels, in pixels."""
    return round(size * LINE_SPACING)


@lru_cache(maxsize=4096)
def text_width(text: str, size: int) -> float:
    """Return the width in pixels of one line of text of `size` pixels."""
    from matplotlib.font_manager import FontProperties

    if not text:
        return 0.0
    font = FontProperties(size=size * POINTS_PER_PIXEL)
    is_math = bool(MATH.search(text))
    shown = text if is_math else text.replace(r"\$", "$")
    width, _, _ = _renderer().get_text_width_height_descent(shown, font, is_math)
    return float(width)


@lru_cache(maxsize=1)
def _renderer():
    """Return a renderer that only measures text."""
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(1, 1, DPI)


def wrap(text: str, size: int, limit: float) -> list[str]:
    """Break a text into lines of at most `limit` pixels.

    Formulas stay whole; a word that is wider than a line is broken between letters.
    """
    lines: list[str] = []
    for word in WORD.findall(text):
        first, *rest = [word] if MATH.search(word) else _break_word(word, size, limit)
        longer = f"{lines[-1]} {first}" if lines else first
        if lines and text_width(longer, size) <= limit:
            lines[-1] = longer
        else:
            lines.append(first)
        lines += rest
    return lines


def _break_word(word: str, size: int, limit: float) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and text_width(pieces[-1] + letter, size) > limit:
            pieces.append(letter)
        else:
            pieces[-1] += letter
    return pieces


class PixelCanvas:
    """Draw on a white page; places are pixels from the left and from the top.

    >>> canvas = PixelCanvas(40, 30)
    >>> canvas.picture(np.zeros((10, 10, 3), np.uint8), left=5, top=8)
    >>> page = canvas.render()
    >>> page.shape, int(page[8, 5].max()), int(page[7, 5].min())
    ((30, 40, 3), 0, 255)
    """

    def __init__(self, width: int, height: int):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width = width
        self.height = height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        self.agg = FigureCanvasAgg(self.figure)
        self._pictures: list[tuple[np.ndarray, int, int]] = []

    def picture(self, picture: np.ndarray, left: int, top: int) -> None:
        """Put a picture [h,w,3] of uint8 with its upper left corner at (left, top)."""
        self._pictures.append((picture, left, top))

    def text(
        self, text: str, x: float, top: float, size: int, color=INK, align: str = "left"
    ) -> None:
        """Write one line of `size` pixels below `top`; `align` says which of its ends is at x."""
        baseline = top + BASELINE * size
        self.figure.text(
            x / self.width,
            1 - baseline / self.height,
            text,
            fontsize=size * POINTS_PER_PIXEL,
            color=color,
            ha=align,
            va="baseline",
        )

    def line(self, left: float, right: float, y: float, color=MUTED_INK) -> None:
        """Draw a horizontal line of two pixels."""
        from matplotlib.lines import Line2D

        ends = [left / self.width, right / self.width]
        height = 1 - y / self.height
        width = 2 * POINTS_PER_PIXEL
        self.figure.add_artist(Line2D(ends, [height, height], color=color, linewidth=width))

    def render(self) -> np.ndarray:
        """Return the page [height,width,3] of uint8."""
        self.agg.draw()
        page = np.asarray(self.agg.buffer_rgba())[..., :3].copy()
        for picture, left, top in self._pictures:
            height, width = picture.shape[:2]
            page[top : top + height, left : left + width] = picture
        return page
