"""Views, films, meshes and cameras of `generate`, with a small fake pipeline."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from fake_pipeline import Pipeline, Solid, options
from PIL import Image

from gantoolkit.core.camera import Frame, orbit_camera
from gantoolkit.core.errors import DataError
from gantoolkit.data import pose
from gantoolkit.inference import cameras
from gantoolkit.inference.generate import generate


def test_everything_of_a_3d_face(masks, tmp_path):
    pytest.importorskip("skimage.measure")
    wanted = options(
        masks / "b.png",
        tmp_path,
        views=3,
        camera="frontal",
        depth=True,
        mesh=True,
        turntable="gif",
        frames=6,
    )
    rows = list(generate(Pipeline(Solid()), wanted))
    images = [r for r in rows if r["kind"] == "image"]
    assert [r["file"] for r in images] == [f"b-seed0-view{k}.png" for k in range(3)]
    reds = [np.asarray(Image.open(tmp_path / "out" / r["file"]))[0, 0, 0] for r in images]
    assert reds[1] < reds[0] < reds[2]
    depth = np.asarray(Image.open(tmp_path / "out" / "b-seed0-view0-depth.png"))
    assert depth.dtype == np.uint16 and (depth == 32768).all()
    assert Image.open(tmp_path / "out" / "b-seed0-turntable.gif").n_frames == 6
    assert (tmp_path / "out" / "b-seed0-mesh.ply").read_bytes().startswith(b"ply")
    assert images[0]["camera"] == "frontal" and len(images[0]["label"]) == 25


def test_one_view_has_no_number(masks, tmp_path):
    rows = list(generate(Pipeline(Solid()), options(masks / "b.png", tmp_path, camera="frontal")))
    assert [r["file"] for r in rows] == ["b-seed0.png"]


def test_camera_labels_beside_the_masks(masks, tmp_path):
    label = orbit_camera(0.3, -0.1).label[0].tolist()
    with pytest.raises(DataError, match="--camera frontal or --camera estimate"):
        list(generate(Pipeline(Solid()), options(masks, tmp_path, camera="label")))
    (masks / "dataset.json").write_text(json.dumps({"labels": [["image/b.webp", label]]}))
    row = list(generate(Pipeline(Solid()), options(masks / "b.png", tmp_path)))[0]
    assert row["camera"] == "label" and row["label"] == pytest.approx(label, abs=1e-5)
    for labels in ([["b.png"]], [3], [[3, label]], "b.png", 7):
        (masks / "dataset.json").write_text(json.dumps({"labels": labels}))
        cameras._read_json.cache_clear()
        with pytest.raises(DataError, match="dataset.json should hold"):
            list(generate(Pipeline(Solid()), options(masks / "b.png", tmp_path)))
    for numbers in ([1, 2], [float("nan")] * 25, ["x"], [label[:2]], [0.0] * 25, None):
        (masks / "b.json").write_text(json.dumps(numbers))
        cameras._read_json.cache_clear()
        with pytest.raises(DataError, match="b.json should hold 25 numbers of a camera"):
            list(generate(Pipeline(Solid()), options(masks / "b.png", tmp_path)))


def test_cameras_are_level_in_the_frame_of_the_generator(masks, tmp_path):
    """FFHQ's frame sees a level face from 0.16 rad above: cameras other than labels move by it."""
    tilted = Solid()
    tilted.frame = Frame(-0.16)
    for source in ("frontal", "estimate"):
        found = []
        for name, generator in (("plain", Solid()), ("tilted", tilted)):
            rows = list(
                generate(
                    Pipeline(generator),
                    options(masks, tmp_path / name / source, camera=source, views=3),
                )
            )
            found.append(torch.tensor([row["label"] for row in rows]))
        (yaw, pitch), (same, lower) = (pose.angles(labels) for labels in found)
        torch.testing.assert_close(same, yaw, atol=1e-4, rtol=0)
        torch.testing.assert_close(lower, pitch - 0.16, atol=1e-4, rtol=0)
    film = cameras.turntable(orbit_camera(0.0), 4, Frame(-0.16)).label
    assert float(pose.angles(film)[1].mean()) == pytest.approx(-0.16, abs=1e-4)


def test_turntable_returns_to_its_start():
    base = orbit_camera(0.0)
    camera = cameras.turntable(base, 48)
    assert len(camera) == 48 and camera.cam2world[:, 0, 3].mean().abs() < 1e-5
    steps = (camera.cam2world - camera.cam2world.roll(1, 0))[:, :3, 3].norm(dim=1)
    assert float(steps.max() / steps.median()) < 3
    assert float(camera.cam2world[:, :3, 3].norm(dim=1).std()) < 1e-5
