"""Two trained-looking runs of small random networks: what the demo offers in tests."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from gantoolkit import weights
from gantoolkit.core.types import Features, FeatureShapes, Latent
from gantoolkit.generators.eg3d import EG3D
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.inference import bridge_files
from gantoolkit.registry.registry import REGISTRIES


class StepEncoder(nn.Module):
    """Closed forms in place of a diffusion model; counts the steps that it made."""

    made, timesteps, guidance = 0, (900, 600, 300), 1.0
    shapes = FeatureShapes((4, 2, 2), ((4, 4, 4),), 3)

    def features(self, z, t, condition):
        raise NotImplementedError  # these runs are not trained

    trajectory = features

    def trace(self, condition, x0=True, **_):
        seen = condition.mask if condition.mask is not None else condition.scribble
        lengths = torch.tensor([[len(text)] for text in condition.text])
        level = seen.mean((2, 3))[:, -1:] + condition.seed.view(-1, 1) + lengths
        count = len(condition)
        for t in self.timesteps:
            type(self).made += 1
            h = (level.view(-1, 1, 1, 1) * t / 900).expand(-1, 4, 2, 2)
            prob = torch.arange(16.0).view(1, 1, 4, 4).expand(count, 3, 4, 4)
            words = torch.tensor([[False, True, False]]).expand(count, 3)
            own = torch.zeros(count, 3, 8, 8) if x0 and t == self.timesteps[-1] else None
            times = torch.full((count,), t)
            yield Features(h, (prob,), (prob,), (prob,), words, times, x0=own)


class AddBridge(nn.Module):
    """w^m moves with h; w lies beside it."""

    def __init__(self, feature_shapes, num_ws, w_dim, mean_w):
        super().__init__()
        self.shape = (num_ws, w_dim)
        self.register_buffer("mean_w", mean_w)

    def mapping_parameters(self):
        return []

    modulation_parameters = mapping_parameters

    def forward(self, features):
        level = features.h.mean((1, 2, 3)).view(-1, 1, 1)
        w_m = level * torch.linspace(-1, 1, self.shape[1]).expand(1, *self.shape)
        return Latent(w_m + 0.5, w_m)


REGISTRIES["encoder"].register_module("StepEncoder", module=StepEncoder, force=True)
REGISTRIES["bridge"].register_module("AddBridge", module=AddBridge, force=True)


def write_runs(folder: Path, **kinds: str) -> Path:
    """Write runs/solid (masks), runs/flat (masks) and runs/lines (scribbles) below `folder`.

    `kinds` are conditions of further runs.
    """
    torch.manual_seed(3)
    flat = dict(z_dim=8, w_dim=8, resolution=32, channels=[8, 8, 8, 8], mapping_layers=2)
    solid = dict(
        z_dim=8,
        w_dim=8,
        resolution=32,
        plane_resolution=16,
        plane_channels=8,
        channels=[8, 8, 8],
        mapping_layers=1,
        rays=16,
        samples=6,
        importance=6,
        decoder_channels=8,
        decoder_hidden=8,
        superresolution="2X",
        sr_input=16,
        sr_channels=[8, 8],
    )
    weights.save(
        folder / "flat.safetensors", StyleGAN2(**flat).state_dict(), dict(type="StyleGAN2", **flat)
    )
    weights.save(
        folder / "solid.safetensors", EG3D(**solid).state_dict(), dict(type="EG3D", **solid)
    )
    for name, generator, kind in (
        ("flat", "flat", "mask"),
        ("lines", "flat", "scribble"),
        ("solid", "solid", "mask"),
        *((n, "flat", k) for n, k in kinds.items()),
    ):
        specs = dict(
            encoder=dict(type="StepEncoder"),
            bridge=dict(type="AddBridge"),
            generator=str(folder / f"{generator}.safetensors"),
            condition=kind,
        )
        bridge = AddBridge(StepEncoder.shapes, 1, 8, torch.zeros(8))
        bridge_files.export_bridge(folder / "runs" / name / bridge_files.EXPORTED, bridge, specs)
    return folder / "runs"
