"""The tasks of recognizers: split by person, augmentation, losses, scores, exports."""

from __future__ import annotations

import math

import pytest
import torch

from gantoolkit import networks
from gantoolkit.core.errors import UsageError
from gantoolkit.core.labels import flip_table
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.tasks.recognition.attributes import attribute_classes, attribute_values
from gantoolkit.tasks.recognition.augmentation import IGNORED, Augmentation
from gantoolkit.tasks.recognition.identity import Identity
from gantoolkit.tasks.recognition.judge import Judge
from gantoolkit.tasks.recognition.parser import Parser, class_weights, parsing_loss
from gantoolkit.tasks.recognition.retrieval import contrastive_loss, top1_rate
from gantoolkit.tasks.recognition.towers import TextImage
from gantoolkit.tasks.recognition.verification import verification_rate
from gantoolkit.training.batch import SeededBatch

SMALL = {
    Parser: dict(network=dict(widths=(8, 12))),
    Identity: dict(network=dict(units=((8, 1), (8, 1)), embedding=16)),
    TextImage: dict(
        image=dict(widths=(8, 8), embedding=8),
        vocab_size=560,
        max_length=32,
        width=16,
        layers=1,
        heads=2,
    ),
    Judge: dict(
        network=dict(widths=(8, 8, 8, 8), depths=(1, 1, 1, 1), embedding=8, text_embedding=8)
    ),
}


def make(kind, data, **more):
    return kind(kind.config_class(data=str(data), held_out=0.25, **SMALL[kind], **more))


@pytest.mark.parametrize("kind", SMALL)
def test_task_learns_scores_and_exports(kind, tiny_zip, tmp_path):
    task = make(kind, tiny_zip)
    people = task.faces.identities
    assert not set(people[task.train_rows].tolist()) & set(people[task.held_out_rows].tolist())
    (optimizer,) = task.optimizers.values()
    totals = []
    for _ in range(12):
        batch = SeededBatch.of_iteration(0, 0, 0, 8, task.size())  # the same one, so it must fall
        losses = task.losses("network", batch, 0)
        total = sum(v for k, v in losses.items() if not k.startswith("_"))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < totals[0]
    assert all(-1 <= s.value <= 1 or math.isnan(s.value) for s in task.validate(6).values())
    paths = task.export(tmp_path)
    files = [path for path in paths if path.suffix == ".safetensors" and path.parent == tmp_path]
    exported = files[0] if files else tmp_path / "towers"
    assert not networks.load(str(exported)).training
    for name, picture in task.pictures().items():
        assert picture.ndim == 3 and picture.shape[0] == 3, name


@pytest.mark.parametrize("kind, only", [(Parser, ["decoder", "head"]), (Judge, ["parse"])])
def test_parts_that_do_not_learn_stay_to_the_last_bit(kind, only, tiny_zip):
    task = make(kind, tiny_zip, train_only=only)
    before = {key: tensor.clone() for key, tensor in task.network.state_dict().items()}
    (optimizer,) = task.optimizers.values()
    batch = SeededBatch.of_iteration(0, 0, 0, 8, task.size())
    sum(task.losses("network", batch, 0).values()).backward()
    optimizer.step()
    moved = {
        key.split(".")[0]
        for key, tensor in task.network.state_dict().items()
        if not tensor.equal(before[key])
    }
    assert moved == set(only)
    with pytest.raises(UsageError, match="no part 'nose'.*its parts are"):
        make(kind, tiny_zip, train_only=["nose"])


def test_attributes_teach_only_the_text_tower(tiny_zip):
    task = make(TextImage, tiny_zip)
    batch = SeededBatch.of_iteration(0, 0, 0, 8, task.size())
    task.losses("network", batch, 0)["attributes"].backward()
    assert all(p.grad is None for p in task.network.image.parameters())
    assert task.network.text.get_input_embeddings().weight.grad.abs().sum() > 0


