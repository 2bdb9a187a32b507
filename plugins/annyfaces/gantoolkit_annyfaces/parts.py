"""Pieces of a scene: triangle meshes with a material and a few numbers per vertex for the shader.

Lengths are "head centimetres": centimetres about the mid-point of the eyes after scaling every head to the same
size, x to the person's left, y up, z out of the face. `to_world` maps them into EG3D's box of side 1.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WORLD_SCALE = 0.0205                        # world units per head centimetre; a head fills about 4/5 of a frontal view
WORLD_OFFSET = np.array([0.0, 0.03, 0.17])  # where the mid-point of the eyes lies in the world

MATERIALS = ('skin', 'cavity', 'tongue', 'eye_l', 'eye_r', 'teeth', 'hair', 'hat', 'frame', 'earring',
             'necklace', 'collar', 'lens', 'lash', 'cap', 'beard', 'brow')


def to_world(points):
    """Head centimetres [..., 3] to world coordinates."""
    return points * WORLD_SCALE + WORLD_OFFSET


@dataclass
class Part:
    """`vertices` [V,3] cm, `faces` [F,3], `material` name, `chart` [V,3] texture coordinates, `extra` [V,4] numbers."""
    vertices: np.ndarray
    faces: np.ndarray
    material: str
    chart: np.ndarray
    extra: np.ndarray | None = None
    normals: np.ndarray | None = None


def smooth_normals(vertices, faces):
    """Area-weighted unit vertex normals [V,3]."""
    corner = vertices[faces]
    flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    index = faces.ravel()
    total = np.stack([np.bincount(index, np.repeat(flat[:, k], 3), len(vertices)) for k in range(3)], 1)
    return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)


def grid_faces(rows, columns, wrap=False):
    """Triangles [F,3] of a rows × columns vertex grid; `wrap` joins the last column to the first."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(columns if wrap else columns - 1), indexing='ij')
    a, b = r * columns + c, r * columns + (c + 1) % columns
    quads = np.stack([a, b, b + columns, a + columns], -1).reshape(-1, 4)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def tube(path, radius, material, sides=8, closed=False, flatten=1.0):
    """A tube around a polyline [N,3]; `radius` number or [N]; `flatten` scales its thickness across the binormal."""
    path = np.asarray(path, np.float64)
    ahead = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    helper = np.where(abs(ahead[:, 1:2]) > 0.9, [[0.0, 0.0, 1.0]], [[0.0, 1.0, 0.0]])
    side = np.cross(helper, ahead)
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    up = np.cross(ahead, side)
    angle = np.arange(sides) / sides * 2 * np.pi
    radius = np.broadcast_to(np.asarray(radius, np.float64), (len(path),))[:, None, None]
    across = np.cos(angle)[None, :, None] * side[:, None] * flatten
    ring = path[:, None] + radius * (across + np.sin(angle)[None, :, None] * up[:, None])
    vertices = ring.reshape(-1, 3)
    rows = len(path)
    faces = grid_faces(rows, sides, wrap=True)
    if closed:
        a = (rows - 1) * sides + np.arange(sides)
        b = (rows - 1) * sides + (np.arange(sides) + 1) % sides
        c, d = np.arange(sides), (np.arange(sides) + 1) % sides
        faces = np.concatenate([faces, np.stack([a, b, d], 1), np.stack([a, d, c], 1)])
    along = np.repeat(np.arange(rows) / max(rows - 1, 1), sides)
    chart = np.stack([np.tile(angle, rows), along, np.zeros(rows * sides)], 1)
    return Part(vertices, faces, material, chart)


def ball(centre, radius, material, rows=9, columns=12):
    """An ellipsoid; `radius` a number or [3]. Its chart holds the unit direction from the centre."""
    polar, turn = np.meshgrid(np.linspace(0, np.pi, rows), np.arange(columns) / columns * 2 * np.pi, indexing='ij')
    unit = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], -1).reshape(-1, 3)
    return Part(np.asarray(centre) + unit * radius, grid_faces(rows, columns, wrap=True), material, unit)


def waves(points, frequency, key, count=6):
    """Smooth pseudo-random field in about −1..1 at points [N,3]; `frequency` in radians per unit."""
    from gantoolkit_annyfaces.noise import noise
    return noise(points, .42 * frequency, 91 * key + count)


def smoothstep(low, high, value):
    """0 below low, 1 above high, smooth between (low may exceed high)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
