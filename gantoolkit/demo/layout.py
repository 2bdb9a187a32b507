"""The page, and which event each of its controls starts."""

from __future__ import annotations

import gradio as gr

from gantoolkit.demo.controls import LIFETIME, Controls, Results, add_controls, add_results
from gantoolkit.demo.page import Page

HEAD = (
    '<div class="gt-head"><h1>Paint a face, say who it is</h1><p>A diffusion model reads the '
    "drawing and the prompt; a bridge turns what it sees into codes of a GAN, which draws the "
    "face.</p></div>"
)
DENOISING = {"concurrency_limit": 2, "concurrency_id": "denoise"}
PRIVATE = {"api_visibility": "private"}
SHOW_FACE = "() => document.querySelector('#gt-face').scrollIntoView({block: 'nearest'})"


def build(page: Page) -> gr.Blocks:
    """Build the page. On narrow screens the groups of both columns follow each other."""
    cache = (LIFETIME, LIFETIME)
    with gr.Blocks(title="gantoolkit", analytics_enabled=False, delete_cache=cache) as blocks:
        gr.HTML(HEAD)
        with gr.Row(elem_id="gt-page"):
            with gr.Column(elem_classes="gt-column"):
                controls = add_controls(page)
            with gr.Column(elem_classes="gt-column"):
                results = add_results(page.models[page.first_run].generator.is_3d)
        wire(page, blocks, controls, results)
    return blocks


def wire(page: Page, blocks: gr.Blocks, controls: Controls, results: Results) -> None:
    """Connect controls with events; denoising and turning have queues of their own."""
    _wire_generate(page, blocks, controls, results)
    _wire_turning(page, results)
    _wire_history(page, results)

    drawings = [controls.mask, controls.scribble]
    upload_inputs = [controls.run, controls.file]
    controls.file.upload(page.upload, upload_inputs, [*drawings, results.notice], **PRIVATE)


def _generate_event(page: Page, controls: Controls, results: Results) -> dict:
    """Return the function, inputs and outputs that draw a face."""
    drawings = [controls.mask, controls.scribble]
    settings = [controls.seed, controls.step, results.yaw, results.pitch]
    shown = [results.face, results.components, results.download, results.notice]
    return {
        "fn": page.generate,
        "inputs": [controls.run, controls.text, *drawings, *settings, results.history],
        "outputs": [results.request, results.history, *shown],
        **DENOISING,
        "show_progress_on": results.face,
    }


def _wire_generate(page: Page, blocks: gr.Blocks, controls: Controls, results: Results) -> None:
    """Let the button, the prompt, the step, another run and an example draw a face."""
    drawings = [controls.mask, controls.scribble]
    angles = [results.yaw, results.pitch]
    generate = _generate_event(page, controls, results)
    gr.on([controls.button.click, controls.text.submit], **generate, api_name="generate")
    controls.button.click(None, js=SHOW_FACE, **PRIVATE)
    gr.on([blocks.load, controls.step.release], **generate, **PRIVATE)

    fitted = [*drawings, controls.step, *angles, results.film_button]
    fitted += [controls.gallery, results.notice]
    drawn = controls.random.click(page.random_seed, None, controls.seed, **PRIVATE)
    drawn.then(**generate, **PRIVATE)
    controls.run.input(page.words, controls.run, controls.words, **PRIVATE)
    chosen = controls.run.input(page.choose, controls.run, fitted, **DENOISING, **PRIVATE)
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


def _wire_history(page: Page, results: Results) -> None:
    """Choose results of the strip, and draw the history when it or the choice changes.

    A new result also takes away the film, which shows another face.
    """
    results.history.change(lambda: "", None, results.film, show_progress="hidden", **PRIVATE)
    states = [results.history, results.compared]
    results.strip.select(
        page.compare,
        states,
        [results.compared, results.notice],
        trigger_mode="multiple",  # also of clicks that follow each other quickly
        **PRIVATE,
    )
    gr.on(
        [results.history.change, results.compared.change],
        page.past,
        states,
        [results.strip, results.comparison],
        show_progress="hidden",
        trigger_mode="always_last",
        **PRIVATE,
    )
