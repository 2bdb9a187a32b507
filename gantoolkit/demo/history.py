"""What one visitor drew: a strip of results, the newest first, and two of them side by side."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Render
from gantoolkit.demo import figures
from gantoolkit.demo.studio import FaceRequest
from gantoolkit.report import pictures
from gantoolkit.report.markup import tag

KEPT_RESULTS = 20
COMPARED = 2
THUMBNAIL_SIDE = 96  # pixels
HINT = "History: choose two faces to see them side by side"


@dataclass(frozen=True)
class Result:
    """A face and what it was asked for. Results that look the same are equal."""

    run: str
    text: str
    seed: int
    step: int
    picture: str  # a data URI
    thumbnail: str  # a data URI


def result(request: FaceRequest, modulated: Render) -> Result:
    """Return what the history keeps of G(w)."""
    picture = pictures.image_picture(modulated.image)
    return Result(
        run=request.run,
        text=request.text,
        seed=request.seed,
        step=request.step,
        picture=figures.picture_uri(picture),
        thumbnail=figures.picture_uri(picture, THUMBNAIL_SIDE),
    )


def add(history: tuple[Result, ...], newest: Result) -> tuple[Result, ...]:
    """Put a result in front; the oldest beyond KEPT_RESULTS go."""
    others = [old for old in history if old != newest]
    return (newest, *others)[:KEPT_RESULTS]


def choose(
    history: tuple[Result, ...], compared: tuple[Result, ...], index: int
) -> tuple[Result, ...]:
    """Add history[index] to the compared ones, or take it out; the newest COMPARED choices stay.

    Raises UsageError if there is no such result.
    """
    if index not in range(len(history)):
        raise UsageError("This result is not kept any more; press Generate to draw it again.")
    chosen = history[index]
    others = [one for one in compared if one != chosen]
    if chosen in compared:
        return tuple(others)
    return (*others, chosen)[-COMPARED:]


def strip(history: tuple[Result, ...], compared: tuple[Result, ...]) -> str:
    """Return a button for every result; those that are compared are pressed."""
    buttons = ""
    for index, one in enumerate(history):
        label = f"{_settings(one)}: {one.text}"
        buttons += tag(
            "button",
            f'<img src="{one.thumbnail}" alt="">',
            type="button",
            data_index=str(index),
            aria_pressed="true" if one in compared else "false",
            aria_label=label,
            title=label,
        )
    return tag("p", HINT, class_="gt-quiet") + tag("div", buttons, class_="gt-strip")


def comparison(compared: tuple[Result, ...]) -> str:
    """Return the compared results side by side, with prompt, seed, run and step under each."""
    row = ""
    for one in compared:
        image = f'<img src="{one.picture}" alt="{escape(one.text)}">'
        words = tag("b", escape(_settings(one))) + "<br>" + escape(one.text)
        row += tag("figure", image + tag("figcaption", words))
    return tag("div", row, class_="gt-pair") if row else ""


def _settings(one: Result) -> str:
    return f"{one.run} · seed {one.seed} · step {one.step}"