def test_exported_strangers_have_mean_zero(tiny_zip, tmp_path):
    for kind, name in ((Identity, "arcface"), (Judge, "judge")):
        task = make(kind, tiny_zip)
        task.export(tmp_path)
        images = task.images(task.train_rows)
        network = networks.load(str(tmp_path / f"{name}.safetensors"))
        raw = (
            network.raw_embedding(network.prepare(images))
            if kind is Identity
            else network.identify(network.features(images)[2])
        )
        assert raw.mean(0).abs().max() < 0.02 * raw.abs().max()


def test_augmentation_moves_images_and_labels_together():
    batch = SeededBatch(torch.arange(6), torch.arange(6))
    labels = torch.randint(0, 4, (6, 16, 16), generator=torch.Generator().manual_seed(0))
    images = (labels.float() / 8)[:, None].expand(-1, 3, -1, -1)
    moved, where = Augmentation(noise=0, blur=0, gain=0)(batch, images, labels)
    known = where != IGNORED
    table = torch.tensor(flip_table())
    found = (moved[:, 0] * 8).round().long()
    assert ((found == where) | (table[found] == where))[known].all() and known.float().mean() > 0.6
    same, _ = Augmentation(False, 0, 0, 0, 0)(batch, images, labels)
    torch.testing.assert_close(same, images)


def test_flip_swaps_sides():
    batch = SeededBatch(torch.arange(8), torch.arange(8))
    labels = torch.full((8, 4, 4), 4)
    _, where = Augmentation(shift=0, noise=0, blur=0, gain=0)(
        batch, torch.zeros(8, 3, 4, 4), labels
    )
    assert set(where.unique().tolist()) == {4, 5}


def test_verification_rate_and_matching():
    same = torch.eye(4).repeat_interleave(2, 0)
    people = torch.arange(4).repeat_interleave(2)
    assert verification_rate(same, people) == (1.0, 4)
    assert verification_rate(torch.ones(8, 4) / 2, people)[0] == 0.0
    near = same.clone()
    near[2:4] = near[:2]  # person 1 looks like person 0, who is of another group
    assert verification_rate(near, people)[0] == 0.0
    assert verification_rate(near, people, torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])) == (
        1.0,
        4,
    )
    assert top1_rate(torch.eye(4), torch.eye(4), list("abcd"), choices=4) == (1.0, 4)
    assert top1_rate(torch.eye(4), torch.eye(4).roll(1, 0), list("abcd"), choices=4) == (0.0, 4)
    assert top1_rate(torch.eye(4), torch.eye(4), list("abca"), choices=3) == (1.0, 3)


def test_losses_have_their_minimum_at_the_truth():
    labels = torch.tensor([[[0, 1], [2, IGNORED]]])
    sure = torch.nn.functional.one_hot(labels.clamp(max=2), 19).movedim(-1, 1) * 50.0
    assert (
        parsing_loss(sure, labels, torch.ones(19))
        < 1e-3
        < parsing_loss(-sure, labels, torch.ones(19))
    )
    weights = class_weights(torch.tensor([[0, 0, 0, 1]], dtype=torch.uint8), 0.5)
    assert weights[1] / weights[0] == pytest.approx(3**0.5)
    eye = torch.eye(3)
    scale = torch.tensor(50.0)
    assert contrastive_loss(eye, eye, scale, ["a", "b", "c"]) < 1e-4
    twins = torch.tensor([[1.0, 0], [1, 0], [0, 1]])  # equal captions share the answer
    assert contrastive_loss(twins, twins, scale, ["a", "a", "b"]) == pytest.approx(
        2 / 3 * math.log(2), abs=1e-4
    )


def test_attributes_become_numbers(tiny_zip):
    faces = FaceZip(str(tiny_zip))
    values = attribute_values(faces)
    table = attribute_classes(faces, values)
    assert set(values) == {"skin", "hair", "smile"} and values["smile"] == ["False", "True"]
    n = list(values).index("hair")
    assert [values["hair"][i] for i in table[:, n].tolist()] == [
        row["hair"] for row in faces.attributes
    ]
