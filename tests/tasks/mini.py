"""Stand-ins that make the task `bridge` run in a second: `python mini.py OUT DATA [key=value]`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a checkout need not be installed

import torch
from torch import nn

from gantoolkit import weights
from gantoolkit.core.types import Features, FeatureShapes, Latent
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.networks.arcface import ArcFace
from gantoolkit.registry.registry import REGISTRIES


class FakeEncoder(nn.Module):
    """Closed forms in place of a diffusion model; counts its evaluations."""

    def __init__(self, steps: int = 4, guidance: float = 3.0):
        super().__init__()
        self.timesteps = tuple(range(900, 0, -900 // steps))[:steps]
        self.shapes = FeatureShapes((8, 2, 2), ((6, 4, 4),), 5)
        self.guidance = guidance
        self.trajectories = 0

    def trajectory(self, condition):
        self.trajectories += len(condition)
        streams = [torch.Generator().manual_seed(int(seed)) for seed in condition.seed]
        noise = torch.stack([torch.randn(4, 8, 8, generator=stream) for stream in streams])
        text_length = torch.tensor([float(len(text)) for text in condition.text])
        image = nn.functional.adaptive_avg_pool2d(_visual_condition(condition), 8)
        signal = image[:, :4] + text_length.view(-1, 1, 1, 1) / 100
        z = torch.stack([noise * t / 1000 + signal for t in self.timesteps], 1)
        return z, self.denoise(z[:, -1], condition)

    def denoise(self, z, condition):
        size = _visual_condition(condition).shape[-2:]
        return (nn.functional.interpolate(z[:, :3], size=size) / 4).clamp(-1, 1)

    def features(self, latents, t, condition, only_h=False):
        pooled = nn.functional.adaptive_avg_pool2d(latents, 2)
        h = torch.cat([pooled, pooled * t.view(-1, 1, 1, 1) / 1000], 1)
        f = nn.functional.adaptive_avg_pool2d(torch.cat([latents, latents[:, :2]], 1), 4)
        prob = torch.full((len(t), 5, 4, 4), 0.2)
        return Features(h, (f,), (f,), (prob,), torch.ones(len(t), 5, dtype=torch.bool), t, latents)

    def trace(self, condition, steps=None, source="trajectory", x0=True, image=None):
        z, last_x0 = self.trajectory(condition)
        if source == "gt_noised":
            z = z + image.mean()
        for step, t in enumerate(self.timesteps):
            features = self.features(z[:, step], torch.full((len(condition),), t), condition)
            own_x0 = last_x0 if t == self.timesteps[-1] else None
            if source == "gt_noised":
                own_x0 = self.denoise(z[:, step], condition)
            yield replace(features, latents=z[:, step], x0=own_x0 if x0 else None)


def _visual_condition(condition):
    if condition.mask is not None:
        return condition.mask
    return condition.scribble.expand(-1, 4, -1, -1)


class FakeBridge(nn.Module):
    """w^m from the mean of h, then a scale and a shift from the mean of f."""

    def __init__(
        self, feature_shapes: FeatureShapes, num_ws: int, w_dim: int, mean_w, hidden: int = 16
    ):
        super().__init__()
        self.shape = (num_ws, w_dim)
        self.register_buffer("mean_w", mean_w)
        self.m = nn.Sequential(
            nn.Linear(feature_shapes.h[0], hidden), nn.Tanh(), nn.Linear(hidden, num_ws * w_dim)
        )
        self.t = nn.Linear(feature_shapes.f[0][0], 2 * num_ws * w_dim)
        nn.init.zeros_(self.t.weight), nn.init.zeros_(self.t.bias)

    def mapping_parameters(self):
        return self.m.parameters()

    def modulation_parameters(self):
        return self.t.parameters()

    def forward(self, features, mapping_only=False):
        w_m = self.m(features.h.mean((2, 3))).view(-1, *self.shape) + self.mean_w
        if mapping_only:
            return Latent(w_m, w_m)
        gamma, beta = self.t(features.f[0].mean((2, 3))).view(-1, 2, *self.shape).unbind(1)
        return Latent(w_m * (1 + gamma) + beta, w_m, 1 + gamma, beta)


REGISTRIES["encoder"].register_module("FakeEncoder", module=FakeEncoder)
REGISTRIES["bridge"].register_module("FakeBridge", module=FakeBridge)


def write_networks(folder: Path) -> None:
    """A tiny random StyleGAN2 and ArcFace as weights files."""
    torch.manual_seed(5)
    kwargs = dict(z_dim=16, w_dim=16, resolution=32, channels=[8, 8, 8, 8], mapping_layers=2)
    generator = StyleGAN2(**kwargs)
    generator.mapping.w_avg.copy_(generator.mapping(torch.randn(64, 16)).mean((0, 1)).detach())
    weights.save(
        folder / "generator.safetensors", generator.state_dict(), dict(type="StyleGAN2", **kwargs)
    )
    face = ArcFace(32, ((8, 1), (8, 1)), 16)
    weights.save(folder / "arcface.safetensors", face.state_dict(), face.arch)


def config(folder: Path, data: Path, **keys) -> dict:
    """A config of the task `bridge`; `schedule` keys are merged."""
    if not (folder / "generator.safetensors").exists():
        write_networks(folder)
    losses = dict(
        l2=dict(type="L2"),
        identity=dict(type="Identity", network=str(folder / "arcface.safetensors")),
        code=dict(type="LatentNorm"),
    )
    schedule = dict(iterations=12, batch=4, log_every=1, save_every=4) | keys.pop("schedule", {})
    base = dict(
        task="bridge",
        name="mini",
        seed=1,
        device="cpu",
        report=False,
        metrics={},
        data=dict(train=str(data), val=str(data), val_limit=6),
        encoder=dict(type="FakeEncoder"),
        bridge=dict(type="FakeBridge"),
        generator=str(folder / "generator.safetensors"),
        losses=losses,
        cache=dict(folder=str(folder / "cache")),
        sampling=dict(batch=8),
        lr=1e-2,
    )
    return base | keys | dict(schedule=schedule)


def make(folder: Path, data: Path, **keys):
    """The task of `config`, planned for 12 iterations, its caches filled."""
    from gantoolkit.training.runner import build_task

    task = build_task(config(folder, data, **keys), torch.device("cpu"), 1)
    task.plan(12)
    task.prepare(folder, lambda *_: None)
    return task


def losses(folder: Path) -> list[dict]:
    """The lines of losses.jsonl."""
    return [json.loads(line) for line in (folder / "losses.jsonl").read_text().splitlines()]


if __name__ == "__main__":
    import ast

    from gantoolkit.training.runner import run

    out, data, *rest = sys.argv[1:]
    keys = {k: ast.literal_eval(v) for k, _, v in (a.partition("=") for a in rest if "=" in a)}
    run(config(Path(out).parent, Path(data), **keys), out, resume="--resume" in rest)
