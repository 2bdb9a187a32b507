"""The camera fitted to a label map."""

from __future__ import annotations

import pytest
import torch
from test_label_maps import REAL, real

from gantoolkit.core.camera import orbit_camera
from gantoolkit.core.errors import GantoolkitError
from gantoolkit.core.images import flip_labels
from gantoolkit.data import pose
from gantoolkit.data.label_maps import read_label_map

STATED = {
    "yaw_mean": 0.85,
    "yaw_p95": 2.65,
    "pitch_mean": 2.65,
    "pitch_p95": 7.15,
}  # degrees, docs/generate.md


def head(
    yaw: float, pitch: float, size: int = 96, shift: float = 0.0, scale: float = 1.0
) -> torch.Tensor:
    """A label map [size,size] of a ball of a head with eyes, brows, nose, mouth and ears on it."""
    parts = {
        4: (0.35, 0.2, 0.1),
        5: (-0.35, 0.2, 0.1),
        6: (0.35, 0.42, 0.1),
        7: (-0.35, 0.42, 0.1),
        2: (0, -0.05, 0.14),
        10: (0, -0.45, 0.13),
        8: (0.98, 0.0, 0.15),
        9: (-0.98, 0.0, 0.15),
    }
    pixels = ((torch.arange(size) + 0.5) / size * 2 - 1) / (0.6 * scale)
    y, x = torch.meshgrid(-pixels, pixels - shift, indexing="ij")
    labels = (x**2 + y**2 < 1).long()
    direction = torch.stack(
        [x, y, (1 - x**2 - y**2).clamp_min(0).sqrt()], -1
    )  # seen from the front camera
    tilt, turn = torch.tensor(-pitch), torch.tensor(yaw)  # pitch > 0 lowers the camera
    for label, (px, py, radius) in parts.items():
        point = torch.tensor([px, py, max(1 - px**2 - py**2, 0.0) ** 0.5])
        point = torch.stack(
            [
                turn.cos() * point[0] - turn.sin() * point[2],
                point[1],
                turn.sin() * point[0] + turn.cos() * point[2],
            ]
        )
        point = torch.stack(
            [
                point[0],
                tilt.cos() * point[1] - tilt.sin() * point[2],
                tilt.sin() * point[1] + tilt.cos() * point[2],
            ]
        )
        labels[(labels > 0) & ((direction - point).norm(dim=-1) < radius)] = label
    return labels.to(torch.uint8)


def test_angles_undo_orbit_camera():
    yaw, pitch = torch.tensor([0.0, 0.4, -0.7, 0.1]), torch.tensor([0.0, -0.2, 0.3, 0.25])
    found = pose.angles(orbit_camera(yaw, pitch).label)
    assert torch.allclose(found[0], yaw, atol=1e-5) and torch.allclose(found[1], pitch, atol=1e-5)


def test_a_mirrored_map_has_the_mirrored_camera():
    labels = torch.stack([head(0.3, 0.1), head(-0.1, -0.2)])
    (yaw, pitch), (mirrored, same) = pose.estimate(labels), pose.estimate(flip_labels(labels))
    assert torch.allclose(yaw, -mirrored, atol=1e-6) and torch.allclose(pitch, same, atol=1e-6)


def test_signs_on_a_ball_of_a_head():
    """A camera to the right of the face sees the nose on the left; a low camera sees it high."""
    heads = [head(0.3, 0), head(-0.3, 0), head(0, 0.25), head(0, -0.25), head(0, 0)]
    yaw, pitch = pose.estimate(torch.stack(heads))
    assert yaw[0] > 0.1 and yaw[1] < -0.1 and abs(float(yaw[4])) < 1e-4
    assert pitch[2] > pitch[4] > pitch[3]


def test_place_size_and_resolution_of_the_face_hardly_matter():
    base, moved, small, fine = (
        pose.estimate(head(0.25, 0.05, **k)[None])
        for k in ({}, {"shift": 0.2}, {"scale": 0.8}, {"size": 256})
    )
    for other in (moved, small, fine):
        assert abs(float(other[0] - base[0])) < 0.05 and abs(float(other[1] - base[1])) < 0.1


def test_fit_finds_the_angles_of_heads_it_has_not_seen():
    g = torch.Generator().manual_seed(0)
    angles = (torch.rand(170, 2, generator=g) - 0.5) * torch.tensor([1.0, 0.6])
    labels = torch.stack([head(*a.tolist(), size=48) for a in angles])
    cameras = orbit_camera(angles[:, 0], angles[:, 1]).label
    model = pose.fit_regression(labels[:130], cameras[:130], ridge=1.0)
    found = pose.estimate_errors(labels[130:], cameras[130:], model)
    assert found["yaw_mean"] < 1.5 and found["pitch_mean"] < 1.5


def test_maps_without_a_face_stay_within_bounds():
    for labels in (torch.zeros(1, 32, 32), torch.full((1, 32, 32), 13), torch.full((1, 32, 32), 4)):
        yaw, pitch = pose.estimate(labels.to(torch.uint8))
        assert (
            yaw.isfinite().all()
            and abs(float(yaw)) <= pose.MAX_YAW
            and abs(float(pitch)) <= pose.MAX_PITCH + 1e-6
        )


def test_error_on_renders_is_as_stated():
    from gantoolkit.data.face_zip import FaceZip

    try:
        data = FaceZip("val")
    except GantoolkitError:
        pytest.skip("the rendered validation set is not in this installation")
    found = pose.estimate_errors(data.labels, data.cameras)
    assert found["yaw_spread"] > 8 and found["pitch_spread"] > 4
    assert all(found[name] < limit for name, limit in STATED.items()), found


@real
def test_real_masks_are_nearly_frontal():
    for name in ("cd_27007_512", "cd_29980_512", "cd_29980_256"):
        labels = read_label_map(REAL / "masks" / f"{name}.png", 128)[None]
        yaw, pitch = pose.estimate(labels)
        assert abs(float(yaw)) < 0.35 and abs(float(pitch)) < 0.35
