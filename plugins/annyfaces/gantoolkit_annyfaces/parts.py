"""Pieces of a scene: triangle meshes with a material and a few numbers per vertex for the shader.

Lengths are "head centimeters": centimeters about the mid-point of the eyes after scaling every head
to the same size, x to the person's left, y up, z out of the face. `to_world` maps them into EG3D's
box of side 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WORLD_SCALE = 0.0205  # world units per head centimeter; a head fills about 4/5 of a frontal view
WORLD_OFFSET = np.array([0.0, 0.03, 0.17])  # where the mid-point of the eyes lies in the world

MATERIALS = (
    "skin",
    "cavity",
    "tongue",
    "eye_l",
    "eye_r",
    "teeth",
    "hair",
    "hat",
    "frame",
    "earring",
    "necklace",
    "collar",
    "lens",
    "lash",
    "cap",
    "beard",
    "brow",
)


@dataclass
class Part:
    """Hold one triangle mesh of one material.

    The meaning of `chart` and `extra` is the material's own; the module that makes a part says it.
    """

    vertices: np.ndarray  # [V,3] cm
    faces: np.ndarray  # [F,3] indices
    material: str  # one of MATERIALS
    chart: np.ndarray  # [V,3] texture coordinates
    extra: np.ndarray | None = None  # [V,4] further numbers for the shader; None: zeros
    normals: np.ndarray | None = None  # [V,3] unit; None: computed from the faces


def to_world(points):
    """Convert head centimeters [..., 3] to world coordinates."""
    return points * WORLD_SCALE + WORLD_OFFSET


def smooth_normals(vertices, faces):
    """Compute area-weighted unit normals [V,3] of vertices [V,3] with faces [F,3]."""
    corner = vertices[faces]
    first_edge = corner[:, 1] - corner[:, 0]
    second_edge = corner[:, 2] - corner[:, 0]
    face_normal = np.cross(first_edge, second_edge)
    index = faces.ravel()
    total = np.empty((len(vertices), 3))
    for axis in range(3):
        of_corners = np.repeat(face_normal[:, axis], 3)
        total[:, axis] = np.bincount(index, of_corners, len(vertices))
    return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)


def unit(rows):
    """Scale rows [..., 3] to length 1."""
    return rows / (np.linalg.norm(rows, axis=-1, keepdims=True) + 1e-9)


def vectors(x, y, z):
    """Join components, each [...], into vectors [..., 3]."""
    return np.stack([x, y, z], -1)


def follow(outline, at):
    """Interpolate an outline of points ((x, y), …) at places `at` along x."""
    x, y = zip(*outline, strict=True)
    return np.interp(at, x, y)


def along(path, place, at):
    """Interpolate points [N,3] of a path, given at `place` [N], at places `at` [M]: [M,3]."""
    points = [np.interp(at, place, path[:, axis]) for axis in range(3)]
    return vectors(*points)


def smoothstep(low, high, value):
    """Rise from 0 below `low` to 1 above `high`, smoothly; `low` may exceed `high` to fall."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def bell(value):
    """Compute exp(−value²): 1 at 0, nearly 0 beyond 2."""
    return np.exp(-(value**2))


def mix(first, second, share):
    """Blend two values: `first` where `share` is 0, `second` where it is 1."""
    return first * (1 - share) + share * second


def waves(points, frequency, key, count=6):
    """Sample a smooth pseudo-random field at points [N,3], about −1..1.

    frequency is in radians per unit of length; `key` and `count` choose the field.
    """
    from gantoolkit_annyfaces.noise import noise

    return noise(points, 0.42 * frequency, 91 * key + count)
