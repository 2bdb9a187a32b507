"""Shirts: where cloth begins on the average body, how far it stands off the skin, and a folded collar."""
from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.jewellery import neck_ring
from gantoolkit_annyfaces.parts import Part, grid_faces, smoothstep


def neckline(collar, canon):
    """Height [N] in cm of the upper edge of the cloth above each point [N,3] of the average body."""
    x, z = canon[:, 0], canon[:, 2]
    turn = np.arctan2(abs(x), z + 8.5) / np.pi                    # 0 in front, 1 at the nape
    front = np.exp(-(x / 5.0) ** 2) * (z > -9)
    edge = -15.0 + 3.4 * turn
    if collar == 'vneck':
        return edge - 1.0 * (turn < .6) - np.maximum(0, 1 - abs(x) / 4.6) * 6.0 * (z > -9)
    if collar == 'scoop':
        return edge - .8 - 3.4 * front
    if collar == 'high':
        return edge + 2.4 + .6 * front
    if collar == 'suit':
        return edge + 1.2 * front
    if collar == 'shirt':
        return edge - np.maximum(0, 1 - abs(x) / 2.6) * 4.0 * (z > -9)
    return edge


def cloth_lift(traits, canon):
    """How far [N] cm the cloth stands off the skin at each vertex."""
    below = neckline(traits.collar, canon) - canon[:, 1]
    return .55 * smoothstep(-1.3, 1.6, below) + .25 * smoothstep(2, 8, below)


def collar_part(traits, head):
    """Two folded flaps of a shirt collar around the neck."""
    count = 64
    upper, low = neck_ring(-11.8, 1.5, count), neck_ring(-12.8, 2.5, count)
    ring = lambda pair: (head.vertices[pair[0]] * pair[1][..., None]).sum(1)
    top, bottom = ring(upper), ring(low)
    out = (bottom - bottom.mean(0)) * [1, 0, 1]
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    turn = abs((np.arange(count) / count + .5) % 1 - .5) * 2      # 0 in front
    point = np.exp(-(turn / .22) ** 2)[:, None]
    rows = [top + out * .25 - [0, .3, 0], top + out * .75 + [0, .25, 0], bottom + out * 1.25 - point * [0, 1.3, 0]]
    rows.append(rows[-1] - out * .35)
    order = np.roll(np.arange(count), -3)[:count - 5]             # open in front
    points = np.stack([row[order] for row in rows])
    chart = points.reshape(-1, 3) * 1.0
    return [Part(points.reshape(-1, 3), grid_faces(4, len(order)), 'collar', chart)]
