"""Pictures of a run in its report: files as data URIs, and the figures, rows and strips of them."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from pathlib import Path

from PIL import Image

from gantoolkit.data.image_files import UNREADABLE, decode_image
from gantoolkit.report.markup import column_head, row_head, table, tag
from gantoolkit.report.pictures import data_uri
from gantoolkit.report.record import MAPPED, RUN

COLUMN_TITLES = {
    "condition": "condition",
    "image_gt": "I<sup>gt</sup>",
    "x0": "I<sup>d</sup><sub>0</sub>",
    MAPPED: "G(w<sup>m</sup>)",
    RUN: "G(w)",
    "attention": "Ā over G(w)",
}
LARGEST_SIDE = 1024  # pixels, of an embedded picture
LABEL_MAP_COLORS = 64  # fewer colors: a label map, stored without loss and shown with hard pixels


@lru_cache(maxsize=4096)
def embed(path: Path) -> tuple[str, str] | None:
    """Return (data URI, CSS class) of a picture file as WebP; None if it cannot be read."""
    try:
        picture = decode_image(path).convert("RGB")
    except UNREADABLE:
        return None

    is_label_map = picture.getcolors(LABEL_MAP_COLORS) is not None
    if max(picture.size) > LARGEST_SIDE:
        scale = LARGEST_SIDE / max(picture.size)
        size = [max(round(side * scale), 1) for side in picture.size]
        resampling = Image.Resampling.NEAREST if is_label_map else Image.Resampling.LANCZOS
        picture = picture.resize(size, resampling)
    uri = data_uri(picture, "WEBP", lossless=is_label_map, quality=92, method=4)
    return uri, "flat" if is_label_map else ""


def figure(path: Path, alternative: str, caption: str = "") -> str:
    """Return one picture with its caption (HTML); a missing file leaves a quiet gap."""
    embedded = embed(path)
    if embedded:
        uri, class_ = embedded
        alternative = escape(alternative)
        image = f'<img src="{uri}" class="{class_}" alt="{alternative}" loading="lazy">'
    else:
        image = tag("span", "no picture", class_="missing")
    if caption:
        image += tag("figcaption", caption)
    return tag("figure", image)


def column_title(column: str) -> str:
    """Return a column's title in HTML."""
    return COLUMN_TITLES.get(column, escape(column))


def sample(folder: Path, entry: dict) -> str:
    """Return one sample: its prompt, then its pictures by column, then its views."""
    prompt = entry.get("prompt", "")
    facts = [escape(str(entry.get("file", "")))]
    if "seed" in entry:
        facts.append(f"seed {entry['seed']}")
    if "t" in entry:
        facts.append(f"t = {entry['t']}")

    cells = []
    for column, path in entry.get("images", {}).items():
        cells.append(figure(folder / path, f"{column}: {prompt}", column_title(column)))
    row = tag("div", "".join(cells), class_="cells") + _views(folder, entry)
    return _article(prompt, " · ".join(filter(None, facts)), tag("div", row, class_="row"))


def _views(folder: Path, entry: dict) -> str:
    cells = []
    for index, path in enumerate(entry.get("views") or [], 1):
        cells.append(figure(folder / path, f"view {index}: {entry.get('prompt', '')}"))
    if not cells:
        return ""
    caption = tag("p", "G(w) from several cameras", class_="caption")
    return tag("div", tag("div", "".join(cells), class_="cells") + caption, class_="views")


def strip(folder: Path, entry: dict) -> str:
    """Return one sample over the denoising steps: columns are steps t, rows kinds."""
    steps = entry.get("steps") or []
    heads = ["<th></th>"]
    for step in steps:
        heads.append(column_head(_step_title(step.get("t"))))

    rows = []
    for column in dict.fromkeys(name for step in steps for name in step.get("images", {})):
        cells = [row_head(column_title(column))]
        for step in steps:
            path = step.get("images", {}).get(column)
            picture = figure(folder / path, f"{column} at t = {step.get('t')}") if path else ""
            cells.append(tag("td", picture))
        rows.append("".join(cells))
    name = escape(str(entry.get("file", "")))
    return _article(entry.get("prompt", ""), name, table(rows, heads, class_="strip"))


def sheets(folder: Path, count: int = 4) -> str:
    """Return sheets that a run drew on its way (pictures/ITERATION_NAME.png), the newest first.

    Of every name `count` are shown: the first, the last and some between.
    """
    by_name: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted((folder / "pictures").glob("*.png")):
        iteration, _, name = path.stem.partition("_")
        if iteration.isdecimal() and name:
            by_name.setdefault(name, []).append((int(iteration), path))

    shown = []
    for name, drawn in by_name.items():
        last = len(drawn) - 1
        chosen = dict.fromkeys(round(i * last / (count - 1)) for i in range(count))
        for index in reversed(chosen):
            iteration, path = drawn[index]
            caption = f"{escape(name)}, iteration {iteration}"
            shown.append(tag("div", figure(path, name, caption), class_="sheet"))
    return "".join(shown)


def _article(prompt: str, facts: str, content: str) -> str:
    if prompt:
        words = f"“{escape(prompt)}”"
    else:
        words = tag("span", "empty prompt", class_="none")
    head = tag("p", f"{words} {tag('small', facts)}", class_="prompt")
    return tag("article", head + content, class_="sample")


def _step_title(t: int | None) -> str:
    return f"t&thinsp;=&thinsp;{t}" if t is not None else ""
