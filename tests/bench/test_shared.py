"""Denoising runs that rows share: equal to those that a row would make, and another for
everything that decides one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gantoolkit.bench import pairs, shared, systems
from gantoolkit.generators import load_generator
from gantoolkit.registry import registry


def test_rows_share_denoising_runs_and_draw_what_they_would_alone(tmp_path, monkeypatch):
    """A run that is read is the run that would be made; another prompt, seed or number of steps
    is another run."""
    opened = pairs.open_pairs("val", 3)
    condition = opened.sample(torch.arange(3), "mask").condition
    spec = dict(type="Diffused", weights="diffusion", controlnet="controlnet-mask", steps=2)
    alone = systems.build(spec)
    expected = alone.solve(condition).image
    first = alone.solve_shared(condition, None, tmp_path).image
    assert torch.equal(first, expected) and len(list(tmp_path.iterdir())) == 1
    again = systems.build(spec)
    monkeypatch.setattr(
        again.encoder, "trajectory", lambda condition: pytest.fail("made once more")
    )
    assert torch.equal(again.solve_shared(condition, None, tmp_path).image, expected)
    others = [dict(spec, steps=1), dict(spec, guidance=1.0), dict(spec, precision="bf16")]
    for other in map(systems.build, others):
        other.solve_shared(condition, None, tmp_path)
    alone.solve_shared(replace(condition, text=("", *condition.text[1:])), None, tmp_path)
    alone.solve_shared(replace(condition, seed=condition.seed + 1), None, tmp_path)
    assert len(list(tmp_path.iterdir())) == 6
    _, x0 = shared.trajectory(tmp_path, alone.encoder, alone.spec, condition)
    assert torch.equal(x0, expected)


@pytest.mark.parametrize("aggregate", ["last", "mean"])
def test_ours_reads_the_features_of_a_shared_run(tmp_path, aggregate):
    from gantoolkit.inference import bridge_files, load

    specs = dict(
        encoder=dict(
            type="ControlNetEncoder",
            weights="diffusion",
            controlnet="controlnet-mask",
            steps=3,
            guidance=3.0,
            precision="fp32",
        ),
        bridge=dict(type="AbSM", mapping=dict(width=16), width=16),
        generator="stylegan2",
        condition="mask",
    )
    encoder, generator = registry.build("encoder", specs["encoder"]), load_generator("stylegan2")
    torch.manual_seed(0)
    bridge = load.build_bridge(specs["bridge"], encoder, generator)
    for parameter in bridge.parameters():  # untrained ones would say w̄ of everything
        torch.nn.init.normal_(parameter, std=0.05)
    bridge_files.export_bridge(tmp_path / "run" / "export" / "bridge.safetensors", bridge, specs)
    condition = pairs.open_pairs("val", 2).sample(torch.arange(2), "mask").condition
    for after in (1, 3):
        system = systems.Ours(str(tmp_path / "run"), after=after, aggregate=aggregate)
        alone, read = (
            system.solve(condition).ws,
            system.solve_shared(condition, None, tmp_path / "runs").ws,
        )
        assert torch.allclose(alone, read, atol=1e-4) and alone.std(0).max() > 1e-3
        mapped = systems.Ours(str(tmp_path / "run"), after=after, aggregate=aggregate, mapped=True)
        expected = system.pipeline.latent(condition, system.t_out, aggregate).w_m
        assert (
            torch.equal(mapped.solve(condition).ws, expected)
            and (expected - alone).abs().max() > 1e-3
        )
        assert torch.allclose(
            mapped.solve_shared(condition, None, tmp_path / "runs").ws, expected, atol=1e-4
        )
    same = systems.build(
        dict(specs["encoder"], type="Diffused")
    )  # of the same encoder: I^d_0 of the same run
    same.solve_shared(condition, None, tmp_path / "runs")
    assert len(list((tmp_path / "runs").iterdir())) == 1
