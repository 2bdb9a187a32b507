"""Bridges trained end to end between other encoders and a tiny generator, on random weights."""

import mini
import pytest
import tiny_sdxl
import tiny_transformers
import torch

from gantoolkit.inference.load import load_pipeline
from gantoolkit.training.runner import run


@pytest.fixture(autouse=True)
def own_cache(monkeypatch):
    monkeypatch.delenv("GANTOOLKIT_CACHE", raising=False)


def sdxl(folder, union):
    made = tiny_sdxl.write(folder, tiny_sdxl.parts(union))
    return dict(weights=str(made / "sdxl"), controlnet=str(made / "controlnet"))


def transformer(folder, model, resolution):
    made = tiny_transformers.write(folder, model)
    options = dict(resolution=resolution, groups=2)
    return dict(weights=str(made / "model"), controlnet=str(made / "controlnet"), **options)


@pytest.mark.parametrize(
    "make, kind, name",
    [
        (lambda folder: sdxl(folder, union=False), "mask", "SDXLEncoder"),
        (lambda folder: sdxl(folder, union=True), "scribble", "SDXLEncoder"),
        (lambda folder: transformer(folder, tiny_transformers.sd3(), 32), "mask", "SD3Encoder"),
        (
            lambda folder: transformer(folder, tiny_transformers.flux(), 64),
            "scribble",
            "FluxEncoder",
        ),
    ],
    ids=["sdxl", "sdxl-union", "sd3", "flux"],
)
def test_a_bridge_trains_and_draws(tmp_path, tiny_zip, make, kind, name):
    """Its folder alone tells the encoder's class; M and T take its features as they are."""
    encoder = make(tmp_path) | dict(steps=2, condition=kind)
    config = mini.config(
        tmp_path,
        tiny_zip,
        encoder=encoder,
        bridge=dict(type="AbSM", width=16, mapping=dict(width=16)),
        condition=kind,
        schedule=dict(iterations=4, save_every=4),
        training="alternating",
    )
    run(config, tmp_path / "run")
    losses = mini.losses(tmp_path / "run")
    assert {"M/l2", "T/l2"} <= losses[-1].keys() and losses[-1]["M/l2"] != losses[0]["M/l2"]
    pipeline = load_pipeline(tmp_path / "run")
    assert type(pipeline.encoder).__name__ == name
    condition = tiny_sdxl.wanted(2)
    image = pipeline(condition).render.image
    assert image.shape == (2, 3, 32, 32) and torch.isfinite(image).all()
