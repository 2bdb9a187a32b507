"""The Gradio page: what its events do. Its controls stand in layout.py.

Every event returns a sentence for the notice above the picture; an error changes nothing else.
"""

from __future__ import annotations

import functools
import secrets
import sys
import traceback
from pathlib import Path

import gradio as gr
import numpy as np
import torch

from gantoolkit.core.errors import GantoolkitError, UsageError
from gantoolkit.core.limits import MAX_SEED
from gantoolkit.core.types import Render
from gantoolkit.demo import drawing, figures, history, package
from gantoolkit.demo.examples import examples
from gantoolkit.demo.models import Models
from gantoolkit.demo.studio import Face, FaceRequest, Studio
from gantoolkit.inference.prompt_check import check_prompt, known_words
from gantoolkit.report import pictures

OUTPUT_COUNTS = {
    "generate": 6,
    "turn": 2,
    "settle": 3,
    "choose": 8,
    "upload": 3,
    "film": 2,
    "compare": 2,
}
FILM_FRAMES = 24


def errors_as_notice(event):
    """Turn an event's errors into a sentence in its last output; the other outputs stay."""

    @functools.wraps(event)
    def guarded(self, *inputs):
        try:
            return event(self, *inputs)
        except GantoolkitError as error:
            sentence = str(error)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            sentence = f"The server could not do this ({type(error).__name__}); its log says why."
        unchanged = [gr.skip()] * (OUTPUT_COUNTS[event.__name__] - 1)
        return *unchanged, figures.notice(sentence, "error")

    return guarded


