from __future__ import annotations

import json

import mini
import numpy as np
import torch
from test_codes import finished
from test_gan import FLAT

from gantoolkit import networks, weights
from gantoolkit.generators import load_generator
from gantoolkit.networks.face_encoder import FaceEncoder
from gantoolkit.training import checkpoint
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.runner import build_task, run


def test_codes_move_towards_the_photographs(tmp_path, tiny_zip):
    mini.write_networks(tmp_path)
    losses = dict(l2=dict(type="L2"), code=dict(type="LatentNorm", weight=1e-4))
    config = dict(
        task="inversion",
        data=str(tiny_zip),
        generator=str(tmp_path / "generator.safetensors"),
        losses=losses,
        limit=6,
        metrics=dict(ms_ssim={}),
        device="cpu",
        report=False,
        schedule=dict(iterations=30, batch=3, log_every=2),
    )
    record = run(config, tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run/losses.jsonl").read_text().splitlines()]
    assert rows[-1]["w/l2"] < 0.9 * rows[0]["w/l2"]
    assert record.scores["W+ inversion"]["ms_ssim"].n == 6
    ws = weights.load(tmp_path / "run/export/codes.safetensors")[0]["ws"]
    assert ws.shape == (6, 8, 16) and torch.isfinite(ws).all()


def encoder_config(folder, data, **keys):
    mini.write_networks(folder)
    base = dict(
        task="inversion_encoder",
        data=str(data),
        generator=str(folder / "generator.safetensors"),
        encoder=dict(type="FaceEncoder", widths=(8, 16)),
        losses=dict(l2=dict(type="L2")),
        metrics=dict(ms_ssim={}),
        device="cpu",
        report=False,
        schedule=dict(iterations=40, batch=4, log_every=2),
    )
    return base | keys


def test_an_encoder_learns_to_read_codes_off_the_faces_of_a_generator(tmp_path, tiny_zip):
    config = encoder_config(tmp_path, tiny_zip)
    record = run(config, tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run/losses.jsonl").read_text().splitlines()]
    assert rows[-1]["E/code"] < 0.9 * rows[0]["E/code"]
    assert record.scores["run"]["ms_ssim"].n == 6  # a quarter of the faces is held out

    encoder = networks.load(tmp_path / "run/export/encoder.safetensors")
    generator = load_generator(config["generator"])
    w = generator.mapping(torch.randn(64, 16, generator=torch.Generator().manual_seed(9)))[:, 0]
    ws = w[:, None].expand(-1, 8, -1)
    found = encoder(generator.render(ws, noise="const").image)
    error = (found - ws).square().mean()
    assert error < 0.9 * (w - w.mean(0)).square().mean()  # nearer than the best constant
    assert found.std(1).mean() > 0  # a code of its own for every style


def test_an_encoder_goes_on_from_that_of_the_generators_own_training(tmp_path, tiny_zip):
    """At first every style has the code that the finished run's encoder reads."""
    perceptual = dict(type="L2", weight=0.5)
    folder = finished(tiny_zip, tmp_path / "gan", FLAT, perceptual=perceptual)
    config = encoder_config(
        tmp_path, tiny_zip, generator=str(folder / "export" / "stylegan2.safetensors")
    )
    config |= dict(encoder=dict(type="FaceEncoder"), encoder_from=str(folder))
    task = build_task(config, torch.device("cpu"), 0)

    teacher = FaceEncoder(resolution=32, w_dim=16)
    teacher.load_state_dict(checkpoint.module_state(folder / "checkpoint", "encoder"))
    images = task.images(task.faces, torch.arange(3))
    ws = task.encoder(images)
    assert ws.shape == (3, task.generator.num_ws, 16)
    torch.testing.assert_close(ws, teacher(images)[:, None].expand_as(ws))

    file = tmp_path / "encoder.safetensors"
    weights.save(file, task.encoder.state_dict(), task.arch)
    config |= dict(encoder_from=str(file))
    assert torch.equal(build_task(config, torch.device("cpu"), 1).encoder(images), ws)


def test_fresh_codes_are_compared_in_standard_deviations(tmp_path, tiny_zip):
    """By hand: ‖(E(G(w)) − w) / σ‖² of untruncated codes, for an encoder that gives zeros."""
    task = build_task(
        encoder_config(tmp_path, tiny_zip, losses={}, psi=(1.0, 1.0), code=1.0, codes_per_face=1),
        torch.device("cpu"),
        1,
    )
    torch.nn.init.zeros_(task.encoder.linear.weight)
    torch.nn.init.zeros_(task.encoder.linear.bias)
    batch = SeededBatch.of_iteration(0, 0, 0, 4, 24)
    found = task.losses("E", batch, 0)["code"]

    again = SeededBatch.of_iteration(0, 0, 0, 4, 24)
    codes = task.generator.mapping(again.normal(16))[:, 0].detach().numpy()
    stream = torch.Generator().manual_seed(0)
    many = task.generator.mapping(torch.randn(4096, 16, generator=stream))[:, 0].detach().numpy()
    wanted = np.mean((codes / many.std(0, ddof=1)) ** 2)
    np.testing.assert_allclose(found.item(), wanted, rtol=1e-4)
