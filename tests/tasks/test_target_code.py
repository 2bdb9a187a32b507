"""A target in code space: the loss TargetCode in the task `bridge`."""

from __future__ import annotations

import mini
import numpy as np
import pytest
import torch

from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.losses import networks_of
from gantoolkit.losses.latent import TargetCode
from gantoolkit.losses.pixel import L2
from gantoolkit.metrics.evaluator import Evaluator
from gantoolkit.networks.face_encoder import FaceEncoder
from gantoolkit.training.batch import SeededBatch
from gantoolkit.training.runner import run


@pytest.fixture
def encoder(tmp_path):
    torch.manual_seed(3)
    network = FaceEncoder(resolution=32, w_dim=16, widths=(8, 8))
    arch = dict(type="FaceEncoder", resolution=32, w_dim=16, widths=[8, 8])
    weights.save(tmp_path / "encoder.safetensors", network.state_dict(), arch)
    return network


@pytest.mark.parametrize("phase, target", [("M", "gt"), ("T", "x0")])
def test_codes_are_compared_with_those_of_the_phases_target(
    tmp_path, tiny_zip, encoder, monkeypatch, phase, target
):
    """By hand: mean (w − E(I))² over B, L and w_dim; nothing is rendered for it."""
    loss = dict(type="TargetCode", network=str(tmp_path / "encoder.safetensors"), weight=2.0)
    task = mini.make(tmp_path, tiny_zip, losses=dict(target=loss))
    monkeypatch.setattr(task.generator, "render", lambda *_, **__: pytest.fail("rendered"))
    found = task.losses(phase, SeededBatch.of_iteration(0, 0, 0, 4, 24), 0)

    batch = SeededBatch.of_iteration(0, 0, 0, 4, 24)
    moment = task.data.train.read(batch.indices, batch.integers(4))
    image = moment.sample.target.image_gt if target == "gt" else moment.x0
    with torch.no_grad():
        codes = encoder(image).numpy()
        features = task.encoder.features(moment.latents, moment.t, None)
        ws = task.bridge(features, mapping_only=phase == "M").ws.numpy()
    wanted = 2.0 * np.mean((ws - codes[:, None]) ** 2)
    np.testing.assert_allclose(found["target"].item(), wanted, rtol=1e-5)


def test_a_network_that_is_no_encoder_is_refused():
    with pytest.raises(UsageError, match="'arcface' holds ArcFace, which does not encode"):
        TargetCode("arcface")


def test_codes_of_another_generator_are_refused(tmp_path, tiny_zip):
    network = FaceEncoder(resolution=32, w_dim=16, widths=(8, 8), num_ws=3)
    arch = dict(type="FaceEncoder", resolution=32, w_dim=16, widths=[8, 8], num_ws=3)
    weights.save(tmp_path / "encoder.safetensors", network.state_dict(), arch)
    loss = dict(type="TargetCode", network=str(tmp_path / "encoder.safetensors"))
    with pytest.raises(UsageError, match=r"'target' reads codes of shape \[3, 16\].*\[8, 16\]"):
        mini.make(tmp_path, tiny_zip, losses=dict(target=loss))


def test_what_trained_the_encoder_may_not_judge(tmp_path):
    """The encoder of a target shaped the loss, and so did the networks in its own losses."""
    network = FaceEncoder(resolution=32, w_dim=16, widths=(8, 8))
    arch = dict(type="FaceEncoder", resolution=32, w_dim=16, widths=[8, 8])
    path = str(tmp_path / "encoder.safetensors")
    weights.save(path, network.state_dict(), arch, networks='{"lpips": "parser"}')
    terms = dict(l2=L2(), target=TargetCode(path))
    assert networks_of(terms) == {"target": path, "lpips of target": "parser"}
    with pytest.raises(UsageError, match="'lpips of target' used"):
        Evaluator(dict(acc=None), judge="parser", forbidden=networks_of(terms))


def test_the_start_of_each_phase_may_compare_codes_only(tmp_path, tiny_zip, encoder):
    """Of 12 iterations M has 6 and T 6; a third of each renders nothing."""
    target = dict(type="TargetCode", network=str(tmp_path / "encoder.safetensors"))
    config = mini.config(
        tmp_path, tiny_zip, losses=dict(l2=dict(type="L2"), target=target), code_fraction=1 / 3
    )
    run(config, tmp_path / "run")
    seen = [sorted(set(row) & {"M/l2", "T/l2"}) for row in mini.losses(tmp_path / "run")]
    assert seen == [[], [], *[["M/l2"]] * 4, [], [], *[["T/l2"]] * 4]


@pytest.mark.parametrize(
    "fraction, sentence", [(1.5, "must lie in 0..1"), (0.5, "add a loss TargetCode")]
)
def test_a_fraction_that_cannot_be_is_refused(tmp_path, tiny_zip, fraction, sentence):
    with pytest.raises(UsageError, match=sentence):
        mini.make(tmp_path, tiny_zip, code_fraction=fraction)
