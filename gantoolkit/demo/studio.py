"""From a wish (run, prompt, drawing, seed, step) to pictures, keeping what another wish may need again.

Features of a denoising run are kept step by step and shared by all runs with the same encoder; codes and
planes are kept per run and step. So a turned head costs one render, another step at most the steps between,
another generator one bridge and one render.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantoolkit.bridges.attention import word_attention
from gantoolkit.core.camera import Frame, frame_of
from gantoolkit.core.errors import UsageError
from gantoolkit.core.types import Camera, Condition, Features, Latent, Render
from gantoolkit.data.user_inputs import UserInput, make_condition
from gantoolkit.demo.models import Models
from gantoolkit.inference.attention import words

TRACES, FACES = 16, 64  # denoising runs and faces that are kept
LONGEST_PROMPT, LARGEST_SEED = 500, 2**31 - 1


@dataclass(frozen=True)
class Wish:
    """What a visitor asked for; `step` counts from 1 (noise) to the encoder's last."""

    run: str
    text: str
    drawing: np.ndarray  # labels [R,R] uint8, or strokes [R,R] float32 in 0..1
    seed: int = 0
    step: int = 10**6

    def __post_init__(self):
        if len(self.text) > LONGEST_PROMPT:
            raise UsageError(
                f"The prompt has {len(self.text)} letters; at most {LONGEST_PROMPT} are read."
            )
        if not 0 <= self.seed <= LARGEST_SEED:
            raise UsageError(f"The seed must lie between 0 and {LARGEST_SEED}, not {self.seed}.")

    @property
    def key(self) -> tuple[Hashable, ...]:
        digest = hashlib.sha256(
            self.drawing.tobytes() + str(self.drawing.shape).encode()
        ).hexdigest()
        return self.text, digest, self.seed


@dataclass(frozen=True)
class Face:
    """Codes and attention of a wish, before a camera looks at it."""

    wish: Wish
    latent: Latent
    attention: Tensor  # Ā [1,1,h,w]
    words: tuple[tuple[str, Tensor], ...]  # a prompt's words with their maps [h,w]
    t: int
    steps: tuple[int, ...]
    base: Camera | None  # where the drawing was seen from; None in 2D
    planes: tuple[Tensor, Tensor] | None  # of w and w^m, in 3D
    seconds: float


class Trace:
    """One denoising run, advanced only as far as somebody asked."""

    def __init__(self, encoder, asked: Condition, lock: threading.Lock):
        self.steps, self.lock = tuple(encoder.timesteps), lock
        self.found: list[Features] = []
        self._encoder, self._asked, self._more = encoder, asked, encoder.trace(asked, x0=False)

    def at(self, step: int) -> Features:
        """Features of the step-th step (from 1); the lock is free between steps, for others."""
        while True:
            with self.lock:
                if len(self.found) >= step:
                    return self.found[step - 1]
                try:
                    self.found.append(next(self._more))
                except (
                    BaseException
                ):  # memory may have run out: begin anew when somebody asks again
                    self.found, self._more = [], self._encoder.trace(self._asked, x0=False)
                    raise


class Kept:
    """The newest `size` values, each made once even when several threads ask for it."""

    def __init__(self, size: int):
        self.size, self._values, self._lock = size, OrderedDict(), threading.Lock()

    def get(self, key: Hashable, make: Callable):
        with self._lock:
            lock = self._values.setdefault(key, [threading.Lock(), None])
            self._values.move_to_end(key)
            while len(self._values) > self.size:
                self._values.popitem(last=False)
        with lock[0]:
            if lock[1] is None:
                lock[1] = make()
            return lock[1]


class Studio:
    """Everything that the page asks for; it knows nothing of Gradio."""

    def __init__(self, models: Models):
        self.models = models
        self._traces, self._faces = Kept(TRACES), Kept(FACES)
        self._locks: dict[int, threading.Lock] = {}

    def face(self, wish: Wish) -> Face:
        """Codes of a wish; the second time they are only looked up."""
        pipeline = self.models[wish.run]
        wish = replace(wish, step=min(max(int(wish.step), 1), len(pipeline.encoder.timesteps)))
        return self._faces.get((wish.run, wish.step, *wish.key), lambda: self._make(pipeline, wish))

    def asked(self, wish: Wish) -> Condition:
        """The Condition [1] of a wish."""
        drawing, path = torch.from_numpy(wish.drawing), Path("drawing")
        one = (
            UserInput(path, "drawing", labels=drawing)
            if wish.drawing.dtype == np.uint8
            else UserInput(path, "drawing", scribble=drawing[None])
        )
        return make_condition([one], wish.text, [wish.seed])

    @torch.no_grad()
    def _make(self, pipeline, wish: Wish) -> Face:
        started, asked = time.perf_counter(), self.asked(wish).to(self.models.device)
        encoder = pipeline.encoder
        lock = self._locks.setdefault(id(encoder), threading.Lock())
        trace = self._traces.get((id(encoder), *wish.key), lambda: Trace(encoder, asked, lock))
        features = trace.at(wish.step)
        latent = pipeline.bridge(features)
        planes, base = None, pipeline.camera_for(asked, pipeline.generator)
        if pipeline.generator.is_3d:
            planes = tuple(pipeline.generator.planes(ws) for ws in codes(latent))
        return Face(
            wish,
            latent,
            word_attention(features),
            words(encoder, wish.text, features),
            int(features.t[0]),
            trace.steps,
            base,
            planes,
            time.perf_counter() - started,
        )

    def render(self, face: Face, yaw: float = 0.0, pitch: float = 0.0) -> tuple[Render, Render]:
        """G(w) and G(w^m); in 3D turned by degrees from where the drawing was seen."""
        pipeline = self.models[face.wish.run]
        if face.planes is None:
            with torch.no_grad():
                w, w_m = (
                    pipeline.generator.render(ws, deterministic=True) for ws in codes(face.latent)
                )
            return w, w_m
        camera = turned(face.base, yaw, pitch, frame_of(pipeline.generator))
        with torch.no_grad():
            w, w_m = (
                pipeline.generator.render_planes(planes, ws, camera, deterministic=True)
                for planes, ws in zip(face.planes, codes(face.latent))
            )
        return w, w_m


def codes(latent: Latent) -> tuple[Tensor, Tensor]:
    """w and w^m [1,L,w_dim]."""
    return latent.ws, latent.ws if latent.w_m is None else latent.w_m


def turned(base: Camera, yaw: float, pitch: float, frame: Frame = Frame()) -> Camera:
    """The base camera [1] turned by degrees on the sphere of the generator's frame; (0, 0) is the base itself."""
    if not yaw and not pitch:
        return base
    from gantoolkit.data.pose import angles

    at = angles(base.label.cpu())
    camera = frame.camera(at[0] + np.deg2rad(yaw), at[1] + np.deg2rad(pitch))
    return Camera(camera.cam2world, base.intrinsics.cpu()).to(base.cam2world.device)
