"""EG3D's camera: 25 numbers, OpenCV axes (x right, y down, z forward), world y up, radius 2.7.

c[:16] is cam2world row-major, c[16:] the intrinsics normalized by the image size. The camera orbits
the world origin and looks at PIVOT, as EG3D's LookAtPoseSampler does.
"""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.parts import vectors

RADIUS = 2.7  # world units from the origin
PIVOT = np.array([0.0, 0.0, 0.2])
FOCAL = 4.2647  # of the image's width
INTRINSICS = np.array(
    [
        [FOCAL, 0, 0.5],
        [0, FOCAL, 0.5],
        [0, 0, 1],
    ]
)
YAW_STD = 0.25  # radians; close to FFHQ's spread
PITCH_STD = 0.15
YAW_LIMIT = 0.65  # radians
PITCH_LIMIT = 0.4


def angles(z):
    """Turn two standard normals into (yaw, pitch) in radians, clipped.

    Positive yaw shows more of the person's left side.
    """
    yaw = np.clip(z[0] * YAW_STD, -YAW_LIMIT, YAW_LIMIT)
    pitch = np.clip(z[1] * PITCH_STD, -PITCH_LIMIT, PITCH_LIMIT)
    return float(yaw), float(pitch)


def look_at(yaw, pitch):
    """Compute the camera label [25] float32 for an orbit angle in radians.

    (0, 0) is frontal; positive pitch looks from above.
    """
    x = np.sin(yaw) * np.cos(pitch)
    z = np.cos(yaw) * np.cos(pitch)
    origin = RADIUS * np.array([x, np.sin(pitch), z])
    forward = (PIVOT - origin) / np.linalg.norm(PIVOT - origin)
    right = -np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    # EG3D's sampler calls this column "up"; with forward × right it points down, as OpenCV wants.
    up = np.cross(forward, right)
    up /= np.linalg.norm(up)
    pose = np.eye(4)
    pose[:3, 0] = right
    pose[:3, 1] = up
    pose[:3, 2] = forward
    pose[:3, 3] = origin
    label = np.concatenate([pose.ravel(), INTRINSICS.ravel()])
    return label.astype(np.float32)


def rays(label, size):
    """Compute the rays of a camera label through the centers of size × size pixels.

    Returns the world origin [3] and unit directions [size·size, 3] in row-major order, float32.
    """
    pose = label[:16].reshape(4, 4).astype(np.float64)
    rotation = pose[:3, :3]
    center = (np.arange(size) + 0.5) / size
    slope = (center - 0.5) / FOCAL
    x, y = np.meshgrid(slope, slope)
    local = vectors(x, y, np.ones_like(x)).reshape(-1, 3)
    local /= np.linalg.norm(local, axis=1, keepdims=True)
    direction = local @ rotation.T
    return pose[:3, 3].astype(np.float32), direction.astype(np.float32)


def project(label, points):
    """Project world points [N,3] into the picture of a camera label.

    Returns image coordinates [N,2] in 0..1 (x right, y down) and the distance along the ray [N].
    """
    pose = label[:16].reshape(4, 4).astype(np.float64)
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    place = local[:, :2] / local[:, 2:] * FOCAL + 0.5
    return place, np.linalg.norm(local, axis=1)
