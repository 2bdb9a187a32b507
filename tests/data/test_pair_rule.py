"""One rule for captions and noise: whatever draws a data set draws the same pairs."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import pytest
import torch

from gantoolkit.bench import pairs
from gantoolkit.bench.figures.scene import Scene
from gantoolkit.core.types import Latent, Render
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.inference import generate_dataset
from gantoolkit.inference.options import GenerateOptions
from gantoolkit.tasks.bridge.config import SamplingConfig
from gantoolkit.tasks.bridge.trajectories import Trajectories

SEED = 5


@pytest.fixture
def data(tiny_zip) -> FaceZip:
    """A data set whose samples have 1, 2, 3, … captions; 7 does not divide most counts."""
    faces = FaceZip(tiny_zip)
    faces.captions = [[f"{i}: {k}" for k in range(1 + i % 9)] for i in range(len(faces))]
    return faces


def by_hand(data: FaceZip, seed: int = SEED) -> list[tuple[str, int]]:
    """The rule of docs/benchmark-protocol.md, written again."""
    texts = [captions[7 * i % len(captions)] for i, captions in enumerate(data.captions)]
    return [(text, 1000003 * seed + i) for i, text in enumerate(texts)]


def drawn(condition) -> list[tuple[str, int]]:
    return list(zip(condition.text, condition.seed.tolist()))


def generated(data: FaceZip, out, monkeypatch) -> list[tuple[str, int]]:
    """What `generate --data` hands to the pipeline."""
    seen = []

    def latent(condition, **_):
        seen.extend(drawn(condition))
        return Latent(torch.zeros(len(condition), 1, 4))

    pipeline = SimpleNamespace(
        condition="mask",
        generator=SimpleNamespace(is_3d=False),
        latent=latent,
        render=lambda *_: Render(torch.zeros(1, 3, 8, 8)),
    )
    monkeypatch.setattr(generate_dataset, "FaceZip", lambda _: data)
    options = GenerateOptions(data="x.zip", out=str(out), seed=SEED, batch=5)
    list(generate_dataset.generate(pipeline, options))
    return seen


def listed(data: FaceZip, tmp_path) -> list[tuple[str, int]]:
    """What a frozen list of `bench` makes of the data."""
    file = pairs.freeze(data, tmp_path / "list.csv")
    with open(file, newline="") as stream:
        entries = list(csv.DictReader(stream))
    found = pairs.Pairs("list", data, entries, SEED)
    return drawn(found.sample(torch.arange(len(data)), "mask").condition)


def trajectories(data: FaceZip, folder, **sampling) -> Trajectories:
    config = SamplingConfig(**sampling)
    return Trajectories(data, SimpleNamespace(), {}, "mask", config, folder)


def test_generate_records_bench_and_figures_draw_the_same_pairs(data, tmp_path, monkeypatch):
    expected = by_hand(data)
    rows = torch.arange(len(data))
    records = trajectories(data, tmp_path / "cache", seed=SEED)
    assert drawn(records.sample(rows).condition) == expected
    assert generated(data, tmp_path / "out", monkeypatch) == expected
    assert listed(data, tmp_path) == expected

    scene = Scene((SimpleNamespace(specs={"condition": "mask"}),), data, tuple(range(len(data))))
    assert drawn(scene.sample(range(len(data))).condition) == by_hand(data, seed=0)


def test_further_captions_of_training_have_texts_and_noise_of_their_own(data, tmp_path):
    several = trajectories(data, tmp_path, captions=3)
    found = several.sample(torch.arange(len(several))).condition
    count = len(data)
    assert drawn(found)[:count] == by_hand(data, seed=0)
    for sample in range(count):
        texts = {found.text[sample + k * count] for k in range(3)}
        assert len(texts) == min(3, len(data.captions[sample]))
    assert len(set(found.seed.tolist())) == 3 * count


def test_trajectories_of_another_rule_are_not_met_again(data, tmp_path, monkeypatch):
    folder = trajectories(data, tmp_path).cache.folder
    monkeypatch.setattr("gantoolkit.tasks.bridge.trajectories.SEEDS", "another rule")
    assert trajectories(data, tmp_path).cache.folder != folder
