"""The painter: a canvas with a palette of 19 named classes, or a white pen, as a Gradio component."""

from __future__ import annotations

from importlib.resources import files

import gradio as gr

from gantoolkit.core.labels import CLASSES, PALETTE
from gantoolkit.demo.drawing import CANVAS

NAMES = {
    "background": "background",
    "eye_g": "glasses",
    "u_lip": "upper lip",
    "l_lip": "lower lip",
    "ear_r": "earring",
    "neck_l": "necklace",
    "cloth": "clothes",
}
START = CLASSES.index("hair")
TOOLS = {"mask": ("brush", "fill"), "scribble": ("pen", "eraser")}


def painter(kind: str, value: str, visible: bool) -> gr.HTML:
    """The component; its value is the drawing as data URI. A hidden one keeps what was drawn."""
    return gr.HTML(
        value,
        html_template=template(kind),
        js_on_load=resource("painter.js"),
        padding=False,
        apply_default_css=False,
        visible=visible or "hidden",
        elem_id=f"gt-{kind}",
        label=kind,
    )


def resource(name: str) -> str:
    """A text file beside this one."""
    return files("gantoolkit.demo").joinpath(name).read_text(encoding="utf-8")


def class_name(name: str) -> str:
    """A class in words; left and right are the person's own."""
    if name in NAMES:
        return NAMES[name]
    side = {"l": "left ", "r": "right "}.get(name.partition("_")[0] if "_" in name else "", "")
    return side + name.partition("_")[2] if side else name


def template(kind: str) -> str:
    """The painter's HTML."""
    tools = "".join(
        f'<button type="button" data-tool="{t}" aria-pressed="{str(not i).lower()}">{t}</button>'
        for i, t in enumerate(TOOLS[kind])
    )
    size = 12 if kind == "mask" else 3
    return (
        f'<div class="gt-painter" data-kind="{kind}"><div class="gt-bar">{tools}'
        f'<label>size <input type="range" min="1" max="40" value="{size}" data-size></label>'
        '<button type="button" data-do="undo">undo</button>'
        '<button type="button" data-do="clear">clear</button>'
        f'</div><div class="gt-board"><canvas width="{CANVAS}" height="{CANVAS}" tabindex="0" '
        f'aria-label="{kind} to paint"></canvas>{palette() if kind == "mask" else ""}</div></div>'
    )


def palette() -> str:
    """A button per class."""
    buttons = []
    for number, (name, colour) in enumerate(zip(CLASSES, PALETTE)):
        css = ",".join(map(str, colour))
        buttons.append(
            f'<button type="button" data-colour="{css}" '
            f'aria-pressed="{str(number == START).lower()}">'
            f'<i style="background:rgb({css})"></i>{class_name(name)}</button>'
        )
    return f'<div class="gt-palette" role="group" aria-label="classes">{"".join(buttons)}</div>'
