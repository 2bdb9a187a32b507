"""The Gradio page: controls, events, and the server that hands it out.

Every event returns a sentence for the notice above the picture; an error changes nothing else.
"""

from __future__ import annotations

import functools
import os
import sys
import traceback
from pathlib import Path

import gradio as gr
import torch

from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.demo import drawing, figures, package, painter
from gantoolkit.demo.examples import examples
from gantoolkit.demo.models import Models
from gantoolkit.demo.studio import Face, Studio, Wish
from gantoolkit.inference.generate import remarks
from gantoolkit.report import pictures

UPLOAD = "8mb"
PORT = 7860
TURN, NOD = 40, 20  # degrees to either side
HEAD = (
    '<div class="gt-head"><h1>Paint a face, say who it is</h1><p>A diffusion model reads the drawing and '
    "the prompt; a bridge turns what it sees into codes of a GAN, which draws the face.</p></div>"
)


def said(event):
    """The event with its errors as a sentence in the last output; the others stay as they are."""

    @functools.wraps(event)
    def wrapped(self, *inputs):
        try:
            return event(self, *inputs)
        except GantoolkitError as error:
            sentence = str(error)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            sentence = f"The server could not do this ({type(error).__name__}); its log says why."
        return *(gr.skip() for _ in range(OUTPUTS[event.__name__] - 1)), figures.notice(
            sentence, "error"
        )

    return wrapped


OUTPUTS = {"generate": 5, "turn": 2, "settle": 3, "choose": 7, "upload": 3}