class Page:
    """The events of a page of some models; `folder` takes the downloads."""

    def __init__(self, models: Models, folder: str | Path):
        self.models = models
        self.studio = Studio(models)
        self.folder = Path(folder)
        self.examples = examples()
        self.first_run = models.names()[0]

    def request(self, run, text, mask, scribble, seed, step) -> FaceRequest:
        """Read the controls; of the drawings the one counts that the run takes."""
        pipeline = self.models[run]
        if seed is None:
            raise UsageError("The seed must be a whole number; 0 is as good as any.")
        uri = mask if pipeline.condition == "mask" else scribble
        painting = drawing.read_painting(uri, pipeline.condition, pipeline.resolution)
        return FaceRequest(run, text or "", painting, int(seed), int(step))

    @errors_as_notice
    def generate(self, run, text, mask, scribble, seed, step, yaw, pitch, results=()):
        """Draw a face: (request, results, face, components, download, notice)."""
        face = self.studio.face(self.request(run, text, mask, scribble, seed, step))
        modulated, *shown = self.show(face, yaw, pitch)
        newest = history.result(face.request, modulated)
        return face.request, history.add(results, newest), *shown, self.report(face)

    def show(self, face: Face, yaw: float, pitch: float) -> tuple[Render, str, str, str]:
        """Render a face from one camera: (G(w), face, components, download)."""
        modulated, mapped = self.studio.render(face, yaw, pitch)
        is_turned = bool(yaw or pitch)
        front = self.studio.render(face)[0] if is_turned else modulated
        source = self.models.sources[face.request.run]
        download = package.write(self.folder, source, face, modulated, mapped, front)
        return (
            modulated,
            figures.face(modulated, face.request.text),
            figures.components(face, modulated, mapped, front),
            str(download),
        )

    @errors_as_notice
    def turn(self, request: FaceRequest | None, yaw, pitch):
        """Draw the large picture only, while a slider moves: (face, notice)."""
        if request is None:
            return gr.skip(), gr.skip()
        modulated, _ = self.studio.render(self.studio.face(request), yaw, pitch)
        return figures.face(modulated, request.text), gr.skip()

    @errors_as_notice
    def settle(self, request: FaceRequest | None, yaw, pitch):
        """Draw everything else once the slider rests: (components, download, notice)."""
        if request is None:
            return gr.skip(), gr.skip(), gr.skip()
        *_, components, download = self.show(self.studio.face(request), yaw, pitch)
        return components, download, gr.skip()

    @errors_as_notice
    def film(self, request: FaceRequest | None):
        """Draw a film around the face on show: (film, notice)."""
        if request is None:
            return gr.skip(), gr.skip()
        path = self.folder / f"film-{secrets.token_hex(16)}.gif"
        try:
            self.studio.film(self.studio.face(request), path, FILM_FRAMES)
            return figures.film(path), gr.skip()
        finally:
            path.unlink(missing_ok=True)

    @errors_as_notice
    def compare(self, results, compared, event: gr.EventData):
        """Choose a result of the history, or let go of it: (compared, notice)."""
        return history.choose(results, compared, event.index), gr.skip()

    def past(self, results, compared) -> tuple[str, str]:
        """Draw the history: (strip, comparison)."""
        return history.strip(results, compared), history.comparison(compared)

    @errors_as_notice
    def choose(self, run):
        """Fit the controls to a run: (…, step, yaw, pitch, film's button, examples, notice)."""
        pipeline = self.models[run]
        takes_mask = pipeline.condition == "mask"
        is_3d = pipeline.generator.is_3d
        steps = len(pipeline.encoder.timesteps)
        return (
            gr.update(visible=takes_mask or "hidden"),
            gr.update(visible="hidden" if takes_mask else True),
            gr.update(maximum=steps, value=steps),
            gr.update(visible=is_3d),
            gr.update(visible=is_3d),
            gr.update(visible=is_3d),
            self.thumbnails(takes_mask),
            "",
        )

    @errors_as_notice
    def upload(self, run, path):
        """Put a user's picture into the painter: (mask, scribble, notice)."""
        condition = self.models[run].condition
        notes: list[str] = []
        uri = drawing.read_upload(path, condition, notes.append)
        kind = "note" if notes else "good"
        sentences = ["Your picture is in the painter; press Generate.", *notes]
        notice = figures.notice(" ".join(sentences), kind)
        if condition == "mask":
            return uri, gr.skip(), notice
        return gr.skip(), uri, notice

    def pick(self, event: gr.SelectData):
        """Put an example into the controls: (prompt, mask, scribble, yaw, pitch)."""
        example = self.examples[event.index]
        mask = drawing.mask_uri(example.labels)
        scribble = drawing.scribble_uri(example.scribble)
        return example.text, mask, scribble, 0, 0

    def random_seed(self) -> int:
        """Draw a seed."""
        return secrets.randbelow(MAX_SEED + 1)

    def words(self, run: str) -> str:
        """List the words that a run's text model learned; "" where they are not listed."""
        return figures.words(sorted(known_words(self.models[run].encoder)))

    def thumbnails(self, takes_mask: bool) -> list[np.ndarray]:
        """Draw the examples' conditions, of the kind that a run takes."""
        if takes_mask:
            labels = [torch.from_numpy(example.labels) for example in self.examples]
            return [pictures.mask_picture(one) for one in labels]
        scribbles = [torch.from_numpy(example.scribble) for example in self.examples]
        return [pictures.scribble_picture(one) for one in scribbles]

    def report(self, face: Face) -> str:
        """Say what was done, and what of the prompt the model does not know or read."""
        request = face.request
        done = (
            f"{request.run} · step {request.step} of {len(face.timesteps)} (t = {face.t}) · "
            f"{face.seconds:.1f} s"
        )
        prompt_remarks = check_prompt(request.text, self.models[request.run].encoder)
        if not prompt_remarks:
            return figures.notice(done)
        return figures.notice(f"{' · '.join([done, *prompt_remarks])}.", "note")

    def warm_up(self) -> None:
        """Load the first run and draw the first example, so that no visitor waits for it."""
        example = self.examples[0]
        mask = drawing.mask_uri(example.labels)
        scribble = drawing.scribble_uri(example.scribble)
        last_step = len(self.models[self.first_run].encoder.timesteps)
        self.generate(self.first_run, example.text, mask, scribble, 0, last_step, 0, 0)
