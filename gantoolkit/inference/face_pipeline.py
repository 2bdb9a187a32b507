"""The pipeline that people call: prompts and pictures in, faces out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch

from gantoolkit.core.camera import frame_of
from gantoolkit.core.errors import UsageError, warn_once
from gantoolkit.core.limits import check_option, check_sampling, check_whole
from gantoolkit.core.stages import Bridge, Encoder, Generator
from gantoolkit.core.types import Camera, Condition, Latent, Render
from gantoolkit.data.user_inputs import check_kinds, condition_kinds, read_condition
from gantoolkit.inference.cameras import estimate_camera
from gantoolkit.inference.faces import Faces, concatenate
from gantoolkit.inference.prompt_check import check_prompt, known_words
from gantoolkit.pipeline import Pipeline

CAMERA_NAMES = ("frontal", "estimate")
Progress = Callable[[str, int, int], Any]  # (what, done, total), as core.progress.Progress


class FacePipeline:
    """Encoder, bridge and generator, called with a prompt and a mask or a scribble.

    `.pipeline` is the method itself (`gantoolkit.pipeline.Pipeline`), from Condition to Render;
    `.resolution` the number of pixels per side of the images; `.condition` what it takes: 'mask',
    'scribble' or 'both'.

    >>> from gantoolkit import load_pipeline
    >>> pipeline = load_pipeline("stylegan2-mask", steps=2)
    >>> faces = pipeline(["a man with a beard", "a woman"], mask="old-man", seed=3)
    >>> len(faces), faces[0].image.size == (pipeline.resolution,) * 2
    (2, True)
    >>> len(pipeline.interpolate(faces[0], faces[1], 5).images)
    5
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    @property
    def encoder(self) -> Encoder:
        return self.pipeline.encoder

    @property
    def bridge(self) -> Bridge:
        return self.pipeline.bridge

    @property
    def generator(self) -> Generator:
        return self.pipeline.generator

    @property
    def condition(self) -> str:
        return self.pipeline.condition

    @property
    def resolution(self) -> int:
        return self.pipeline.resolution

    @property
    def words(self) -> list[str]:
        """The words that the text model learned; none where they are not listed."""
        return sorted(known_words(self.encoder))

    @property
    def device(self) -> torch.device:
        return self.generator.mean_w.device

    def to(self, device: str | torch.device) -> Self:
        """Move everything to another device."""
        self.pipeline.to(device)
        return self

    def __call__(
        self,
        text: str | Sequence[str] | Condition = "",
        mask: Any = None,
        scribble: Any = None,
        seed: int | Sequence[int] = 0,
        camera: Camera | str | None = None,
        t_out: int = 0,
        aggregate: str = "last",
        labels: str = "celebamask",
        batch: int = 8,
        progress: Progress | None = None,
    ) -> Faces:
        """Draw a face for each prompt, mask, scribble and seed; what is single counts for all.

        text            prompts, or a whole Condition
        mask, scribble  as `read_condition` takes them: files, examples, PIL images, arrays, tensors
        camera          where 3D faces are seen from: a Camera of 1 or B views, 'frontal', or
                        'estimate' (default: fitted to the mask; without one, frontal)
        t_out           the denoising time 999..0 to stop at; 0 runs to the end
        aggregate       'last', or 'mean': the average of the codes over the steps
        labels          order of a mask's label numbers
        batch           faces at a time
        progress        called with (what, steps done, steps in all)

        UsageError for other values, DataError for pictures that cannot be read.
        """
        check_sampling(t_out, aggregate)
        check_whole("batch", batch, 1)
        condition = self._read(text, mask, scribble, seed, labels).to(self.device)
        for prompt in dict.fromkeys(condition.text):
            for remark in check_prompt(prompt, self.encoder):
                warn_once(f"{remark}.")
        latent = self._latent(condition, t_out, aggregate, batch, progress)
        render = self._render(latent, self._camera(camera, condition), batch)
        return Faces(latent, render, self.generator, condition)

    def render(self, latent: Latent, camera: Camera | None = None) -> Faces:
        """Render codes [B] from `camera` [1 or B]; by default straight ahead."""
        return Faces(latent, self._render(latent, camera), self.generator)

    def interpolate(
        self, a: Latent | Faces, b: Latent | Faces, n: int, camera: Camera | None = None
    ) -> Faces:
        """Render n faces on the straight line in W from one code to another, both included."""
        first, last = (self._codes(end) for end in (a, b))
        weights = torch.linspace(0, 1, check_whole("n", n, 2), device=first.ws.device)
        if camera is None and isinstance(a, Faces):
            camera = a.camera
        return self.render(Latent(torch.lerp(first.ws, last.ws, weights.view(-1, 1, 1))), camera)

    def _codes(self, end: Latent | Faces) -> Latent:
        latent = end.latent if isinstance(end, Faces) else end
        if len(latent) != 1:
            raise UsageError(
                f"interpolate goes from a single face to another, and one end has {len(latent)}; "
                "take one, as in faces[0]."
            )
        return latent

    def _read(self, text: Any, mask: Any, scribble: Any, seed: Any, labels: str) -> Condition:
        if isinstance(text, Condition):
            values = {kind: getattr(text, kind) for kind in condition_kinds(self.condition)}
        else:
            values = {"mask": mask, "scribble": scribble}
        given = [kind for kind, value in values.items() if value is not None]
        check_kinds(self.condition, given, "This pipeline", "{}=")
        if isinstance(text, Condition):
            return text
        return read_condition(text, mask, scribble, self.resolution, seed, labels)

    def _latent(
        self,
        condition: Condition,
        t_out: int,
        aggregate: str,
        batch: int,
        progress: Progress | None,
    ) -> Latent:
        """Compute the codes, `batch` faces at a time."""
        starts = range(0, len(condition), batch)
        steps = self.encoder.shapes.steps
        per_batch = next((i for i, t in enumerate(steps, 1) if t <= t_out), len(steps))
        done = 0

        def on_step() -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress("denoising", done, per_batch * len(starts))

        latents = []
        for start in starts:
            part = condition[start : start + batch]
            latents.append(self.pipeline.latent(part, t_out, aggregate, on_step=on_step))
        return concatenate(latents)

    def _camera(self, camera: Camera | str | None, condition: Condition) -> Camera | None:
        """The camera of `camera` as the caller gives it."""
        if isinstance(camera, str):
            check_option("camera", camera, CAMERA_NAMES)
            if camera == "frontal":
                return self._check_3d(frame_of(self.generator).facing())
            blind = Condition(condition.text, condition.mask)
            return self._check_3d(estimate_camera(blind, self.generator))
        if camera is not None:
            return self._check_3d(camera)
        return self.pipeline.camera_for(condition, self.generator)

    def _check_3d(self, camera: Camera | None) -> Camera | None:
        if not self.generator.is_3d:
            raise UsageError(
                f"camera: {type(self.generator).__name__} draws flat pictures; leave it out, or "
                "use a run with a 3D generator such as configs/absm_eg3d.py."
            )
        return camera

    @torch.no_grad()
    def _render(self, latent: Latent, camera: Camera | None, batch: int = 8) -> Render:
        """Render codes, `batch` at a time, without randomness."""
        if not self.generator.is_3d:
            camera = None
        elif camera is None:
            camera = frame_of(self.generator).facing()
        if camera is not None:
            camera = _one_per_face(camera.to(latent.ws.device), len(latent))
        renders = []
        for start in range(0, len(latent), batch):
            part = slice(start, start + batch)
            view = camera[part] if camera is not None else None
            renders.append(self.pipeline.render(latent[part], view))
        return concatenate(renders)


def _one_per_face(camera: Camera, count: int) -> Camera:
    if len(camera) == count:
        return camera
    if len(camera) != 1:
        raise UsageError(f"camera holds {len(camera)} views for {count} faces; give 1 or {count}.")
    return camera[[0] * count]