class Page:
    """Blocks of some runs; `folder` takes the downloads."""

    def __init__(self, models: Models, folder: str | Path):
        self.models, self.studio, self.folder = models, Studio(models), Path(folder)
        self.examples = examples()
        self.first = models.names()[0]
        self.blocks = self.build()

    # -- what events do ------------------------------------------------------------------------------

    def wish(self, run, text, mask, scribble, seed, step) -> Wish:
        """The controls as a Wish; the drawing is the one that the run takes."""
        pipeline = self.models[run]
        uri = mask if pipeline.condition == "mask" else scribble
        if seed is None:
            raise UsageError("The seed must be a whole number; 0 is as good as any.")
        drawn = drawing.read_painting(uri, pipeline.condition, pipeline.resolution)
        return Wish(run, text or "", drawn, int(seed), int(step))

    @said
    def generate(self, run, text, mask, scribble, seed, step, yaw, pitch):
        """A face from the controls → (wish, face, parts, download, notice)."""
        face = self.studio.face(self.wish(run, text, mask, scribble, seed, step))
        return face.wish, *self.shown(face, yaw, pitch), self.report(face)

    def shown(self, face: Face, yaw: float, pitch: float):
        """(face, parts, download) from one camera."""
        w, w_m = self.studio.render(face, yaw, pitch)
        front = self.studio.render(face)[0] if yaw or pitch else w
        source = self.models.sources[face.wish.run]
        packed = package.write(self.folder, source, face, w, w_m, front)
        return figures.face(w, face.wish.text), figures.parts(face, w, w_m, front), str(packed)

    @said
    def turn(self, wish: Wish | None, yaw, pitch):
        """Only the large picture, while a slider moves."""
        if wish is None:
            return gr.skip(), gr.skip()
        return figures.face(
            self.studio.render(self.studio.face(wish), yaw, pitch)[0], wish.text
        ), gr.skip()

    @said
    def settle(self, wish: Wish | None, yaw, pitch):
        """Everything else, once the slider rests."""
        if wish is None:
            return gr.skip(), gr.skip(), gr.skip()
        return *self.shown(self.studio.face(wish), yaw, pitch)[1:], gr.skip()

    @said
    def choose(self, run):
        """Controls that fit a run → (mask, scribble, step, yaw, pitch, examples, notice)."""
        pipeline = self.models[run]
        mask = pipeline.condition == "mask"
        solid = pipeline.generator.is_3d
        steps = len(pipeline.encoder.timesteps)
        return (
            gr.update(visible=mask or "hidden"),
            gr.update(visible="hidden" if mask else True),
            gr.update(maximum=steps, value=steps),
            gr.update(visible=solid),
            gr.update(visible=solid),
            self.thumbnails(mask),
            "",
        )

    @said
    def upload(self, run, path):
        """A user's picture into the painter → (mask, scribble, notice)."""
        kind = self.models[run].condition
        found = drawing.read_upload(path, kind)
        mask, scribble = (found, gr.skip()) if kind == "mask" else (gr.skip(), found)
        return mask, scribble, figures.notice("Your picture is in the painter; press Generate.")

    def pick(self, event: gr.SelectData):
        """An example into the controls → (prompt, mask, scribble, yaw, pitch)."""
        one = self.examples[event.index]
        return one.text, drawing.mask_uri(one.labels), drawing.scribble_uri(one.scribble), 0, 0

    def thumbnails(self, mask: bool) -> list:
        """The drawings of the examples, in the kind that a run takes."""
        return [
            pictures.mask_picture(torch.from_numpy(one.labels))
            if mask
            else pictures.scribble_picture(torch.from_numpy(one.scribble))
            for one in self.examples
        ]

    def report(self, face: Face) -> str:
        """What was done, and what the model does not know or read of the prompt."""
        found = remarks(face.wish.text, self.models[face.wish.run].encoder)
        done = (
            f"{face.wish.run} · step {face.wish.step} of {len(face.steps)} (t = {face.t}) · "
            f"{face.seconds:.1f} s"
        )
        return (
            figures.notice(f"{' · '.join([done, *found])}.", "note")
            if found
            else figures.notice(done)
        )

    def warm_up(self) -> None:
        """Load the first run and draw the first example, so that the first visitor does not wait for it."""
        one, pipeline = self.examples[0], self.models[self.first]
        mask, scribble = drawing.mask_uri(one.labels), drawing.scribble_uri(one.scribble)
        self.generate(
            self.first, one.text, mask, scribble, 0, len(pipeline.encoder.timesteps), 0, 0
        )

    # -- how it looks --------------------------------------------------------------------------------

    def build(self) -> gr.Blocks:
        """The page; every visitor has a state of their own, the wish that is on show."""
        with gr.Blocks(
            title="gantoolkit", analytics_enabled=False, delete_cache=(3600, 3600)
        ) as blocks:
            gr.HTML(HEAD)
            with gr.Row():
                with gr.Column(scale=5, min_width=340):
                    self.controls()
                with gr.Column(scale=5, min_width=340):
                    self.results()
            self.wire(blocks)
        return blocks

    def controls(self) -> None:
        """The left column."""
        one, pipeline = self.examples[0], self.models[self.first]
        is_mask, steps = pipeline.condition == "mask", len(pipeline.encoder.timesteps)
        self.run = gr.Dropdown(
            self.models.names(), value=self.first, label="Run", visible=len(self.models.names()) > 1
        )
        self.text = gr.Textbox(one.text, label="Prompt", max_length=500, elem_id="gt-text")
        self.mask = painter.painter("mask", drawing.mask_uri(one.labels), is_mask)
        self.scribble = painter.painter("scribble", drawing.scribble_uri(one.scribble), not is_mask)
        with gr.Row():
            self.step = gr.Slider(
                1,
                steps,
                steps,
                step=1,
                label="Denoising step",
                info="early is fast, late follows the drawing",
                min_width=180,
                elem_id="gt-step",
            )
            self.seed = gr.Number(
                0,
                label="Seed",
                info="another seed, another person",
                precision=0,
                minimum=0,
                min_width=110,
            )
        with gr.Row():
            self.file = gr.UploadButton(
                "Upload a drawing", file_types=["image"], size="lg", min_width=120
            )
            self.button = gr.Button(
                "Generate", variant="primary", elem_id="gt-generate", min_width=120
            )
        gr.HTML(
            '<p class="gt-quiet">Examples: rendered people of the validation set, with their prompts</p>'
        )
        self.gallery = gr.Gallery(
            self.thumbnails(is_mask),
            show_label=False,
            columns=5,
            height="auto",
            allow_preview=False,
            format="png",
            buttons=[],
            interactive=False,
            elem_id="gt-examples",
        )

    def results(self) -> None:
        """The right column."""
        solid = self.models[self.first].generator.is_3d
        self.state = gr.State(None, time_to_live=3600)
        self.notice = gr.HTML("", elem_id="gt-notice")
        self.face = gr.HTML("", elem_id="gt-face", elem_classes="gt-result")
        with gr.Row():
            self.yaw = gr.Slider(
                -TURN,
                TURN,
                0,
                step=1,
                label="Turn the head",
                visible=solid,
                min_width=150,
                info="degrees; 0 is as it was drawn",
                elem_id="gt-yaw",
            )
            self.pitch = gr.Slider(
                -NOD,
                NOD,
                0,
                step=1,
                label="Nod",
                visible=solid,
                min_width=150,
                info="degrees",
                elem_id="gt-pitch",
            )
        self.parts = gr.HTML("", elem_id="gt-parts", elem_classes="gt-result")
        self.download = gr.DownloadButton("Download pictures and manifest", elem_id="gt-download")

    def wire(self, blocks: gr.Blocks) -> None:
        """Which control does what; denoising and turning have queues of their own."""
        inputs = [
            self.run,
            self.text,
            self.mask,
            self.scribble,
            self.seed,
            self.step,
            self.yaw,
            self.pitch,
        ]
        outputs = [self.state, self.face, self.parts, self.download, self.notice]
        slow = dict(concurrency_limit=2, concurrency_id="denoise", show_progress_on=self.face)
        quick = dict(
            concurrency_limit=4,
            concurrency_id="draw",
            show_progress="hidden",
            trigger_mode="always_last",
            api_visibility="private",
        )
        hidden = dict(api_visibility="private")
        again = dict(fn=self.generate, inputs=inputs, outputs=outputs, **slow)
        gr.on([self.button.click, self.text.submit], **again, api_name="generate")
        gr.on([blocks.load, self.step.release], **again, **hidden)
        view = [self.state, self.yaw, self.pitch]
        for slider in (self.yaw, self.pitch):
            turned = slider.input(self.turn, view, [self.face, self.notice], **quick)
            turned.then(self.settle, view, [self.parts, self.download, self.notice], **quick)
        fitted = [
            self.mask,
            self.scribble,
            self.step,
            self.yaw,
            self.pitch,
            self.gallery,
            self.notice,
        ]
        self.run.input(self.choose, self.run, fitted, **slow, **hidden).then(**again, **hidden)
        drawings = [self.mask, self.scribble]
        self.file.upload(self.upload, [self.run, self.file], [*drawings, self.notice], **hidden)
        self.gallery.select(
            self.pick, None, [self.text, self.mask, self.scribble, self.yaw, self.pitch], **hidden
        ).then(**again, **hidden)


