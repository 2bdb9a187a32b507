"""Text on pictures: one built-in typeface, lines that wrap, and $w^m$, $I^d_0$, $\\bar w$ as mathematics.

The typeface comes with Pillow, so that a picture is the same on every machine; it knows ASCII, quotation
marks, the degree sign and a few more. Letters with accents lose them, others are drawn as a box.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from PIL import ImageDraw, ImageFont

INK, QUIET = (28, 30, 36), (108, 112, 122)
SMALLER, RAISED, LOWERED = (
    0.68,
    0.42,
    0.2,
)  # size and shift of superscripts and subscripts, in text sizes
MATHS = re.compile(r"\$([^$]+)\$")
PART = re.compile(r"([\^_])(?:\{([^}]*)\}|(.))|\\bar\s*(\w)|([^\^_\\]+)")
TOKEN = re.compile(r"(?:\$[^$]+\$|\S)+")  # a word, with the spaces of formulas in it
ANCHORS = {"left": 0.0, "middle": 0.5, "right": 1.0}


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The typeface at `size` pixels."""
    return ImageFont.load_default(size)


def plain(text: str) -> str:
    """The text without accents, minus signs and long dashes as hyphens."""
    text = re.sub("[\u2212\u2013\u2014]", "-", text)
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def height(size: int) -> int:
    """Pixels from line to line."""
    return round(size * 1.3)


def width(text: str, size: int) -> float:
    """Pixels that `put` needs for one line."""
    return max((x + font(s).getlength(part) for part, x, _, s, _ in _laid(text, size)), default=0.0)


def wrap(text: str, size: int, limit: float) -> list[str]:
    """Lines of at most `limit` pixels; a longer word has a line of its own."""
    lines: list[str] = []
    for word in plain(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font(size).getlength(longer) <= limit:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def fold(text: str, size: int, limit: float) -> list[str]:
    """A line as lines of at most `limit` pixels: formulas stay whole, words that are too long are broken."""
    lines = [""]
    for word in TOKEN.findall(text):
        for part in [word] if MATHS.search(word) else _pieces(word, size, limit):
            longer = f"{lines[-1]} {part}".strip()
            if not lines[-1] or width(longer, size) <= limit:
                lines[-1] = longer
            else:
                lines.append(part)
    return lines


def _pieces(word: str, size: int, limit: float) -> list[str]:
    """A word as parts of at most `limit` pixels and at least one letter."""
    parts = [""]
    for letter in word:
        if parts[-1] and width(parts[-1] + letter, size) > limit:
            parts.append(letter)
        else:
            parts[-1] += letter
    return parts


def put(
    draw: ImageDraw.ImageDraw,
    x: float,
    top: float,
    text: str,
    size: int,
    ink=INK,
    anchor: str = "left",
) -> None:
    """Draw one line whose box begins at `top`; x is its left end, middle or right end."""
    left = x - ANCHORS[anchor] * width(text, size)
    base = top + size
    for part, start, shift, s, bar in _laid(text, size):
        draw.text((left + start, base + shift), part, fill=ink, font=font(s), anchor="ls")
        if bar:
            over = base + shift - 0.64 * s
            end = left + start + font(s).getlength(part)
            draw.line(
                [(left + start + 1, over), (end - 1, over)], fill=ink, width=max(round(s / 14), 1)
            )


def _laid(text: str, size: int) -> Iterator[tuple[str, float, float, int, bool]]:
    """(part, x, shift downwards, size, overlined) of a line; sub- and superscript stand above each other."""
    x = furthest = 0.0
    for i, piece in enumerate(MATHS.split(text)):
        for part, level, bar in _parts(piece) if i % 2 else [(plain(piece), "", False)]:
            x = x if level else furthest
            small = round(size * SMALLER) if level else size
            shift = {"^": -RAISED, "_": LOWERED, "": 0.0}[level] * size
            yield part, x, shift, small, bar
            furthest = max(furthest, x + font(small).getlength(part))
            x = x if level else furthest


def _parts(maths: str) -> Iterator[tuple[str, str, bool]]:
    """(text, "^", "_" or "", overlined) of what stands between two $."""
    for level, group, single, bar, rest in PART.findall(maths):
        yield (group or single or bar or rest), level, bool(bar)
