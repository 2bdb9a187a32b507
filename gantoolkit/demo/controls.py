"""Controls of the page, in two columns."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from gantoolkit.demo import drawing, painter
from gantoolkit.demo.page import Page

LARGEST_YAW = 40  # degrees to either side
LARGEST_PITCH = 20
LIFETIME = 3600  # seconds that a visitor's state and files are kept
EXAMPLES_HEAD = (
    '<p class="gt-quiet">Examples: rendered people of the validation set, with their prompts</p>'
)
CHOOSE_RESULT = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("select", { index: Number(button.dataset.index) });
});
"""


@dataclass
class Controls:
    """The left column: what is asked for."""

    run: gr.Dropdown
    seed: gr.Number
    text: gr.Textbox
    words: gr.HTML
    button: gr.Button
    random: gr.Button
    mask: gr.HTML
    scribble: gr.HTML
    file: gr.UploadButton
    step: gr.Slider
    gallery: gr.Gallery


@dataclass
class Results:
    """The right column: what comes out. States are the visitor's own."""

    request: gr.State  # the one that is on show
    history: gr.State  # history.Result, the newest first
    compared: gr.State  # those that were chosen of them
    notice: gr.HTML
    face: gr.HTML
    yaw: gr.Slider
    pitch: gr.Slider
    film_button: gr.Button
    film: gr.HTML
    download: gr.DownloadButton
    strip: gr.HTML
    comparison: gr.HTML
    components: gr.HTML


def add_controls(page: Page) -> Controls:
    """Add the left column, filled with the first example."""
    with gr.Column(elem_id="gt-ask"):
        run, seed, text, words = _add_request(page)
    with gr.Row(elem_id="gt-go"):
        button = gr.Button("Generate", variant="primary", elem_id="gt-generate", min_width=120)
        random = gr.Button("Random seed", elem_id="gt-random", min_width=120)
    with gr.Column(elem_id="gt-draw"):
        mask, scribble, file, step, gallery = _add_drawing(page)
    return Controls(run, seed, text, words, button, random, mask, scribble, file, step, gallery)


def _add_request(page: Page) -> tuple[gr.Dropdown, gr.Number, gr.Textbox, gr.HTML]:
    """Add what is said in words and numbers: (run, seed, prompt, known words)."""
    names = page.models.names()
    with gr.Row():
        run = gr.Dropdown(
            names,
            value=page.first_run,
            label="Run",
            visible=len(names) > 1,
            scale=2,
            min_width=150,
        )
        seed = gr.Number(0, label="Seed", precision=0, min_width=100, elem_id="gt-seed")
    prompt = page.examples[0].text
    text = gr.Textbox(prompt, label="Prompt", max_length=500, elem_id="gt-text")
    words = gr.HTML(page.words(page.first_run), elem_id="gt-words")
    return run, seed, text, words


def _add_drawing(page: Page) -> tuple[gr.HTML, gr.HTML, gr.UploadButton, gr.Slider, gr.Gallery]:
    """Add what is drawn: (mask, scribble, upload, step, examples)."""
    example = page.examples[0]
    pipeline = page.models[page.first_run]
    takes_mask = pipeline.condition == "mask"

    mask = painter.painter("mask", drawing.mask_uri(example.labels), takes_mask)
    scribble = painter.painter("scribble", drawing.scribble_uri(example.scribble), not takes_mask)
    file = gr.UploadButton("Upload a drawing", file_types=["image"])
    step = _step_slider(len(pipeline.encoder.timesteps))
    gr.HTML(EXAMPLES_HEAD)
    gallery = gr.Gallery(
        page.thumbnails(takes_mask),
        show_label=False,
        columns=5,
        height="auto",
        allow_preview=False,
        format="png",
        buttons=[],
        interactive=False,
        elem_id="gt-examples",
    )
    return mask, scribble, file, step, gallery


def _step_slider(steps: int) -> gr.Slider:
    return gr.Slider(
        1,
        steps,
        steps,
        step=1,
        label="Denoising step (early is fast, late follows the drawing)",
        min_width=180,
        elem_id="gt-step",
    )


def add_results(is_3d: bool) -> Results:
    """Add the right column; sliders that turn the head are shown in 3D only."""
    request = gr.State(None, time_to_live=LIFETIME)
    history = gr.State((), time_to_live=LIFETIME)
    compared = gr.State((), time_to_live=LIFETIME)
    with gr.Column(elem_id="gt-show"):
        notice = gr.HTML("", elem_id="gt-notice")
        face = gr.HTML("", elem_id="gt-face", elem_classes="gt-result")
        with gr.Row():
            yaw = _angle_slider("yaw", LARGEST_YAW, "Turn (degrees)", is_3d)
            pitch = _angle_slider("pitch", LARGEST_PITCH, "Nod (degrees)", is_3d)
        with gr.Row():
            film_button = gr.Button(
                "Film around the head", visible=is_3d, min_width=150, elem_id="gt-film-button"
            )
            download = gr.DownloadButton("Download", min_width=110, elem_id="gt-download")
        film = gr.HTML("", elem_id="gt-film", elem_classes="gt-result")
    with gr.Column(elem_id="gt-past"):
        strip = gr.HTML("", js_on_load=CHOOSE_RESULT, elem_id="gt-history")
        comparison = gr.HTML("", elem_id="gt-comparison", elem_classes="gt-result")
    components = gr.HTML("", elem_id="gt-parts", elem_classes="gt-result")
    return Results(
        request,
        history,
        compared,
        notice,
        face,
        yaw,
        pitch,
        film_button,
        film,
        download,
        strip,
        comparison,
        components,
    )


def _angle_slider(name: str, largest: int, label: str, visible: bool) -> gr.Slider:
    return gr.Slider(
        -largest,
        largest,
        0,
        step=1,
        label=label,
        visible=visible,
        min_width=140,
        elem_id=f"gt-{name}",
    )
