"""EG3D's camera: 25 numbers, OpenCV axes (x right, y down, z forward), world y up, radius 2.7.

c[:16] is cam2world row-major, c[16:] the intrinsics normalised by the image size. The camera orbits the
world origin and looks at PIVOT, as EG3D's LookAtPoseSampler does.
"""
from __future__ import annotations

import numpy as np

RADIUS = 2.7
PIVOT = np.array([0.0, 0.0, 0.2])
FOCAL = 4.2647
YAW_STD, PITCH_STD = 0.25, 0.15            # radians; close to FFHQ's spread
YAW_LIMIT, PITCH_LIMIT = 0.65, 0.4         # radians


def angles(z):
    """Two standard normals to (yaw, pitch) in radians, clipped. Positive yaw shows more of the person's left side."""
    return (float(np.clip(z[0] * YAW_STD, -YAW_LIMIT, YAW_LIMIT)),
            float(np.clip(z[1] * PITCH_STD, -PITCH_LIMIT, PITCH_LIMIT)))


def look_at(yaw, pitch):
    """Camera label [25] float32 for an orbit angle; (0, 0) is frontal, positive pitch looks from above."""
    origin = RADIUS * np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    forward = (PIVOT - origin) / np.linalg.norm(PIVOT - origin)
    right = -np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    up = np.cross(forward, right)
    up /= np.linalg.norm(up)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = right, up, forward, origin
    # EG3D's sampler calls this column "up"; with forward × right it points down, as OpenCV wants.
    intrinsics = np.array([[FOCAL, 0, 0.5], [0, FOCAL, 0.5], [0, 0, 1]])
    return np.concatenate([pose.ravel(), intrinsics.ravel()]).astype(np.float32)


def rays(label, size):
    """World origin [3] and unit directions [size·size, 3] (row-major pixels, through pixel centres)."""
    pose = label[:16].reshape(4, 4).astype(np.float64)
    centre = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid((centre - 0.5) / FOCAL, (centre - 0.5) / FOCAL)
    local = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3)
    local /= np.linalg.norm(local, axis=1, keepdims=True)
    return pose[:3, 3].astype(np.float32), (local @ pose[:3, :3].T).astype(np.float32)


def project(label, points):
    """World points [N,3] to image coordinates [N,2] in 0..1 (x right, y down) and distance along the ray [N]."""
    pose = label[:16].reshape(4, 4).astype(np.float64)
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    return local[:, :2] / local[:, 2:] * FOCAL + 0.5, np.linalg.norm(local, axis=1)
