"""A small fake pipeline for the tests of `generate`: generators of greys, and its options."""

from __future__ import annotations

import json
from types import SimpleNamespace

import torch

from gantoolkit.core.types import Latent, Render
from gantoolkit.inference.options import GenerateOptions


class Flat:
    """A 2D generator: one grey per code."""

    is_3d = False

    def render(self, ws, camera=None, **_):
        return Render(ws.mean((1, 2))[:, None, None, None].expand(-1, 3, 8, 8))


class Solid:
    """A 3D generator: red and green show where the camera stands, and the density is a ball."""

    is_3d, box_warp = True, 1.0

    def planes(self, ws, noise="const"):
        return ws[:, None, :, :, None]

    def query(self, planes, points):
        return points.clamp(0, 1), 10 + 50 * (0.3 - points.norm(dim=-1, keepdim=True))

    def render_planes(self, planes, ws, camera, deterministic=False):
        assert deterministic and len(planes) == len(ws) == len(camera)
        image = torch.zeros(len(ws), 3, 8, 8)
        image[:, :2] = camera.cam2world[:, :2, 3, None, None]
        return Render(image, depth=torch.full((len(ws), 1, 4, 4), 2.0), camera=camera)


class Pipeline:
    condition, resolution = "mask", 16

    def __init__(self, generator):
        self.generator, self.encoder, self.calls = generator, SimpleNamespace(), []

    def to(self, device):
        return self

    def latent(self, condition, t_out=0, aggregate="last"):
        self.calls.append((len(condition), t_out))
        grey = condition.seed.float() / 100 + condition.mask[:, 1].mean((1, 2))
        return Latent(grey[:, None, None].expand(-1, 4, 8))


def options(masks, tmp_path, **more) -> GenerateOptions:
    return GenerateOptions(text="", mask=str(masks), out=str(tmp_path / "out"), **more)


def lend(monkeypatch, load) -> None:
    """Let the verb draw with load(source, generator)."""
    monkeypatch.setattr(
        "gantoolkit.inference.load.load_with_specs",
        lambda source, generator, **_: (load(source, generator), {}),
    )
    monkeypatch.setattr("gantoolkit.inference.load.needed_networks", lambda *_: {})
    monkeypatch.setattr(
        "gantoolkit.inference.bridge_files.read_specs", lambda source: {"condition": "mask"}
    )
    monkeypatch.setattr(
        "gantoolkit.inference.bridge_files.pipeline_checksums",
        lambda name, specs: {"bridge": "0" * 64},
    )


def manifest(tmp_path) -> list[dict]:
    return [
        json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    ]
