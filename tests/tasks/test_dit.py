"""Task `dit` at toy size: what it is shown, what it should predict, and who reads its export."""

import json

import pytest
import tiny
import torch

from gantoolkit.core.progress import Progress
from gantoolkit.core.types import Condition
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders.folders import save_component
from gantoolkit.encoders.mmface import MMFaceEncoder
from gantoolkit.tasks.diffusion.config import DiTConfig
from gantoolkit.tasks.diffusion.dit import DiT
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.runner import run

SIZES = dict(hidden=32, depth=4, heads=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with vae/, text_encoder/ and tokenizer/."""
    path = tmp_path_factory.mktemp("dit")
    parts = tiny.parts()
    for name in ("vae", "text_encoder", "tokenizer"):
        save_component(getattr(parts, name), path, name, half=False)
    return path


def make(folder, data, **options):
    keys = dict(data=str(data), vae=str(folder), text=str(folder), held_out=4)
    config = DiTConfig(**keys, **SIZES, cache=str(folder / "cache"), **options)
    task = DiT(config)
    task.prepare(folder, Progress(quiet=True))
    return task


def batch(task, iteration=0, count=8):
    return SeededBatch.of_iteration(0, iteration, 0, count, task.size())


def test_latents_lie_between_image_and_noise(folder, tiny_zip):
    task = make(folder, tiny_zip)
    noisy = task.noisy_batch(batch(task))
    sigma = (noisy.t / 1000).view(-1, 1, 1, 1)
    torch.testing.assert_close(
        noisy.latents, (1 - sigma) * noisy.clean + sigma * noisy.epsilon, atol=2e-3, rtol=0
    )
    torch.testing.assert_close(noisy.clean, task.latents[noisy.rows].float())
    torch.testing.assert_close(task.target(noisy), noisy.epsilon - noisy.clean)


def test_the_network_is_told_time_and_predicts_data_minus_noise(folder, tiny_zip):
    """The published direction: 0 is noise, 999 the image, and the target data − noise."""
    task = make(folder, tiny_zip, drop_prompt_prob=0.0)
    told = {}

    def perfect(latents, t, text, pooled, condition, modality, drop_pooled=None):
        told.update(t=t, condition=condition, modality=modality)
        return noisy.clean - noisy.epsilon

    noisy = task.noisy_batch(batch(task))
    modality = torch.tensor([0, 1] * 4)
    shown = task.encode_condition(task.faces, noisy.rows, modality)
    predicted = task.predict_velocity(perfect, noisy, noisy.prompts, shown)
    assert task.sample_errors(predicted, noisy).max() == 0
    torch.testing.assert_close(told["t"], 999 * (1 - noisy.t / 1000), atol=1.0, rtol=0)


def test_masks_and_sketches_are_shown_as_the_encoder_shows_them(folder, tiny_zip):
    task = make(folder, tiny_zip)
    rows = torch.arange(4)
    for row, kind in enumerate(("mask", "scribble")):
        shown = task.encode_condition(task.faces, rows, torch.full((4,), row))
        condition = task.faces.sample(rows, condition="both").condition
        torch.testing.assert_close(shown.latents, task.encoder(kind).encode_condition(condition)[0])


def test_what_is_dropped(folder, tiny_zip, monkeypatch):
    task = make(folder, tiny_zip, drop_condition_prob=1.0, drop_pooled_prob=1.0)
    given = {}

    def see(dit, noisy, prompts, shown, drop_pooled):
        given.update(shown=shown, drop=drop_pooled)
        return noisy.latents.clone().requires_grad_()

    monkeypatch.setattr(task, "predict_velocity", see)
    task.losses("dit", batch(task, count=16), 0)
    assert not given["shown"].latents.any() and given["drop"].all()
    assert sorted(set(given["shown"].modality.tolist())) == [0, 1]
    monkeypatch.undo()
    never = make(folder, tiny_zip, drop_condition_prob=0.0, drop_pooled_prob=0.0)
    monkeypatch.setattr(never, "predict_velocity", see)
    never.losses("dit", batch(never, count=16), 0)
    assert given["shown"].latents.flatten(1).any(1).all() and not given["drop"].any()


def test_it_learns_its_batch(folder, tiny_zip):
    task = make(folder, tiny_zip, lr=3e-3, drop_pooled_prob=0.0)
    optimizer = task.optimizers["dit"]
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = task.losses("dit", batch(task), 0)["velocity"]
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


@pytest.fixture(scope="module")
def exported(folder, tiny_zip):
    schedule = dict(iterations=3, batch=4, log_every=1, save_every=3)
    common = dict(data=str(tiny_zip), vae=str(folder), text=str(folder), held_out=4, steps=2)
    config = dict(common, task="dit", **SIZES, schedule=schedule, report=False, device="cpu")
    run(config | dict(cache=str(folder / "cache")), folder / "run")
    return folder / "run"


def test_a_run_leaves_scores_pictures_and_a_file_for_the_encoder(exported, folder, tiny_zip):
    scores = json.loads((exported / "record.json").read_text())["scores"]["run"]
    assert {"velocity MSE", "prompt gain", "condition gain"} <= scores.keys()
    assert list((exported / "pictures").glob("*.png"))
    names = str(exported / "export/dit.safetensors"), str(folder), str(folder)
    encoder = MMFaceEncoder(*names, condition="scribble", steps=2)
    assert encoder.resolution == 32 and encoder.timesteps == (999, 500)
    scribble = FaceZip(tiny_zip).sample([0, 1], condition="scribble", seed=3).condition
    assert isinstance(scribble, Condition)
    last = list(encoder.trace(scribble))[-1]
    assert last.x0.shape == (2, 3, 32, 32) and last.h.shape == (2, 32, 4, 4)


def test_it_goes_on_from_another_transformer(exported, folder, tiny_zip):
    file = str(exported / "export/dit.safetensors")
    task = make(folder, tiny_zip, init_from=file)
    assert task.dit.arch["hidden"] == 32 and file in task.weights()
    assert all(parameter.requires_grad for parameter in task.dit.parameters())
