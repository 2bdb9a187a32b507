"""gantoolkit data resize: the same samples, smaller."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from gantoolkit.cli import main
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.resize import resize


@pytest.fixture
def half(tiny_zip, tmp_path):
    resize(tiny_zip, tmp_path / "half.zip", FaceZip(tiny_zip).resolution // 2)
    return FaceZip(tmp_path / "half.zip")


def test_pixels_are_means_and_labels_are_kept(tiny_zip, half):
    """Against means of 2 × 2 pixels by reshaping; every label occurs in its own cell."""
    whole = FaceZip(tiny_zip)
    rows, size = torch.arange(len(whole)), half.resolution
    cells = whole.images[rows].float().reshape(len(rows), 3, size, 2, size, 2)
    assert (half.images[rows].float() - cells.mean((3, 5))).abs().max() <= 0.51
    labels = whole.labels[rows].reshape(len(rows), size, 2, size, 2)
    assert (labels == half.labels[rows][:, :, None, :, None]).any(4).any(2).all()


def test_all_else_is_the_same(tiny_zip, half):
    whole = FaceZip(tiny_zip)
    assert half.captions == whole.captions and half.attributes == whole.attributes
    assert torch.equal(half.cameras, whole.cameras) and torch.equal(half.factors, whole.factors)
    assert torch.equal(half.identities, whole.identities)


def test_compact_is_near_and_takes_half_the_room(tmp_path):
    for name, compact in (("plain", False), ("compact", True)):
        resize("val", tmp_path / f"{name}.zip", 64, limit=8, compact=compact)
    whole, near = FaceZip(tmp_path / "plain.zip"), FaceZip(tmp_path / "compact.zip")
    assert torch.equal(near.labels[:], whole.labels[:])
    assert (
        near.images[:].float() - whole.images[:].float()
    ).square().mean() < 255**2 / 10**3.5  # 35 dB
    grays = near.scribbles[:].float()
    assert (grays - whole.scribbles[:].float()).abs().max() <= 8.5 and (grays % 17 == 0).all()
    assert (tmp_path / "compact.zip").stat().st_size < 0.5 * (tmp_path / "plain.zip").stat().st_size


def test_parts_and_samples_are_left_out(tiny_zip, tmp_path, capsys):
    out = tmp_path / "few.zip"
    size = FaceZip(tiny_zip).resolution
    code = main.main(
        [
            "data",
            "resize",
            str(tiny_zip),
            "--resolution",
            str(size),
            "--out",
            str(out),
            "--limit",
            "3",
            "--no-depth",
            "--no-factors",
        ]
    )
    assert code == 0 and "3 samples" in capsys.readouterr().out
    names = zipfile.ZipFile(out).namelist()
    assert sum(name.startswith("image/") for name in names) == 3 and not any(
        "depth" in name for name in names
    )
    assert len(FaceZip(out)) == 3 and b"factors" not in zipfile.ZipFile(out).read("samples.jsonl")
    name = next(name for name in names if name.startswith("image/"))
    with zipfile.ZipFile(tiny_zip) as old:
        assert zipfile.ZipFile(out).read(name) == old.read(name)  # of the same size: untouched


@pytest.mark.parametrize("bad", ["larger", "torn"])
def test_what_cannot_be_is_a_sentence(tiny_zip, tmp_path, capsys, bad):
    source, size = tiny_zip, 8
    if bad == "larger":
        size = 4096
    else:
        source = tmp_path / "torn.zip"
        source.write_bytes(tiny_zip.read_bytes()[:2000])
    code = main.main(
        [
            "data",
            "resize",
            str(source),
            "--resolution",
            str(size),
            "--out",
            str(tmp_path / "out.zip"),
        ]
    )
    said = capsys.readouterr().err
    assert code in (1, 2) and said.startswith("gantoolkit: ") and "Traceback" not in said
    assert [p.name for p in tmp_path.iterdir() if "out" in p.name] == []


def test_sixteen_bit_depth_survives(tmp_path):
    from gantoolkit.data.resize import _resize_image

    depth = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    out = io.BytesIO()
    Image.fromarray(depth).save(out, "PNG")
    small = np.array(Image.open(io.BytesIO(_resize_image(out.getvalue(), "depth", 4))))
    assert small.shape == (4, 4) and np.isin(small, depth).all() and small.max() > 40000


def test_the_source_is_never_replaced(tiny_zip, tmp_path, capsys):
    source = tmp_path / "faces.zip"
    source.write_bytes(tiny_zip.read_bytes())
    (tmp_path / "link.zip").symlink_to(source)
    for out in (source, tmp_path / "link.zip"):
        assert (
            main.main(["data", "resize", str(source), "--resolution", "16", "--out", str(out)]) == 2
        )
        assert "is the source itself; name another --out" in capsys.readouterr().err
    assert (
        main.main(["data", "resize", str(source), "--resolution", "16", "--out", str(tmp_path)])
        == 2
    )
    assert "is a folder; name a file in it" in capsys.readouterr().err
    assert source.read_bytes() == tiny_zip.read_bytes()
