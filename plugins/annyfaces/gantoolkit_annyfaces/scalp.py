"""A polar grid over the skull, without the ears, that follows any head.

It is the ground for hair and hats. Azimuth 0 is the face, +90° the person's left; elevation 90° is
the top. Every grid point knows its triangle and weights on the average head, so on another head it
is three vertices averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces.anatomy import canonical, fields
from gantoolkit_annyfaces.basis import load_basis
from gantoolkit_annyfaces.shapes import grid_faces

CENTER = np.array([0.0, 1.5, -8.0])  # cm, middle of the skull
AZIMUTHS = 96
ELEVATIONS = 44
LOWEST = -62.0  # degrees


@dataclass(frozen=True)
class Grid:
    """Hold G places on the scalp, and how to find them on any head."""

    azimuth: np.ndarray  # [G] degrees
    elevation: np.ndarray  # [G] degrees
    unit: np.ndarray  # [G,3] directions from CENTER
    canon: np.ndarray  # [G,3] places on the average head in cm
    corner: np.ndarray  # [G,3] vertices of the skin below
    weight: np.ndarray  # [G,3] of these vertices
    known: np.ndarray  # [G] bool; the others lie below the ears or in openings of the face
    fill: object  # sparse [unknown, known]: fills values smoothly
    faces: np.ndarray  # [F,3] triangles between the places

    def place(self, vertices):
        """Find the grid's points [G,3] on a head with vertices [V,3].

        Below the ears they lie half-way between a flat filling, which sinks into the skull, and a
        round one, which stands out of it.
        """
        points = (vertices[self.corner] * self.weight[..., None]).sum(1)
        radius = np.linalg.norm(points[self.known] - CENTER, axis=1)
        flat_fill = self.fill @ points[self.known]
        filled_radius = (self.fill @ radius)[:, None]
        round_fill = CENTER + self.unit[~self.known] * filled_radius
        points[~self.known] = 0.5 * round_fill + 0.5 * flat_fill
        return points

    def carry(self, values):
        """Interpolate numbers [V] of the head's vertices at the grid's points [G]."""
        rows = (values[self.corner] * self.weight).sum(1)
        rows[~self.known] = self.fill @ rows[self.known]
        return rows


def directions(azimuth, elevation):
    """Compute unit vectors [..., 3] of angles in degrees."""
    azimuth = np.radians(azimuth)
    elevation = np.radians(elevation)
    x = np.sin(azimuth) * np.cos(elevation)
    y = np.sin(elevation) * np.ones_like(azimuth)
    z = np.cos(azimuth) * np.cos(elevation)
    return np.stack([x, y, z], -1)


def angles(direction):
    """Compute (azimuth, elevation) in degrees of unit vectors [..., 3]."""
    azimuth = np.degrees(np.arctan2(direction[..., 0], direction[..., 2]))
    elevation = np.degrees(np.arcsin(np.clip(direction[..., 1], -1, 1)))
    return azimuth, elevation


def cell(azimuth, elevation):
    """Find the cell of the grid around angles in degrees.

    Returns (upper row, left column, right column, share 0..1 downwards, share 0..1 to the right);
    the lower row is the next one.
    """
    row = (90 - elevation) / (90 - LOWEST) * (ELEVATIONS - 1)
    row = np.clip(row, 0, ELEVATIONS - 1.001)
    column = (azimuth + 180) / 360 * AZIMUTHS % AZIMUTHS
    upper = row.astype(int)
    left = column.astype(int) % AZIMUTHS
    right = (left + 1) % AZIMUTHS
    return upper, left, right, row - upper, column - column.astype(int)


def sample(values, direction):
    """Interpolate grid values [G] or [G,k] at directions [..., 3], bilinearly."""
    index, weight = corners(direction)
    if values.ndim > 1:
        weight = weight[..., None]
    return (values[index] * weight).sum(direction.ndim - 1)


def corners(direction):
    """Find the four grid points about directions [..., 3]: (index [..., 4], weight [..., 4])."""
    upper, left, right, down, across = cell(*angles(direction))
    here = upper * AZIMUTHS
    below = (upper + 1) * AZIMUTHS
    index = [here + left, here + right, below + left, below + right]
    up = 1 - down
    back = 1 - across
    weight = [up * back, up * across, down * back, down * across]
    return np.stack(index, -1), np.stack(weight, -1)


def sample_at(rows, azimuth, elevation):
    """Interpolate grid rows [E,A,k] at angles [N] in degrees, bilinearly."""
    upper, left, right, down, across = cell(azimuth, elevation)
    down = down[:, None]
    across = across[:, None]
    above = (1 - across) * rows[upper, left] + across * rows[upper, right]
    below = (1 - across) * rows[upper + 1, left] + across * rows[upper + 1, right]
    return (1 - down) * above + down * below


@lru_cache(maxsize=1)
def grid():
    """Build the grid, once, by rays from CENTER to the average head without its ears."""
    from gantoolkit_annyfaces.raycast import Mesh

    basis = load_basis()
    points = canonical()
    rows = np.linspace(90, LOWEST, ELEVATIONS)
    columns = np.arange(AZIMUTHS) / AZIMUTHS * 360 - 180
    elevation, azimuth = np.meshgrid(rows, columns, indexing="ij")
    azimuth = azimuth.ravel()
    elevation = elevation.ravel()
    unit = directions(azimuth, elevation)
    is_bust = np.isin(fields()["region"], ["head", "body"])
    is_ear = fields()["ear"][basis.faces].max(1) >= 0.35
    shell = basis.faces[is_bust & ~is_ear]
    face, weight, distance = Mesh(points, shell).cast(CENTER, unit, 60.0)
    known = (face >= 0) & (distance < 26)
    made = Grid(
        azimuth=azimuth,
        elevation=elevation,
        unit=unit,
        canon=np.zeros_like(unit),
        corner=shell[np.maximum(face, 0)],
        weight=weight.astype(np.float64),
        known=known,
        fill=laplace_fill(known),
        faces=grid_faces(ELEVATIONS, AZIMUTHS, wrap=True),
    )
    made.canon[:] = made.place(points)
    return made


def laplace_fill(known):
    """Compute the sparse matrix [unknown, known] that fills grid values smoothly from neighbors.

    known [G] bool; a filled value is the mean of the four about it (Laplace's equation).
    """
    from scipy.sparse import coo_matrix, identity
    from scipy.sparse.linalg import spsolve

    index = np.arange(ELEVATIONS * AZIMUTHS).reshape(ELEVATIONS, AZIMUTHS)
    neighbors = (
        np.roll(index, 1, 1),
        np.roll(index, -1, 1),
        np.vstack([index[:1], index[:-1]]),
        np.vstack([index[1:], index[-1:]]),
    )
    size = index.size
    rows = np.tile(index.ravel(), len(neighbors))
    columns = np.concatenate([near.ravel() for near in neighbors])
    ones = np.ones(len(rows))
    link = coo_matrix((ones, (rows, columns)), (size, size)).tocsr()
    free = (4 * identity(size) - link).tocsr()
    lost = np.flatnonzero(~known)
    kept = np.flatnonzero(known)
    system = free[lost][:, lost].tocsc()
    return spsolve(system, link[lost][:, kept].tocsc()).tocsr()
