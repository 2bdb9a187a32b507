"""The painter, a Gradio component: a canvas with a palette of 19 classes, or a white pen."""

from __future__ import annotations

from importlib.resources import files

import gradio as gr

from gantoolkit.core.labels import CLASSES, PALETTE, flip_table
from gantoolkit.demo.drawing import CANVAS_SIDE
from gantoolkit.report.markup import tag

CLASS_NAMES = {
    "background": "background",
    "eye_g": "glasses",
    "u_lip": "upper lip",
    "l_lip": "lower lip",
    "ear_r": "earring",
    "neck_l": "necklace",
    "cloth": "clothes",
}
SIDES = {"l": "left", "r": "right"}  # the person's own
FIRST_CLASS = "hair"
TOOLS = {"mask": ("brush", "fill"), "scribble": ("pen", "eraser")}
BRUSH_SIZE = {"mask": 12, "scribble": 3}  # pixels


def painter(kind: str, value: str, visible: bool) -> gr.HTML:
    """Build the component; its value is the drawing as data URI. A hidden one keeps the drawing."""
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
    """Read a text file beside this one."""
    return files("gantoolkit.demo").joinpath(name).read_text(encoding="utf-8")


def class_name(name: str) -> str:
    """Return a class in words; left and right are the person's own."""
    if name in CLASS_NAMES:
        return CLASS_NAMES[name]
    side, underscore, part = name.partition("_")
    if underscore and side in SIDES:
        return f"{SIDES[side]} {part}"
    return name


def template(kind: str) -> str:
    """Return the painter's HTML."""
    buttons = ""
    for index, tool in enumerate(TOOLS[kind]):
        buttons += _toggle(tool, f'data-tool="{tool}"', is_pressed=index == 0)
    palette_of_kind = palette() if kind == "mask" else ""
    return (
        f'<div class="gt-painter" data-kind="{kind}"><div class="gt-bar">{buttons}'
        f'<label>size <input type="range" min="1" max="40" value="{BRUSH_SIZE[kind]}" data-size>'
        '</label><label><input type="checkbox" data-symmetric>symmetric</label>'
        '<button type="button" data-do="undo">undo</button>'
        '<button type="button" data-do="clear">clear</button>'
        '<button type="button" data-do="save">save</button></div><div class="gt-board">'
        f'<canvas width="{CANVAS_SIDE}" height="{CANVAS_SIDE}" tabindex="0" '
        f'aria-label="{kind} to paint"></canvas>{palette_of_kind}</div></div>'
    )


def palette() -> str:
    """Return a button for every class."""
    buttons = ""
    for name, color, mirrored in zip(CLASSES, PALETTE, flip_table()):
        css = ",".join(map(str, color))
        other_side = ",".join(map(str, PALETTE[mirrored]))
        swatch = tag("i", style=f"background:rgb({css})")
        label = swatch + class_name(name)
        buttons += _toggle(
            label,
            f'data-color="{css}" data-mirrored="{other_side}"',
            is_pressed=name == FIRST_CLASS,
        )
    return f'<div class="gt-palette" role="group" aria-label="classes">{buttons}</div>'


def _toggle(label: str, data: str, is_pressed: bool) -> str:
    pressed = "true" if is_pressed else "false"
    return f'<button type="button" {data} aria-pressed="{pressed}">{label}</button>'
