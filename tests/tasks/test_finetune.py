"""Fine-tuning a published ControlNet on CelebAMask-HQ colors (configs/full/controlnet_mask.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch

from gantoolkit.core.labels import PALETTE
from gantoolkit.core.progress import Progress
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.tasks.diffusion.config import ControlNetConfig
from gantoolkit.tasks.diffusion.controlnet import ControlNet
from gantoolkit.training.batch import SeededBatch


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A diffusion model and an RGB ControlNet in diffusers' folders."""
    return tiny.write(tmp_path_factory.mktemp("published"), tiny.parts(channels=3))


def task_of(folder: Path, data: Path, **keys) -> ControlNet:
    config = ControlNetConfig(
        data=str(data),
        diffusion=str(folder / "diffusion"),
        condition="mask",
        held_out=4,
        cache=str(folder / "cache"),
        init_from=str(folder / "controlnet"),
        palette="celebamask",
        steps=2,
        **keys,
    )
    task = ControlNet(config)
    task.prepare(folder, Progress(quiet=True))
    return task


def gradients(task: ControlNet) -> list[torch.Tensor]:
    batch = SeededBatch.of_iteration(0, 0, 0, 4, task.size())
    sum(task.losses("controlnet", batch, 0).values()).backward()
    return [p.grad for p in task.controlnet.parameters()]


def test_it_begins_with_the_published_weights_and_sees_colors(folder, tiny_zip):
    task = task_of(folder, tiny_zip)
    published = tiny.parts(channels=3).controlnet.state_dict()
    assert all(torch.equal(v, published[k]) for k, v in task.controlnet.state_dict().items())
    rows = torch.tensor([2, 5])
    labels, picture = FaceZip(tiny_zip).labels[rows].long(), task.control_images(task.faces, rows)
    assert torch.equal(
        (picture * 255).round().long().permute(0, 2, 3, 1), torch.tensor(PALETTE)[labels]
    )
    assert set(task.weights()) >= {"unet", "vae", str(folder / "controlnet")}


def test_recomputing_changes_no_gradient(folder, tiny_zip):
    plain, again = (gradients(task_of(folder, tiny_zip, recompute=on)) for on in (False, True))
    for one, two in zip(plain, again, strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-4)
    assert any(g.any() for g in plain)


def test_the_export_is_read_by_the_encoder(folder, tiny_zip, tmp_path):
    task = task_of(folder, tiny_zip)
    task.export(tmp_path)
    wanted = FaceZip(tiny_zip).sample([0, 1], seed=3).condition
    encoder = ControlNetEncoder(
        str(folder / "diffusion"), str(tmp_path / "controlnet"), palette="celebamask", steps=2
    )
    mine = task.encoder()
    assert mine.controlnets[0].palette == "celebamask"
    torch.testing.assert_close(
        encoder.trajectory(wanted)[0], mine.trajectory(wanted)[0], atol=0.1, rtol=0.05
    )  # halves
