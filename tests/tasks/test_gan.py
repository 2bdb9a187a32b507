"""Task `gan`: both phases train, its state is its own, its export loads."""

from __future__ import annotations

import pytest
import torch

from gantoolkit.generators import load_generator
from gantoolkit.tasks.gan.config import GANConfig
from gantoolkit.tasks.gan.losses import depth_loss, pyramid_loss
from gantoolkit.tasks.gan.task import GAN
from gantoolkit.training.batch import SeededBatch

COMMON = dict(w_dim=16, channel_base=256, channel_max=16, mapping_layers=2, mapping_lr_mul=1.0)
FLAT = dict(type="StyleGAN2", **COMMON)
SOLID = dict(
    type="EG3D",
    **COMMON,
    c_dim=0,
    plane_resolution=16,
    plane_channels=6,
    decoder_hidden=12,
    decoder_channels=8,
    rays=16,
    samples=6,
    importance=0,
    superresolution="2X",
    sr_input=16,
    sr_channels=(8, 8),
    sr_clamp=None,
)
DISCRIMINATOR = dict(channel_base=256, channel_max=16)


def build(data, **keys) -> GAN:
    return GAN(GANConfig(data=str(data), **keys))


def make(tiny_zip, kind: str, **more) -> GAN:
    generator, discriminator = (
        (FLAT, "Discriminator") if kind == "flat" else (SOLID, "DualDiscriminator")
    )
    networks = dict(generator=generator, discriminator=dict(type=discriminator, **DISCRIMINATOR))
    return build(tiny_zip, **networks, held_out=4, **more)


def iterate(task: GAN, iteration: int, batch: int = 4) -> dict[str, float]:
    logged = {}
    for index, phase in enumerate(task.phases(iteration)):
        optimizer = task.optimizers[phase]
        optimizer.zero_grad()
        seeded_batch = SeededBatch.of_iteration(0, iteration, index, batch, task.size())
        losses = task.losses(phase, seeded_batch, iteration)
        sum(v for k, v in losses.items() if not k.startswith("_")).backward()
        optimizer.step()
        logged |= {f"{phase}/{k}": v.item() for k, v in losses.items()}
    task.after_step(iteration)
    return logged


@pytest.mark.parametrize("kind", ["flat", "solid"])
def test_both_phases(tiny_zip, tmp_path, kind):
    task = make(tiny_zip, kind, regress=2, r1_interval=2)
    first = [iterate(task, i) for i in range(2)][0]
    assert set(first) == {"G/pyramid"} | ({"G/raw", "G/depth"} if kind == "solid" else set())
    second = iterate(task, 2)
    assert {"D/real", "D/fake", "D/r1", "G/pyramid", "G/adversarial", "G/matching"} <= set(second)
    assert "D/r1" not in iterate(task, 3)
    assert all(p.requires_grad for p in task.modules["discriminator"].parameters())
    assert task.pictures()["samples"].shape == (3, 32 * (8 if kind == "solid" else 5), 32 * 8)
    assert task.validate()["PSNR"].n == 4
    (path,) = task.export(tmp_path)
    loaded = load_generator(path)
    z, cameras = task.codes(torch.arange(2))
    image = task.render(loaded, loaded.mapping(z), cameras).image
    torch.testing.assert_close(
        image, task.reconstruct_from_factors(torch.arange(2)), atol=0.02, rtol=0.02
    )


def test_regression_learns_pairs(tiny_zip):
    task = make(tiny_zip, "flat", regress=60, lr=0.02)
    errors = [iterate(task, i, 8)["G/pyramid"] for i in range(40)]
    assert sum(errors[-5:]) < 0.6 * sum(errors[:5])


@pytest.mark.parametrize("kind", ["flat", "solid"])
def test_an_encoder_reads_codes_off_faces(tiny_zip, kind):
    task = make(tiny_zip, kind, regress=1, encoder=dict(type="FaceEncoder"))
    for losses in (iterate(task, 0), iterate(task, 1)):
        assert losses["G/code"] > 0 and losses["G/compact"] > 0
    assert task.encoder in task.modules.values()
    assert task.reconstruct_from_images(torch.arange(2)).shape == (2, 3, 32, 32)
    assert task.pictures()["samples"].shape[1] == 32 * (7 if kind == "flat" else 10)


def test_a_loss_component_joins_in(tiny_zip):
    task = make(tiny_zip, "flat", regress=9, perceptual=dict(type="L2", weight=0.5))
    assert iterate(task, 0)["G/perceptual"] > 0
    assert task.networks() == {}


def test_an_iteration_depends_on_its_number_alone(tiny_zip):
    runs = []
    for _ in range(2):
        task = make(tiny_zip, "solid", regress=1)
        torch.manual_seed(torch.randint(1000, ()).item())  # a global state that must not matter
        runs.append([iterate(task, i) for i in range(3)][-1])
    assert runs[0] == runs[1]


def test_flat_codes_carry_the_camera(tiny_zip):
    task = make(tiny_zip, "flat")
    z, cameras = task.codes(torch.arange(8))
    yaw = torch.atan2(cameras[:, 3], cameras[:, 11])
    assert torch.corrcoef(torch.stack([z[:, -2], yaw]))[0, 1] > 0.999
    assert task.arch["z_dim"] == task.faces.factors.shape[1] + 2


def test_losses_of_a_perfect_picture_are_zero():
    image = torch.rand(2, 3, 16, 16)
    assert pyramid_loss(image, image) == 0
    true = torch.full((1, 1, 8, 8), 2.5)
    true[..., :2] = 0
    assert depth_loss(torch.full((1, 1, 4, 4), 2.5), true) == 0
    assert depth_loss(torch.full((1, 1, 4, 4), 2.7), true).item() == pytest.approx(0.2, abs=1e-5)
