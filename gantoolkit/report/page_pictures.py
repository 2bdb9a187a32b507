"""Pictures of a run as data URIs, and the figures, rows and strips of the report made of them."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from gantoolkit.report.record import MAPPED, RUN
from gantoolkit.report.pictures import uri

LABELS = {
    "condition": "condition",
    "image_gt": "I<sup>gt</sup>",
    "x0": "I<sup>d</sup><sub>0</sub>",
    MAPPED: "G(w<sup>m</sup>)",
    RUN: "G(w)",
    "attention": "Ā over G(w)",
}
LARGEST = 1024  # longest side of an embedded picture
FEW_COLOURS = (
    64  # a picture of fewer colours is a label map: stored without loss, shown with hard pixels
)


@lru_cache(maxsize=4096)
def embed(path: Path) -> tuple[str, str] | None:
    """(data URI, CSS class) of a picture file as WebP; None where it cannot be read."""
    try:
        with Image.open(path) as file:
            picture = file.convert("RGB")
    except (OSError, UnidentifiedImageError):
        return None
    flat = picture.getcolors(FEW_COLOURS) is not None
    if max(picture.size) > LARGEST:
        scale = LARGEST / max(picture.size)
        method = Image.Resampling.NEAREST if flat else Image.Resampling.LANCZOS
        picture = picture.resize([max(round(s * scale), 1) for s in picture.size], method)
    return uri(picture, "WEBP", lossless=flat, quality=92, method=4), "flat" if flat else ""


def figure(path: Path, alternative: str, caption: str = "") -> str:
    """One picture with its caption (HTML); a missing file leaves a quiet gap."""
    found = embed(path)
    if found:
        image = (
            f'<img src="{found[0]}" class="{found[1]}" alt="{escape(alternative)}" loading="lazy">'
        )
    else:
        image = '<span class="missing">no picture</span>'
    return f"<figure>{image}{f'<figcaption>{caption}</figcaption>' if caption else ''}</figure>"


def label(column: str) -> str:
    """A column's title in HTML."""
    return LABELS.get(column, escape(column))


def sample(folder: Path, entry: dict) -> str:
    """One sample: its prompt, then condition, truth, diffusion and generator pictures, then the views."""
    prompt = entry.get("prompt", "")
    facts = [escape(str(entry.get("file", "")))]
    facts += [f"seed {entry['seed']}"] if "seed" in entry else []
    facts += [f"t = {entry['t']}"] if "t" in entry else []
    images = [
        figure(folder / path, f"{column}: {prompt}", label(column))
        for column, path in entry.get("images", {}).items()
    ]
    views = [
        figure(folder / path, f"view {i + 1}: {prompt}")
        for i, path in enumerate(entry.get("views") or [])
    ]
    three = (
        (
            f'<div class="views"><div class="cells">{"".join(views)}</div>'
            '<p class="caption">G(w) from several cameras</p></div>'
        )
        if views
        else ""
    )
    return (
        f'<article class="sample"><p class="prompt">{_prompt(prompt)} '
        f"<small>{' · '.join(f for f in facts if f)}</small></p>"
        f'<div class="row"><div class="cells">{"".join(images)}</div>{three}</div></article>'
    )


def strip(folder: Path, entry: dict) -> str:
    """The same sample over the denoising steps: a table with a column per step t and a row per kind."""
    steps = entry.get("steps") or []
    columns = list(dict.fromkeys(c for step in steps for c in step.get("images", {})))
    heads = "".join(f'<th scope="col">{_step(step.get("t"))}</th>' for step in steps)
    rows = []
    for column in columns:
        paths = [(step.get("t"), step.get("images", {}).get(column)) for step in steps]
        cells = [
            f"<td>{figure(folder / path, f'{column} at t = {t}') if path else ''}</td>"
            for t, path in paths
        ]
        rows.append(f'<tr><th scope="row">{label(column)}</th>{"".join(cells)}</tr>')
    return (
        f'<article class="sample"><p class="prompt">{_prompt(entry.get("prompt", ""))} '
        f"<small>{escape(str(entry.get('file', '')))}</small></p>"
        f'<div class="scroll"><table class="strip"><thead><tr><th></th>{heads}</tr></thead><tbody>'
        f"{''.join(rows)}</tbody></table></div></article>"
    )


def sheets(folder: Path, shown: int = 4) -> str:
    """The sheets that a run drew on its way (pictures/ITERATION_NAME.png): first, last and some between."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted((folder / "pictures").glob("*.png")):
        iteration, _, name = path.stem.partition("_")
        if iteration.isdecimal() and name:
            found.setdefault(name, []).append((int(iteration), path))
    parts = []
    for name, rows in found.items():
        chosen = dict.fromkeys(round(i * (len(rows) - 1) / (shown - 1)) for i in range(shown))
        for iteration, path in (rows[i] for i in reversed(chosen)):
            caption = f"{escape(name)}, iteration {iteration}"
            parts.append(f'<div class="sheet">{figure(path, name, caption)}</div>')
    return "".join(parts)


def _prompt(prompt: str) -> str:
    return f"“{escape(prompt)}”" if prompt else '<span class="none">empty prompt</span>'


def _step(t) -> str:
    return f"t&thinsp;=&thinsp;{t}" if t is not None else ""
