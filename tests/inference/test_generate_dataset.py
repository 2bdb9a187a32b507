"""`generate --data`: every sample once, by its own caption, condition and camera."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gantoolkit.cli import main
from gantoolkit.core.types import Latent, Render
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.pair_rule import SEED_STRIDE
from gantoolkit.inference import generate_dataset
from gantoolkit.inference.options import GenerateOptions


class RecordingPipeline:
    """A pipeline that keeps what it is given, and renders its seed's gray; in 3D from a camera."""

    condition = "mask"

    def __init__(self, is_3d: bool = False):
        self.generator, self.seen, self.cameras = type("G", (), {"is_3d": is_3d})(), [], []

    def latent(self, condition, t_out=0, aggregate="last"):
        self.seen.append(condition)
        return Latent((condition.seed.float() % 7 / 7)[:, None, None].expand(-1, 4, 8))

    def render(self, latent, camera=None):
        self.cameras.append(camera)
        return Render(latent.ws.mean((1, 2))[:, None, None, None].expand(-1, 3, 8, 8))


def rows_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("caption", ["rotating", "first"])
def test_captions_conditions_cameras_and_seeds_are_the_samples_own(tiny_zip, tmp_path, caption):
    data, pipeline = FaceZip(tiny_zip), RecordingPipeline(is_3d=True)
    options = GenerateOptions(
        data=str(tiny_zip), out=str(tmp_path), seed=3, batch=5, caption=caption
    )
    rows = list(generate_dataset.generate(pipeline, options, {"run": "runs/x"}))
    numbers = [7 * i if caption == "rotating" else 0 for i in range(len(data))]
    wanted = data.sample(torch.arange(len(data)), torch.tensor(numbers), seed=3)
    assert [row["text"] for row in rows] == [
        captions[number % len(captions)] for number, captions in zip(numbers, data.captions)
    ]
    assert {(row["condition"], row["is_3d"], row["caption"]) for row in rows} == {
        ("mask", True, caption)
    }
    assert (
        [t for c in pipeline.seen for t in c.text]
        == list(wanted.condition.text)
        == [r["text"] for r in rows]
    )
    assert torch.equal(torch.cat([c.mask for c in pipeline.seen]), wanted.condition.mask)
    assert torch.equal(
        torch.cat([c.seed for c in pipeline.seen]), 3 * SEED_STRIDE + torch.arange(len(data))
    )
    assert torch.equal(torch.cat([c.label for c in pipeline.cameras]), data.cameras)
    assert [r["file"] for r in rows] == [f"{Path(f).stem}.png" for f in data.files] and rows_of(
        tmp_path
    ) == rows
    grey = np.asarray(Image.open(tmp_path / rows[1]["file"]))[0, 0, 0] / 127.5 - 1
    assert grey == pytest.approx((3 * SEED_STRIDE + 1) % 7 / 7, abs=0.01)


def test_only_what_is_missing_is_drawn(tiny_zip, tmp_path):
    options = GenerateOptions(data=str(tiny_zip), out=str(tmp_path), batch=4)
    first = generate_dataset.generate(RecordingPipeline(), options)
    for _ in range(5):  # stopped in the second batch, whose rows the manifest does not have yet
        row = next(first)
    (tmp_path / row["file"]).unlink()
    again = list(generate_dataset.generate(RecordingPipeline(), options))
    total = len(FaceZip(tiny_zip))
    assert len(again) == total - 4 and len(rows_of(tmp_path)) == total
    assert list(generate_dataset.generate(RecordingPipeline(), options)) == []
    assert (
        len(
            list(
                generate_dataset.generate(
                    RecordingPipeline(),
                    GenerateOptions(data=str(tiny_zip), out=str(tmp_path), seed=1),
                )
            )
        )
        == total
    )


def test_what_something_else_made_is_drawn_again(tiny_zip, tmp_path):
    """Another bridge at the same place, or other pictures in a file of the same name."""
    total, copy = len(FaceZip(tiny_zip)), tmp_path / "faces.zip"
    copy.write_bytes(tiny_zip.read_bytes())
    options, old = (
        GenerateOptions(data=str(copy), out=str(tmp_path)),
        {"run": "runs/x", "weights": {"bridge": "old"}},
    )
    assert len(list(generate_dataset.generate(RecordingPipeline(), options, old))) == total
    assert not list(generate_dataset.generate(RecordingPipeline(), options, old))
    new = old | {"weights": {"bridge": "new"}}
    assert (
        len(list(generate_dataset.generate(RecordingPipeline(), options, new))) == total
        and rows_of(tmp_path)[0]["weights"] == new["weights"]
    )
    with zipfile.ZipFile(copy, "a") as file:
        file.writestr("README", "another set")
    assert len(list(generate_dataset.generate(RecordingPipeline(), options, new))) == total


@pytest.mark.parametrize(
    "more", [["--text", "a face"], ["--count", "2"], ["--views", "3"], ["--camera", "frontal"]]
)
def test_what_has_no_meaning_beside_data_is_refused(tiny_zip, tmp_path, capsys, more):
    assert (
        main.main(
            ["generate", "runs/x", "--data", str(tiny_zip), "--out", str(tmp_path / "out"), *more]
        )
        == 2
    )
    assert f"{more[0]} cannot stand beside --data" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_a_sentence(tiny_zip, capsys, monkeypatch):
    monkeypatch.setattr(
        "gantoolkit.inference.load.load_with_specs", lambda *_, **__: (RecordingPipeline(), {})
    )
    assert main.main(["generate", "runs/x", "--data", str(tiny_zip), "--device", "cuda"]) == 2
    assert "sees no CUDA device" in capsys.readouterr().err


def test_a_negative_prompt_reaches_the_encoder_and_the_manifest(
    tiny_zip, tmp_path, monkeypatch, capsys
):
    asked = []

    def load(source, generator=None, **changes):
        asked.append(changes)
        pipeline = RecordingPipeline()
        pipeline.to = lambda device: pipeline
        return pipeline, {}

    monkeypatch.setattr("gantoolkit.inference.load.load_with_specs", load)
    monkeypatch.setattr("gantoolkit.inference.load.needed_networks", lambda *_: {})
    monkeypatch.setattr("gantoolkit.inference.bridge_files.pipeline_checksums", lambda *_: {})
    command = ["generate", "runs/3", "--data", str(tiny_zip), "--out", str(tmp_path)]
    assert main.main([*command, "--negative-prompt", "blurry"]) == 0
    assert asked == [{"negative_prompt": "blurry"}]
    assert {row["negative_prompt"] for row in rows_of(tmp_path)} == {"blurry"}

    assert main.main(command) == 2  # a folder of another system
    assert "negative_prompt blurry" in capsys.readouterr().err
    assert main.main(["generate", "x", "--mask", "m", "--caption", "first"]) == 2
    assert "--caption belongs to --data" in capsys.readouterr().err
