"""A polar grid over the skull, without the ears, that follows any head: the ground for hair and hats.

Azimuth 0 is the face, +90° the person's left; elevation 90° is the top. Every grid point knows its triangle and
weights on the average head, so on another head it is three vertices averaged.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces.anatomy import canonical, fields
from gantoolkit_annyfaces.basis import load_basis
from gantoolkit_annyfaces.parts import grid_faces

CENTRE = np.array([0.0, 1.5, -8.0])       # cm, middle of the skull
AZIMUTHS, ELEVATIONS = 96, 44
LOWEST = -62.0                            # degrees


@dataclass(frozen=True)
class Grid:
    """Places on the scalp: `azimuth`, `elevation` [G] degrees; `unit` [G,3] directions; `canon` [G,3].

    corner [G,3] vertices and weight [G,3] of the skin below; faces between the places.
    """
    azimuth: np.ndarray
    elevation: np.ndarray
    unit: np.ndarray
    canon: np.ndarray
    corner: np.ndarray
    weight: np.ndarray
    known: np.ndarray
    fill: object
    faces: np.ndarray

    def place(self, vertices):
        """Grid points [G,3] on a head with these vertices [V,3].

        Below the ears they lie half-way between a flat filling, which sinks into the skull, and a round one.
        """
        points = (vertices[self.corner] * self.weight[..., None]).sum(1)
        radius = np.linalg.norm(points[self.known] - CENTRE, axis=1)
        round_fill = CENTRE + self.unit[~self.known] * (self.fill @ radius)[:, None]
        points[~self.known] = .5 * round_fill + .5 * (self.fill @ points[self.known])
        return points

    def carry(self, values):
        """Values [G] at the grid's places of numbers [V] at the head's vertices."""
        rows = (values[self.corner] * self.weight).sum(1)
        rows[~self.known] = self.fill @ rows[self.known]
        return rows


def directions(azimuth, elevation):
    """Unit vectors of angles in degrees."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.stack([np.sin(a) * np.cos(e), np.sin(e) * np.ones_like(a), np.cos(a) * np.cos(e)], -1)


@lru_cache(maxsize=1)
def grid():
    """Build the grid once (rays from CENTRE to the average head without ears and face openings)."""
    from gantoolkit_annyfaces.raycast import Mesh
    basis, points = load_basis(), canonical()
    elevation, azimuth = np.meshgrid(np.linspace(90, LOWEST, ELEVATIONS),
                                     np.arange(AZIMUTHS) / AZIMUTHS * 360 - 180, indexing='ij')
    azimuth, elevation = azimuth.ravel(), elevation.ravel()
    unit = directions(azimuth, elevation)
    region = fields()['region']
    outside = np.isin(region, ['head', 'body']) & (fields()['ear'][basis.faces].max(1) < .35)
    shell = basis.faces[outside]
    face, weight, distance = Mesh(points, shell).cast(CENTRE, unit, 60.0)
    known = (face >= 0) & (distance < 26)
    corner = shell[np.maximum(face, 0)]
    made = Grid(azimuth, elevation, unit, np.zeros_like(unit), corner, weight.astype(np.float64),
                known, laplace_fill(known), grid_faces(ELEVATIONS, AZIMUTHS, wrap=True))
    made.canon[:] = made.place(points)
    return made


def laplace_fill(known):
    """Matrix [unknown, known] that fills grid values smoothly from their neighbours."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import spsolve
    index = np.arange(ELEVATIONS * AZIMUTHS).reshape(ELEVATIONS, AZIMUTHS)
    rows, cols = [], []
    for near in (np.roll(index, 1, 1), np.roll(index, -1, 1), np.vstack([index[:1], index[:-1]]),
                 np.vstack([index[1:], index[-1:]])):
        rows.append(index.ravel()), cols.append(near.ravel())
    size = index.size
    link = coo_matrix((np.ones(4 * size), (np.concatenate(rows), np.concatenate(cols))), (size, size)).tocsr()
    from scipy.sparse import identity
    free = (4 * identity(size) - link).tocsr()
    lost, kept = np.flatnonzero(~known), np.flatnonzero(known)
    return spsolve(free[lost][:, lost].tocsc(), link[lost][:, kept].tocsc()).tocsr()
