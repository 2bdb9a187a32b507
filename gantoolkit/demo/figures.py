"""Pictures of a face as HTML: the large one, what it is made of, and where each word looked."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gantoolkit.core.types import Render
from gantoolkit.demo.studio import Face
from gantoolkit.report import pictures
from gantoolkit.report.markup import tag

SMALL_SIDE = 192  # pixels that maps and small pictures are enlarged to before they are sent


def face(modulated: Render, alternative: str) -> str:
    """Return G(w), large."""
    picture = pictures.image_picture(modulated.image)
    return _figure(picture, alternative, "G(w): what comes out", "large")


def components(face: Face, modulated: Render, mapped: Render, front: Render) -> str:
    """Return G(w^m) where it differs, Ā and, in 3D, depth; then a row with the map of each word.

    Maps lie over `front`, the face as it was drawn, because attention does not turn with the head.
    """
    row = ""
    for caption, picture in _captioned(face, modulated, mapped, front).items():
        alternative = caption.replace("<sup>", "^").replace("</sup>", "")
        row += _figure(picture, alternative, caption)
    html = tag("div", row, class_="gt-parts")
    if not face.words:
        return html + tag("p", "There is no word in the prompt to attend to.", class_="gt-quiet")

    maps = ""
    for word, attention in face.words:
        picture = pictures.attention_picture(front.image, attention)
        maps += _figure(picture, f"attention of {word}", escape(word))
    head = "Where the diffusion model looked for each word, over the face as it was drawn:"
    return html + tag("p", head, class_="gt-quiet") + tag("div", maps, class_="gt-words")


def _captioned(
    face: Face, modulated: Render, mapped: Render, front: Render
) -> dict[str, np.ndarray]:
    captioned = {}
    has_modulation = not torch.equal(modulated.image, mapped.image)
    if has_modulation:
        captioned["G(w<sup>m</sup>): mapping network alone"] = pictures.image_picture(mapped.image)
        captioned["G(w): with style modulation"] = pictures.image_picture(modulated.image)
    attention = pictures.attention_picture(front.image, face.attention)
    captioned["Ā: attention of all words"] = attention
    if face.own_picture is not None:
        own = pictures.image_picture(face.own_picture)
        captioned["I<sup>d</sup>: the diffusion model's own picture"] = own
    if modulated.depth is not None:
        captioned["depth: near is yellow"] = pictures.depth_picture(modulated.depth)
    return captioned


def notice(text: str, kind: str = "good") -> str:
    """Return one sentence above the picture; `kind` is good, note or error."""
    if not text:
        return ""
    role = "alert" if kind == "error" else "status"
    return tag("p", escape(text), class_=f"gt-notice gt-{kind}", role=role)


def film(path: Path) -> str:
    """Return an animated picture of a file."""
    content = base64.b64encode(path.read_bytes()).decode()
    uri = f"data:image/gif;base64,{content}"
    caption = tag("figcaption", "a film around the head")
    return tag("figure", f'<img src="{uri}" alt="a film around the head">{caption}', class_="large")


def words(known: list[str]) -> str:
    """Return a list of words that unfolds."""
    if not known:
        return ""
    summary = tag("summary", f"{len(known)} words that the model knows; near ones are understood")
    return tag("details", summary + tag("p", escape(" ".join(known))), class_="gt-quiet")


def picture_uri(picture: np.ndarray, side: int | None = None) -> str:
    """Return a picture as data URI, resized to `side` pixels if that is given."""
    image = Image.fromarray(picture)
    if side:
        image = image.resize((side, side), Image.Resampling.BICUBIC)
    return pictures.data_uri(image, "WEBP", quality=90, method=0)


def _figure(picture: np.ndarray, alternative: str, caption: str, class_: str = "") -> str:
    is_small = not class_ and max(picture.shape[:2]) < SMALL_SIDE
    uri = picture_uri(picture, SMALL_SIDE if is_small else None)
    content = f'<img src="{uri}" alt="{escape(alternative)}">{tag("figcaption", caption)}'
    return tag("figure", content, class_=class_)
