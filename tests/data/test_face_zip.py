from __future__ import annotations

import json
import zipfile

import pytest
import torch

from gantoolkit.core.errors import DataError
from gantoolkit.core.images import one_hot, to_float, to_uint8
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.lazy_images import LazyImages
from gantoolkit.data.resize import resize


def test_reads_everything(tiny_zip):
    data = FaceZip(tiny_zip)
    assert len(data) == 24 and data.resolution == 32
    assert data.images.shape == (24, 3, 32, 32) and data.images.dtype == torch.uint8
    assert data.labels.shape == (24, 32, 32) and {0, 1, 17} <= set(data.labels.unique().tolist())
    assert data.cameras.shape == (24, 25) and data.factors.shape == (24, 6)
    assert data.depths[data.labels > 0].mean().sub(2.5).abs() < 1e-4
    assert set(data.scribbles.unique().tolist()) == {0, 255}


def test_sample_takes_caption_and_seed_per_row(tiny_zip):
    data = FaceZip(tiny_zip)
    sample = data.sample([3, 5], caption=torch.tensor([1, 12]), condition="both", seed=2)
    assert sample.condition.text == (data.captions[3][1], data.captions[5][2])
    assert sample.condition.seed.tolist() == [2_000_009, 2_000_011]
    assert torch.equal(sample.condition.mask.argmax(1), sample.target.labels)
    assert torch.equal(sample.condition.camera.label, data.cameras[[3, 5]])
    assert sample.condition.scribble.max() == 1
    assert sample.target[[1]].attributes == (data.attributes[5],)


def test_border_conversions_invert():
    pictures = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(to_uint8(to_float(pictures)), pictures)
    assert one_hot(torch.tensor([[[18, 0]]]))[0, 18, 0].tolist() == [1, 0]


def test_damaged_zips_answer_with_a_sentence(tiny_zip, tmp_path):
    broken = tmp_path / "broken.zip"
    broken.write_bytes(tiny_zip.read_bytes()[:1000])
    with pytest.raises(DataError, match="not a readable data set zip"):
        FaceZip(broken)
    with zipfile.ZipFile(tiny_zip) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"no picture" if name == "image/00000002.png" else old.read(name))
    with pytest.raises(DataError, match="image/00000002.png cannot be decoded"):
        len(FaceZip(broken).images)


def changed(source, target, change):
    """The zip at `source` with `change(meta, rows)` of dataset.json and samples.jsonl."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        meta = json.loads(old.read("dataset.json"))
        rows = [json.loads(line) for line in old.read("samples.jsonl").decode().splitlines()]
        meta, rows = change(meta, rows) or (meta, rows)
        new.writestr("dataset.json", json.dumps(meta))
        new.writestr("samples.jsonl", "\n".join(json.dumps(row) for row in rows))
        for name in set(old.namelist()) - {"dataset.json", "samples.jsonl"}:
            new.writestr(name, old.read(name))
    return target


MALFORMED = [
    (lambda meta, rows: meta.update(labels=None), "a camera for every picture"),
    (lambda meta, rows: ([1, 2], rows), "a camera for every picture"),
    (lambda meta, rows: meta.update(labels=[["image/00000000.png"]]), "a camera for every picture"),
    (lambda meta, rows: meta.update(resolution="64"), "should hold .resolution"),
    (
        lambda meta, rows: (meta, [list(row) for row in rows]),
        "samples.jsonl, line 1: it is a list instead of a JSON object",
    ),
    (
        lambda meta, rows: rows[2].update(file=2),
        "line 3 of samples.jsonl should be an object with the name",
    ),
    (
        lambda meta, rows: rows[2].update(file="absent.png"),
        "line 3 of samples.jsonl names absent.png",
    ),
    (lambda meta, rows: rows[1].update(captions="a face"), "line 2 .* list of texts as 'captions'"),
    (
        lambda meta, rows: rows[1].update(captions=["a\ufffdface"]),
        "line 2 .* replacement character",
    ),
    (lambda meta, rows: rows[1].update(captions=["a face\0"]), "line 2 .* NUL character"),
    (lambda meta, rows: rows[1].update(identity="one"), "line 2 .* whole number as 'identity'"),
    (lambda meta, rows: rows[1].update(attributes=[3]), "line 2 .* object as 'attributes'"),
    (lambda meta, rows: rows[1].update(factors=[3]), "equally many numbers"),
    (
        lambda meta, rows: meta["labels"][1].__setitem__(1, [0.0] * 16),
        "the camera of image/00000001.png .* 25 finite",
    ),
    (
        lambda meta, rows: meta["labels"][1][1].__setitem__(3, float("nan")),
        "the camera of image/00000001.png .* 25 finite",
    ),
    (
        lambda meta, rows: meta["labels"][1].__setitem__(1, "front"),
        "the camera of image/00000001.png .* 25 finite",
    ),
    (
        lambda meta, rows: meta["labels"][1].__setitem__(1, [0.0] * 25),
        "its rotation is not a rotation",
    ),
]


@pytest.mark.parametrize("change, words", MALFORMED)
def test_malformed_zips_answer_with_a_sentence(tiny_zip, tmp_path, change, words):
    broken = changed(tiny_zip, tmp_path / "broken.zip", change)
    for use in (FaceZip, lambda path: resize(path, tmp_path / "small.zip", 16)):
        with pytest.raises(DataError, match=words):
            use(broken)


def test_large_sets_decode_on_demand_to_the_same_values(tiny_zip, monkeypatch):
    whole, lazy, kinds = (
        FaceZip(tiny_zip),
        FaceZip(tiny_zip),
        ("images", "labels", "scribbles", "depths"),
    )
    kept = [getattr(whole, kind) for kind in kinds]
    monkeypatch.setenv("GANTOOLKIT_DATA_GB", "1e-6")
    for here, there in zip(kept, (getattr(lazy, kind) for kind in kinds)):
        assert isinstance(there, LazyImages) and isinstance(here, torch.Tensor)
        assert there.shape == here.shape and there.dtype == here.dtype and len(there) == len(here)
        for index in (
            3,
            -1,
            slice(4, 9),
            [5, 2, 5],
            torch.tensor([0, 23]),
            torch.arange(24) % 7 == 2,
            [],
        ):
            expected = (
                here[torch.tensor(index, dtype=torch.int64)]
                if isinstance(index, list)
                else here[index]
            )
            assert torch.equal(there[index], expected)
        assert torch.equal(torch.cat(list(there.split(10))), here)
    one, two = (
        whole.sample([3, 5], condition="both", seed=2),
        lazy.sample([3, 5], condition="both", seed=2),
    )
    assert torch.equal(one.condition.mask, two.condition.mask) and torch.equal(
        one.target.image_gt, two.target.image_gt
    )
    assert torch.equal(one.condition.scribble, two.condition.scribble)


def test_a_damaged_picture_of_a_large_set_is_named(tiny_zip, tmp_path, monkeypatch):
    monkeypatch.setenv("GANTOOLKIT_DATA_GB", "1e-6")
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(tiny_zip) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"no picture" if name == "image/00000002.png" else old.read(name))
    data = FaceZip(broken)
    assert data.images[[1, 3]].shape == (2, 3, 32, 32)
    with pytest.raises(DataError, match="image/00000002.png cannot be decoded"):
        data.images[1:4]
