"""Task `codes`: a new mapping network learns the distribution of codes; nothing else changes."""

from __future__ import annotations

import pytest
import torch
from test_gan import FLAT, SOLID, iterate

from gantoolkit import weights
from gantoolkit.core.errors import UsageError
from gantoolkit.generators import load_generator
from gantoolkit.training import checkpoint
from gantoolkit.training.runner import build_task, run

SMALL = dict(
    task="codes",
    mapping_layers=2,
    mapping_features=32,
    discriminator=dict(width=48, mbstd_group=8),
    held_out=4,
)


def finished(tiny_zip, folder, generator, **more):
    """A run of task `gan`."""
    config = dict(
        task="gan",
        name="gan",
        data=str(tiny_zip),
        generator=generator,
        held_out=4,
        report=False,
        schedule=dict(iterations=1, batch=4),
        encoder=dict(type="FaceEncoder"),
        **more,
    )
    run(config, folder)
    return folder


@pytest.mark.parametrize("generator", [FLAT, SOLID], ids=["flat", "solid"])
def test_only_the_mapping_is_new(tiny_zip, tmp_path, generator):
    gan = finished(tiny_zip, tmp_path / "gan", generator)
    run(
        dict(
            SMALL,
            name="codes",
            data=str(tiny_zip),
            run=str(gan),
            report=False,
            schedule=dict(iterations=2, batch=8),
        ),
        tmp_path / "codes",
    )
    (old,), (new,) = (
        (tmp_path / name / "export").glob("*.safetensors") for name in ("gan", "codes")
    )
    assert old.name == new.name
    before, after = weights.load(old)[0], weights.load(new)[0]
    same = {key for key in before if key in after and before[key].equal(after[key])}
    assert {key for key in before if "mapping.fc" not in key} == same  # w̄ too
    drawn = load_generator(new)
    assert drawn.mapping(torch.randn(3, drawn.z_dim)).shape == (3, drawn.num_ws, drawn.w_dim)


def test_the_codes_of_faces_are_what_the_encoder_reads_off_them(tiny_zip, tmp_path):
    gan = finished(tiny_zip, tmp_path / "gan", FLAT)
    task = build_task(dict(SMALL, data=str(tiny_zip), run=str(gan)), torch.device("cpu"), 0)
    task.prepare(tmp_path, lambda *_: None)
    teacher = build_task(
        dict(task="gan", data=str(tiny_zip), generator=FLAT, encoder=dict(type="FaceEncoder")),
        torch.device("cpu"),
        5,
    )
    checkpoint.load_latest(gan / "checkpoint", teacher)
    torch.testing.assert_close(
        task.codes, teacher.encoder(teacher.images(torch.arange(len(task.faces))))
    )
    assert task.standardize(task.codes[: task.size()]).std(0).sub(1).abs().max() < 1e-4


def test_mapping_learns_a_distribution_that_is_known(tiny_zip, tmp_path):
    task = build_task(
        dict(
            SMALL,
            data=str(tiny_zip),
            run=str(finished(tiny_zip, tmp_path / "gan", FLAT)),
            lr=3e-3,
            ema=0.9,
        ),
        torch.device("cpu"),
        0,
    )
    task.prepare(tmp_path, lambda *_: None)
    stream = torch.Generator().manual_seed(0)
    mix = torch.randn(4, task.generator.w_dim, generator=stream)

    def known(count: int) -> torch.Tensor:
        """Codes of four dimensions around two centers."""
        sides = torch.randint(2, (count, 1), generator=stream) * 2.0 - 1
        return 0.3 * torch.randn(count, 4, generator=stream) @ mix + sides

    task.codes, task.size = known(1000), lambda: 1000
    task.mean, task.std = task.codes.mean(0), task.codes.std(0)
    z, others = torch.randn(1000, task.generator.z_dim, generator=stream), known(1000)
    mean = others.mean(0)
    covariance = torch.cov(others.T)

    def moment_error() -> float:
        """How wrong the first two moments are, relative to the covariance."""
        w = task.ema_mapping(z)[:, 0]
        mean_error = (w.mean(0) - mean).square().sum() / covariance.trace()
        covariance_error = (torch.cov(w.T) - covariance).norm() / covariance.norm()
        return float(mean_error + covariance_error)

    initial_error = moment_error()
    for iteration in range(1000):
        iterate(task, iteration, 32)
    assert moment_error() < 0.3 * initial_error
    # both centers are drawn
    upper_share = (task.ema_mapping(z)[:, 0].mean(1) > 0).float().mean()
    assert (upper_share - 0.5).abs() < 0.2


def test_a_run_that_cannot_teach_is_a_sentence(tiny_zip, tmp_path, capsys):
    with pytest.raises(UsageError, match="is not a finished run of task 'gan' with an encoder"):
        build_task(dict(SMALL, data=str(tiny_zip), run=str(tmp_path)), torch.device("cpu"), 0)
