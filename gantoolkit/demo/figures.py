"""Pictures of a face as HTML: the large one, what it is made of, and where each word looked."""

from __future__ import annotations

from html import escape

import numpy as np
import torch
from PIL import Image

from gantoolkit.core.types import Render
from gantoolkit.demo.studio import Face
from gantoolkit.report import pictures

SMALL = 192  # pixels: maps and small pictures are enlarged to this before they are sent


def face(w: Render, alternative: str) -> str:
    """G(w), large."""
    return _figure(pictures.image_picture(w.image), alternative, "G(w): what comes out", "large")


def parts(found: Face, w: Render, w_m: Render, front: Render) -> str:
    """G(w^m), Ā and, in 3D, depth; then a row with the map of each word.

    Maps lie over `front`, the face as it was drawn, because attention does not turn with the head.
    """
    overall = pictures.attention_picture(front.image, found.attention)
    plain = torch.equal(w.image, w_m.image)
    modulated = (
        "the same, for this run has no style modulation" if plain else "with style modulation"
    )
    shown = [
        (pictures.image_picture(w_m.image), "G(w<sup>m</sup>): mapping network alone"),
        (pictures.image_picture(w.image), f"G(w): {modulated}"),
        (overall, "Ā: attention of all words"),
    ]
    if w.depth is not None:
        shown.append((pictures.depth_picture(w.depth), "depth: near is yellow"))
    html = f'<div class="gt-parts">{"".join(_figure(p, _plain(c), c) for p, c in shown)}</div>'
    if not found.words:
        return html + '<p class="gt-quiet">There is no word in the prompt to attend to.</p>'
    maps = [
        _figure(pictures.attention_picture(front.image, where), f"attention of {word}", escape(word))
        for word, where in found.words
    ]
    return html + (
        '<p class="gt-quiet">Where the diffusion model looked for each word, '
        "over the face as it was drawn:</p>"
        f'<div class="gt-words">{"".join(maps)}</div>'
    )


def notice(text: str, kind: str = "good") -> str:
    """One sentence above the picture: good, note or error."""
    role = "alert" if kind == "error" else "status"
    return f'<p class="gt-notice gt-{kind}" role="{role}">{escape(text)}</p>' if text else ""


def _figure(picture: np.ndarray, alternative: str, caption: str, kind: str = "") -> str:
    if not kind and max(picture.shape[:2]) < SMALL:
        image = Image.fromarray(picture).resize((SMALL, SMALL), Image.Resampling.BICUBIC)
    else:
        image = Image.fromarray(picture)
    uri = pictures.data_uri(image, "WEBP", quality=90, method=0)
    return (
        f'<figure class="{kind}"><img src="{uri}" alt="{escape(alternative)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _plain(caption: str) -> str:
    return caption.replace("<sup>m</sup>", "^m")
