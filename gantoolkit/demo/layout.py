"""Controls of the page, and which event each of them starts."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from gantoolkit.demo import drawing, painter
from gantoolkit.demo.page import Page

LARGEST_YAW = 40  # degrees to either side
LARGEST_PITCH = 20
LIFETIME = 3600  # seconds that a visitor's state and files are kept
HEAD = (
    '<div class="gt-head"><h1>Paint a face, say who it is</h1><p>A diffusion model reads the '
    "drawing and the prompt; a bridge turns what it sees into codes of a GAN, which draws the "
    "face.</p></div>"
)
EXAMPLES_HEAD = (
    '<p class="gt-quiet">Examples: rendered people of the validation set, with their prompts</p>'
)
PRIVATE = {"api_visibility": "private"}


@dataclass
class Controls:
    """The left column: what is asked for."""

    run: gr.Dropdown
    text: gr.Textbox
    mask: gr.HTML
    scribble: gr.HTML
    step: gr.Slider
    seed: gr.Number
    random: gr.Button
    words: gr.HTML
    file: gr.UploadButton
    button: gr.Button
    gallery: gr.Gallery


@dataclass
class Results:
    """The right column: what comes out."""

    request: gr.State  # the visitor's own, the one that is on show
    notice: gr.HTML
    face: gr.HTML
    yaw: gr.Slider
    pitch: gr.Slider
    film_button: gr.Button
    film: gr.HTML
    components: gr.HTML
    download: gr.DownloadButton


def build(page: Page) -> gr.Blocks:
    """Build the page."""
    cache = (LIFETIME, LIFETIME)
    with gr.Blocks(title="gantoolkit", analytics_enabled=False, delete_cache=cache) as blocks:
        gr.HTML(HEAD)
        with gr.Row():
            with gr.Column(scale=5, min_width=340):
                controls = add_controls(page)
            with gr.Column(scale=5, min_width=340):
                results = add_results(page.models[page.first_run].generator.is_3d)
        wire(page, blocks, controls, results)
    return blocks


def add_controls(page: Page) -> Controls:
    """Add the left column, filled with the first example."""
    example = page.examples[0]
    pipeline = page.models[page.first_run]
    names = page.models.names()
    takes_mask = pipeline.condition == "mask"

    run = gr.Dropdown(names, value=page.first_run, label="Run", visible=len(names) > 1)
    text = gr.Textbox(example.text, label="Prompt", max_length=500, elem_id="gt-text")
    words = gr.HTML(page.words(page.first_run), elem_id="gt-words")
    mask = painter.painter("mask", drawing.mask_uri(example.labels), takes_mask)
    scribble = painter.painter("scribble", drawing.scribble_uri(example.scribble), not takes_mask)
    with gr.Row():
        step = _step_slider(len(pipeline.encoder.timesteps))
        seed = gr.Number(
            0,
            label="Seed",
            info="another seed, another person",
            precision=0,
            minimum=0,
            min_width=110,
        )
        random = gr.Button("Random seed", elem_id="gt-random", min_width=90)
    with gr.Row():
        file = gr.UploadButton("Upload a drawing", file_types=["image"], size="lg", min_width=120)
        button = gr.Button("Generate", variant="primary", elem_id="gt-generate", min_width=120)
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
    return Controls(run, text, mask, scribble, step, seed, random, words, file, button, gallery)


def _step_slider(steps: int) -> gr.Slider:
    return gr.Slider(
        1,
        steps,
        steps,
        step=1,
        label="Denoising step",
        info="early is fast, late follows the drawing",
        min_width=180,
        elem_id="gt-step",
    )


def add_results(is_3d: bool) -> Results:
    """Add the right column; sliders that turn the head are shown in 3D only."""
    request = gr.State(None, time_to_live=LIFETIME)
    notice = gr.HTML("", elem_id="gt-notice")
    face = gr.HTML("", elem_id="gt-face", elem_classes="gt-result")
    with gr.Row():
        yaw = _angle_slider(
            "yaw", LARGEST_YAW, "Turn the head", "degrees; 0 is as it was drawn", is_3d
        )
        pitch = _angle_slider("pitch", LARGEST_PITCH, "Nod", "degrees", is_3d)
    film_button = gr.Button("Film around the head", visible=is_3d, elem_id="gt-film-button")
    film = gr.HTML("", elem_id="gt-film", elem_classes="gt-result")
    components = gr.HTML("", elem_id="gt-parts", elem_classes="gt-result")
    download = gr.DownloadButton("Download pictures and manifest", elem_id="gt-download")
    return Results(request, notice, face, yaw, pitch, film_button, film, components, download)


def _angle_slider(name: str, largest: int, label: str, info: str, visible: bool) -> gr.Slider:
    return gr.Slider(
        -largest,
        largest,
        0,
        step=1,
        label=label,
        info=info,
        visible=visible,
        min_width=150,
        elem_id=f"gt-{name}",
    )


def wire(page: Page, blocks: gr.Blocks, controls: Controls, results: Results) -> None:
    """Connect controls with events; denoising and turning have queues of their own."""
    _wire_generate(page, blocks, controls, results)
    _wire_turning(page, results)

    drawings = [controls.mask, controls.scribble]
    upload_inputs = [controls.run, controls.file]
    controls.file.upload(page.upload, upload_inputs, [*drawings, results.notice], **PRIVATE)


def _wire_generate(page: Page, blocks: gr.Blocks, controls: Controls, results: Results) -> None:
    """Let the button, the prompt, the step, another run and an example draw a face."""
    drawings = [controls.mask, controls.scribble]
    angles = [results.yaw, results.pitch]
    queue = {"concurrency_limit": 2, "concurrency_id": "denoise", "show_progress_on": results.face}
    generate = {
        "fn": page.generate,
        "inputs": [controls.run, controls.text, *drawings, controls.seed, controls.step, *angles],
        "outputs": [
            results.request,
            results.face,
            results.components,
            results.download,
            results.notice,
        ],
        **queue,
    }
    gr.on([controls.button.click, controls.text.submit], **generate, api_name="generate")
    gr.on([blocks.load, controls.step.release], **generate, **PRIVATE)

    fitted = [*drawings, controls.step, *angles, results.film_button]
    fitted += [controls.gallery, results.notice]
    drawn = controls.random.click(page.random_seed, None, controls.seed, **PRIVATE)
    drawn.then(**generate, **PRIVATE)
    controls.run.input(page.words, controls.run, controls.words, **PRIVATE)
    chosen = controls.run.input(page.choose, controls.run, fitted, **queue, **PRIVATE)
    chosen.then(**generate, **PRIVATE)
    picked = controls.gallery.select(
        page.pick, None, [controls.text, *drawings, *angles], **PRIVATE
    )
    picked.then(**generate, **PRIVATE)


def _wire_turning(page: Page, results: Results) -> None:
    """Turn the face while a slider moves, and draw the rest once it rests."""
    queue = {
        "concurrency_limit": 4,
        "concurrency_id": "draw",
        "show_progress": "hidden",
        "trigger_mode": "always_last",
    }
    results.film_button.click(
        page.film, results.request, [results.film, results.notice], **queue, **PRIVATE
    )
    view = [results.request, results.yaw, results.pitch]
    settled = [results.components, results.download, results.notice]
    for slider in (results.yaw, results.pitch):
        turned = slider.input(page.turn, view, [results.face, results.notice], **queue, **PRIVATE)
        turned.then(page.settle, view, settled, **queue, **PRIVATE)
