"""The system of a run: where it is left, what it needs, reads and was trained with."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from gantoolkit import weights
from gantoolkit.bench import systems
from gantoolkit.core.errors import UsageError


def test_ours_is_a_run_left_early_or_late_and_names_its_losses_networks(tmp_path, monkeypatch):
    from gantoolkit.inference import bridge_files, load

    drawn = []

    class Fake:
        condition, generator = "scribble", SimpleNamespace(is_3d=True)
        encoder = SimpleNamespace(timesteps=(900, 600, 300, 0))

        def latent(self, condition, t_out, aggregate):
            drawn.append((t_out, aggregate))
            return "codes"

        def render(self, latent, camera):
            return (latent, camera)

    generator = str(tmp_path / "g.safetensors")
    adversary = json.dumps({"discriminator": "parser"})
    weights.save(generator, {"x": torch.zeros(1)}, {"type": "EG3D"}, networks=adversary)
    of_generator = {"discriminator of the generator": "parser"}
    specs = dict(
        encoder=dict(weights="diffusion"), generator=generator, networks=dict(lpips="parser")
    )
    bridge_files.export_bridge(
        tmp_path / bridge_files.EXPORTED, torch.nn.Linear(1, 1), dict(specs, bridge={})
    )
    monkeypatch.setattr(load, "load_with_specs", lambda run, **changes: (Fake(), specs))
    for after in (None, 1, 3):
        system = systems.build(dict(type="Ours", run=str(tmp_path), after=after))
        assert system.render(system.solve(None), "camera") == ("codes", "camera")
    assert drawn == [(0, "last"), (900, "last"), (300, "last")]
    assert system.needs == ("text", "scribble", "camera") and system.networks() == {
        "lpips": "parser",
        **of_generator,
    }
    assert set(system.weights()) == {"bridge", "diffusion", generator} and not system.notes()
    with pytest.raises(UsageError, match="has 4 steps"):
        systems.Ours(str(tmp_path), after=5)
    del specs["networks"]
    assert "not known" in system.notes()[0]
    losses = {"identity": {"type": "Identity", "network": "arcface"}}
    (tmp_path / "config.json").write_text(json.dumps({"losses": losses}))
    assert system.networks() == {"identity": "arcface", **of_generator} and not system.notes()
