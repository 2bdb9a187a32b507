"""From a request (run, prompt, drawing, seed, step) to renders, caching what others may need again.

Features of a denoising run are kept step by step and shared by all runs with the same encoder;
codes and planes are kept per run and step. So a turned head costs one render, another step at most
the steps between, another generator one bridge and one render.
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
from gantoolkit.core.limits import check_seed
from gantoolkit.core.types import Camera, Condition, Features, Latent, Render
from gantoolkit.data.user_inputs import UserInput, make_condition
from gantoolkit.demo.models import Models
from gantoolkit.inference import cameras
from gantoolkit.inference.attention import word_maps
from gantoolkit.pipeline import Pipeline

KEPT_TRACES = 16  # denoising runs
KEPT_FACES = 64
LONGEST_PROMPT = 500  # characters


@dataclass(frozen=True)
class FaceRequest:
    """What a visitor asked for. Raises UsageError for a prompt or a seed beyond the limits."""

    run: str
    text: str
    drawing: np.ndarray  # labels [R,R] uint8, or strokes [R,R] float32 in 0..1
    seed: int = 0
    step: int = 10**6  # from 1 (noise) to the encoder's last

    def __post_init__(self):
        if len(self.text) > LONGEST_PROMPT:
            raise UsageError(
                f"The prompt has {len(self.text)} letters; at most {LONGEST_PROMPT} are read."
            )
        check_seed(self.seed)

    @property
    def is_mask(self) -> bool:
        """Whether the drawing is a label map."""
        return self.drawing.dtype == np.uint8

    @property
    def denoising_key(self) -> tuple[Hashable, ...]:
        """What decides a denoising run of one encoder."""
        content = self.drawing.tobytes() + str(self.drawing.shape).encode()
        return self.text, hashlib.sha256(content).hexdigest(), self.seed


@dataclass(frozen=True)
class Face:
    """Codes and attention of a request, before a camera looks at it."""

    request: FaceRequest
    latent: Latent
    attention: Tensor  # Ā [1,1,h,w]
    words: tuple[tuple[str, Tensor], ...]  # a prompt's words with their maps [h,w]
    t: int
    timesteps: tuple[int, ...]
    camera: Camera | None  # where the drawing was seen from; None in 2D
    planes: tuple[Tensor, Tensor] | None  # of w and w^m, in 3D
    own_picture: Tensor | None  # I^d_0 [1,3,·,·] of the diffusion model, after its last step
    seconds: float


class Trace:
    """One denoising run, advanced only as far as somebody asked."""

    def __init__(self, encoder, condition: Condition, lock: threading.Lock):
        self.timesteps = tuple(encoder.timesteps)
        self.features: list[Features] = []
        self._encoder = encoder
        self._condition = condition
        self._lock = lock
        self._restart()

    def _restart(self) -> None:
        self.features = []
        self._remaining = self._encoder.trace(self._condition, x0=True)

    def at(self, step: int) -> Features:
        """Return the features of the step-th step (from 1); the lock is free between steps."""
        while True:
            with self._lock:
                if len(self.features) >= step:
                    return self.features[step - 1]
                try:
                    self.features.append(next(self._remaining))
                except BaseException:  # memory may have run out: start anew when asked again
                    self._restart()
                    raise


class NewestCache:
    """The newest `size` values, each made once even when several threads ask for it."""

    def __init__(self, size: int):
        self.size = size
        self._entries: OrderedDict[Hashable, list] = OrderedDict()  # key → [lock, value]
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable):
        """Return the value of a key; `make` is called if it is not cached."""
        with self._lock:
            entry = self._entries.setdefault(key, [threading.Lock(), None])
            self._entries.move_to_end(key)
            while len(self._entries) > self.size:
                self._entries.popitem(last=False)
        with entry[0]:
            if entry[1] is None:
                entry[1] = make()
            return entry[1]


class Studio:
    """Everything that the page asks for, without Gradio."""

    def __init__(self, models: Models):
        self.models = models
        self._traces = NewestCache(KEPT_TRACES)
        self._faces = NewestCache(KEPT_FACES)
        self._locks: dict[int, threading.Lock] = {}  # of encoders

    def face(self, request: FaceRequest) -> Face:
        """Return the codes of a request; the second time they are only looked up."""
        pipeline = self.models[request.run]
        last_step = len(pipeline.encoder.timesteps)
        request = replace(request, step=min(max(int(request.step), 1), last_step))
        key = (request.run, request.step, *request.denoising_key)
        return self._faces.get(key, lambda: self._make_face(pipeline, request))

    def condition(self, request: FaceRequest) -> Condition:
        """Return the Condition [1] of a request."""
        drawing = torch.from_numpy(request.drawing)
        path = Path("drawing")
        if request.is_mask:
            user_input = UserInput(path, "drawing", labels=drawing)
        else:
            user_input = UserInput(path, "drawing", scribble=drawing[None])
        return make_condition([user_input], request.text, [request.seed])

    @torch.no_grad()
    def _make_face(self, pipeline: Pipeline, request: FaceRequest) -> Face:
        started = time.perf_counter()
        encoder = pipeline.encoder
        generator = pipeline.generator
        condition = self.condition(request).to(self.models.device)

        lock = self._locks.setdefault(id(encoder), threading.Lock())
        key = (id(encoder), *request.denoising_key)
        trace = self._traces.get(key, lambda: Trace(encoder, condition, lock))
        features = trace.at(request.step)
        latent = pipeline.bridge(features)

        planes = None
        if generator.is_3d:
            planes = tuple(generator.planes(ws) for ws in codes(latent))
        return Face(
            request=request,
            latent=latent,
            attention=word_attention(features),
            words=word_maps(encoder, request.text, features),
            t=int(features.t[0]),
            timesteps=trace.timesteps,
            camera=pipeline.camera_for(condition, generator),
            planes=planes,
            own_picture=features.x0,
            seconds=time.perf_counter() - started,
        )

    @torch.no_grad()
    def render(self, face: Face, yaw: float = 0.0, pitch: float = 0.0) -> tuple[Render, Render]:
        """Render G(w) and G(w^m); in 3D turned by degrees from where the drawing was seen."""
        generator = self.models[face.request.run].generator
        if face.planes is None:
            modulated, mapped = (
                generator.render(ws, deterministic=True) for ws in codes(face.latent)
            )
            return modulated, mapped
        camera = turned(face.camera, yaw, pitch, frame_of(generator))
        modulated, mapped = (
            generator.render_planes(planes, ws, camera, deterministic=True)
            for planes, ws in zip(face.planes, codes(face.latent))
        )
        return modulated, mapped

    @torch.no_grad()
    def film(self, face: Face, path: Path, frames: int) -> Path:
        """Write a film around a 3D face."""
        generator = self.models[face.request.run].generator
        if face.camera is None:
            raise UsageError(f"The run '{face.request.run}' draws flat pictures; choose a 3D run.")
        return cameras.save_turntable(generator, face.latent.ws, face.camera, path, frames)


def codes(latent: Latent) -> tuple[Tensor, Tensor]:
    """Return w and w^m [1,L,w_dim]."""
    return latent.ws, latent.ws if latent.w_m is None else latent.w_m


def turned(camera: Camera, yaw: float, pitch: float, frame: Frame = Frame()) -> Camera:
    """Turn a camera [1] by degrees on the sphere of the generator's frame; (0, 0) is itself."""
    if not yaw and not pitch:
        return camera
    from gantoolkit.data.pose import angles

    label_yaw, label_pitch = angles(camera.label.cpu())
    moved = frame.camera(label_yaw + np.deg2rad(yaw), label_pitch + np.deg2rad(pitch))
    return Camera(moved.cam2world, camera.intrinsics.cpu()).to(camera.cam2world.device)
