"""Where a necklace lies: a tilted ring on the average neck, found once by rays and kept as vertices and weights."""
from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=64)
def cached_ring(height, tilt, count):
    """(corner [N,3], weight [N,3]) of a ring at `height` cm that is `tilt` cm lower in front."""
    from gantoolkit_annyfaces.anatomy import canonical, fields
    from gantoolkit_annyfaces.basis import load_basis
    from gantoolkit_annyfaces.raycast import Mesh
    basis, points = load_basis(), canonical()
    faces = basis.faces[np.isin(fields()['region'], ['head', 'body'])]
    centre = np.array([0.0, height, -8.5])
    turn = np.arange(count) / count * 2 * np.pi
    ahead = np.stack([np.sin(turn) * 8, -tilt * (0.5 + 0.5 * np.cos(turn)) ** 1.5 * 2, np.cos(turn) * 8], 1)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    face, weight, _ = Mesh(points, faces).cast(centre, ahead, 40.0)
    return faces[face], weight.astype(np.float64)


def neck_ring(height, tilt, count):
    """As `cached_ring`, with the tilt rounded so that few rings are ever computed."""
    return cached_ring(float(height), round(float(tilt) * 4) / 4, int(count))
