"""Archives: complete, readable, and the same bytes whether or not the run was interrupted."""

import io
import json
import zipfile

import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("warp")
from gantoolkit_annyfaces import archive, encoding, write_zip
from gantoolkit_annyfaces.captions import COUNT
from PIL import Image

from gantoolkit.core.errors import UsageError
from gantoolkit.data.face_zip import DEPTH_RANGE


def test_interrupted_run_gives_the_same_zip(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "SHARD", 4)
    options = {"resolution": 32, "views": 2, "depth": True, "shading": "fast"}
    whole = write_zip(tmp_path / "whole.zip", 6, **options)

    def stop(done, count, rate):
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_zip(tmp_path / "part.zip", 6, progress=stop, **options)
    assert not (tmp_path / "part.zip").exists()
    resumed = write_zip(tmp_path / "part.zip", 6, **options)
    assert resumed.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "part.zip.parts").exists()


def test_contents(tmp_path):
    path = write_zip(tmp_path / "a.zip", 3, 32, depth=True, start=7)
    with zipfile.ZipFile(path) as z:
        info = json.loads(z.read("dataset.json"))
        lines = [json.loads(line) for line in z.read("samples.jsonl").decode().splitlines()]
        mask = Image.open(io.BytesIO(z.read("mask/00000000.png")))
        depth = np.asarray(Image.open(io.BytesIO(z.read("depth/00000000.png"))))
        assert Image.open(io.BytesIO(z.read("image/00000002.webp"))).size == (32, 32)
    assert info["resolution"] == 32
    assert len(info["labels"]) == 3
    assert len(info["labels"][0][1]) == 25
    assert info["labels"][1][0] == "image/00000001.webp"
    assert [line["identity"] for line in lines] == [7, 8, 9]
    assert len(lines[0]["factors"]) == len(info["factor_names"])
    assert len(lines[0]["captions"]) == COUNT
    labels = np.asarray(mask)
    assert mask.mode == "P"
    assert labels.max() < 19
    assert mask.getpalette()[3:6] == [204, 0, 0]
    assert encoding.DEPTH_RANGE == DEPTH_RANGE
    assert 2.0 < depth[labels > 0].mean() / 65535 * DEPTH_RANGE < 3.2


def test_parts_of_another_job_are_refused(tmp_path):
    folder = tmp_path / "a.zip.parts"
    folder.mkdir()
    (folder / "job.json").write_text("{}")
    with pytest.raises(UsageError, match="another render"):
        write_zip(tmp_path / "a.zip", 2, 32)


@pytest.mark.parametrize(
    "options, others",
    [
        (
            {"shading": "fast"},
            [
                {"seed": 1},
                {"domain": "clay"},
                {"shading": "full"},
                {"depth": True},
                {"states": 2},
                {"rare": 2.0},
            ],
        ),
        (
            {"depth": True, "factors": False, "image_format": "png"},
            [
                {"depth": False},
                {"factors": True},
                {"image_format": "webp"},
                {"shading": "fast"},
                {"count": 2},
            ],
        ),
    ],
)
def test_a_finished_archive_is_kept(tmp_path, capsys, options, others):
    options = {"count": 1, "resolution": 16} | options
    path = write_zip(tmp_path / "a.zip", **options)
    before = path.stat().st_mtime_ns
    assert write_zip(path, **options, resume=False) == path
    assert "complete already" in capsys.readouterr().err
    for other in others:
        with pytest.raises(UsageError, match="not of these settings"):
            write_zip(path, **(options | other))
    assert path.stat().st_mtime_ns == before
    assert not (tmp_path / "a.zip.parts").exists()


def test_other_content_and_folders_are_refused_before_rendering(tmp_path):
    (tmp_path / "notes.zip").write_text("mine")
    with pytest.raises(UsageError, match="not of these settings"):
        write_zip(tmp_path / "notes.zip", 1, 16)
    with pytest.raises(UsageError, match="is a folder; name a file in it"):
        write_zip(tmp_path, 1, 16)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.zip"]
    assert not tmp_path.with_name(tmp_path.name + ".parts").exists()
