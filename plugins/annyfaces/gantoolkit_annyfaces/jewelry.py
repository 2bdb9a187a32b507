"""Where a necklace lies: a tilted ring on the average neck, kept as vertices and weights."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces.parts import vectors


@lru_cache(maxsize=64)
def cached_ring(height, tilt, count):
    """Find a ring at `height` cm that is `tilt` cm lower in front, by rays from within the neck.

    Returns the corners [count,3] of the faces it lies on and their weights [count,3].
    """
    from gantoolkit_annyfaces.anatomy import canonical, fields
    from gantoolkit_annyfaces.basis import load_basis
    from gantoolkit_annyfaces.raycast import Mesh

    is_bust = np.isin(fields()["region"], ["head", "body"])
    faces = load_basis().faces[is_bust]
    center = np.array([0.0, height, -8.5])
    turn = np.arange(count) / count * 2 * np.pi
    fall = -tilt * (0.5 + 0.5 * np.cos(turn)) ** 1.5 * 2
    ahead = vectors(np.sin(turn) * 8, fall, np.cos(turn) * 8)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    face, weight, _ = Mesh(canonical(), faces).cast(center, ahead, 40.0)
    return faces[face], weight.astype(np.float64)


def neck_ring(height, tilt, count):
    """Find a ring as `cached_ring` does, with the tilt rounded so that few are ever computed."""
    rounded_tilt = round(float(tilt) * 4) / 4
    return cached_ring(float(height), rounded_tilt, int(count))
