"""EG3D camera labels: orthonormal, right-handed, radius 2.7; projection inverts the rays."""

import numpy as np
from gantoolkit_annyfaces import camera


def test_label_is_a_rotation_at_radius():
    for yaw, pitch in ((0, 0), (0.4, -0.2), (-0.6, 0.3)):
        label = camera.look_at(yaw, pitch)
        pose = label[:16].reshape(4, 4).astype(np.float64)
        rotation = pose[:3, :3]
        assert label.shape == (25,)
        assert np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-6)
        assert np.isclose(np.linalg.det(rotation), 1, atol=1e-6)
        assert np.isclose(np.linalg.norm(pose[:3, 3]), 2.7, atol=1e-5)
    front = camera.look_at(0, 0)
    assert np.allclose(
        front[:16].reshape(4, 4),
        [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 2.7], [0, 0, 0, 1]],
        atol=1e-6,
    )
    assert np.allclose(front[16:], [4.2647, 0, 0.5, 0, 4.2647, 0.5, 0, 0, 1])


def test_projection_inverts_rays():
    label = camera.look_at(0.3, -0.1)
    origin, rays = camera.rays(label, 8)
    place, distance = camera.project(label, origin + rays * 2.5)
    center = (np.arange(8) + 0.5) / 8
    x, y = np.meshgrid(center, center)
    assert np.allclose(place, np.stack([x.ravel(), y.ravel()], 1), atol=1e-5)
    assert np.allclose(distance, 2.5, atol=1e-5)


def test_angles_follow_ffhq():
    z = np.random.default_rng(0).standard_normal((4000, 2))
    yaw, pitch = np.array([camera.angles(row) for row in z]).T
    assert abs(yaw.std() - 0.25) < 0.02
    assert abs(pitch.std() - 0.15) < 0.01
    assert abs(yaw).max() <= 0.65
