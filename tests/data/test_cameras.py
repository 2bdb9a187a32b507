"""Camera labels of other conventions, and cameras fitted to landmarks of rendered faces."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from gantoolkit.core.camera import orbit_camera
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.data import cameras, landmarks, pose
from gantoolkit.data.face_zip import FaceZip

MASK_POINTS = {
    "yaw_mean": 9.0,
    "pitch_mean": 12.5,
}  # degrees on rendered faces of 64 px, docs/full-scale.md


def ring() -> np.ndarray:
    return (
        orbit_camera(torch.linspace(-0.6, 0.6, 7), torch.linspace(-0.3, 0.2, 7))
        .label.double()
        .numpy()
    )


def test_conventions_are_recognized_and_converted():
    labels = ring()
    other = labels.copy()
    other[:, [1, 2, 5, 6, 9, 10]] *= -1
    assert (
        cameras.detect_convention(labels) == "eg3d" and cameras.detect_convention(other) == "ide3d"
    )
    for given in (labels, other):
        np.testing.assert_allclose(cameras.to_eg3d(given), labels)
    np.testing.assert_allclose(cameras.to_eg3d(other, "ide3d"), labels)
    with pytest.raises(UsageError, match="convention='colmap'"):
        cameras.to_eg3d(labels, "colmap")
    assert not any(cameras.find_label_problem(label) for label in labels)
    assert all("looks away" in cameras.find_label_problem(label) for label in other)


def test_a_mirrored_label_is_the_camera_on_the_other_side():
    yaw, pitch = torch.tensor([0.3]), torch.tensor([0.1])
    expected = orbit_camera(-yaw, pitch).label[0].numpy()
    np.testing.assert_allclose(
        cameras.mirror_label(orbit_camera(yaw, pitch).label[0].numpy()), expected, atol=1e-6
    )


def test_label_files(tmp_path):
    labels = ring()
    rows = [[f"00000/img{k:08d}.png", label.tolist()] for k, label in enumerate(labels)]
    rows.append(["00000/img00000000_mirror.png", labels[0].tolist()])
    file = tmp_path / "dataset.json"
    file.write_text(json.dumps({"labels": rows}))
    found = cameras.read_camera_labels(file)
    assert list(found) == [str(k) for k in range(7)] and np.allclose(found["3"], labels[3])
    assert (
        cameras.stem("12.jpg")
        == cameras.stem("00012_.png".replace("_", ""))
        == "12"
        != cameras.stem("face.png")
    )
    file.write_text('{"labels": null}')
    with pytest.raises(DataError, match="holds no camera labels"):
        cameras.read_camera_labels(file)


def angles_of(label: np.ndarray) -> np.ndarray:
    return np.rad2deg([float(a) for a in pose.angles(torch.tensor(label)[None].float())])


def test_fit_finds_the_camera_of_exact_points():
    """Rendered faces' own cameras project the face mesh; the fit must return them."""
    numbers, model = landmarks.mesh_landmarks()
    worst = 0.0
    for label in FaceZip("val").cameras[:40].double().numpy():
        to_camera = np.linalg.inv(label[:16].reshape(4, 4))
        points = cameras.project(model, to_camera[:3, :3], to_camera[:3, 3], label[16])
        found, error = cameras.fit_camera(points, model, label[16])
        assert error < 1e-6
        worst = max(worst, np.abs(angles_of(found) - angles_of(label)).max())
    assert worst < 0.05


def test_fit_bears_noise_and_agrees_with_opencv():
    cv2 = pytest.importorskip("cv2")
    numbers, model = landmarks.mesh_landmarks()
    rng, off = np.random.default_rng(0), []
    for label in FaceZip("val").cameras[:40].double().numpy():
        to_camera = np.linalg.inv(label[:16].reshape(4, 4))
        points = cameras.project(model, to_camera[:3, :3], to_camera[:3, 3]) + rng.normal(
            0, 0.004, (len(model), 2)
        )
        found, _ = cameras.fit_camera(points, model)
        off.append(np.abs(angles_of(found) - angles_of(label)))
        inner = np.array([[4.2647, 0, 0.5], [0, 4.2647, 0.5], [0, 0, 1]])
        _, turn, shift = cv2.solvePnP(model, points, inner, None, flags=cv2.SOLVEPNP_ITERATIVE)
        place = -cv2.Rodrigues(turn)[0].T @ shift.ravel()
        np.testing.assert_allclose(
            found[[3, 7, 11]], place * 2.7 / np.linalg.norm(place), atol=0.02
        )
    assert np.mean(off, 0).max() < 2.0  # degrees, for landmarks off by two pixels of 512


def test_five_points_of_a_label_map_give_a_rough_camera():
    data = FaceZip("val")
    off, missed = [], 0
    for labels, camera in zip(data.labels[:120].numpy(), data.cameras[:120].double().numpy()):
        try:
            five = landmarks.landmarks_of_label_map(labels)
        except DataError:
            missed += 1
            continue
        off.append(np.abs(angles_of(cameras.fit_camera(five)[0]) - angles_of(camera)))
    yaw, pitch = np.mean(off, 0)
    print(
        f"five points of a label map: yaw {yaw:.2f}°, pitch {pitch:.2f}°, {missed} of 120 without"
    )
    assert missed < 12 and yaw < MASK_POINTS["yaw_mean"] and pitch < MASK_POINTS["pitch_mean"]


def test_the_mesh_lies_on_the_five_points():
    numbers, model = landmarks.mesh_landmarks()
    whole = np.zeros((478, 3))
    whole[numbers] = model
    assert np.abs(landmarks.five_points_of_mesh(whole) - cameras.MEAN_FACE).max() < 0.02


def test_photos_without_the_library_get_a_sentence(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(UsageError, match=r"gantoolkit\[landmarks\]"):
        landmarks.FaceMesh(tmp_path / "face_landmarker.task")