def launch(page: Page, host: str = "127.0.0.1", port: int | None = None, wait: bool = False) -> str:
    """Serve the page and return its address; `wait` stays until interrupted."""
    fonts = [
        "system-ui",
        "-apple-system",
        "Segoe UI",
        "Roboto",
        "Noto Sans",
        "sans-serif",
    ]  # none is fetched
    theme = gr.themes.Base(
        primary_hue="teal", neutral_hue="stone", font=fonts, font_mono=["ui-monospace", "monospace"]
    )
    page.blocks.queue(max_size=64)
    os.environ.pop("GRADIO_ALLOWED_PATHS", None)  # it would count even beside an empty list
    try:
        _, address, _ = page.blocks.launch(
            server_name=host,
            server_port=port,
            share=False,
            allowed_paths=[],
            max_file_size=UPLOAD,
            quiet=True,
            prevent_thread_lock=True,
            ssr_mode=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=[],
            theme=theme,
            css=painter.resource("style.css"),
        )
    except OSError as error:
        raise UsageError(
            f"The page cannot be served at {host}:{port or PORT} ({error}); "
            "choose another --port or --host."
        ) from None
    print(f"The demo is at {address} (Ctrl+C ends it).", flush=True)
    if wait:
        page.blocks.block_thread()
    return address
