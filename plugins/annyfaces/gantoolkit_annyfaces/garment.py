"""Shirts: where cloth begins, how far it stands off the skin, and a folded collar."""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.jewelry import neck_ring
from gantoolkit_annyfaces.parts import Part, bell, smoothstep
from gantoolkit_annyfaces.shapes import grid_faces


def neckline(collar, canon):
    """Compute the height [N] in cm of the cloth's upper edge at points [N,3] of the average body.

    collar is one of 'crew', 'vneck', 'scoop', 'high', 'suit', 'shirt'.
    """
    x = canon[:, 0]
    z = canon[:, 2]
    turn = np.arctan2(abs(x), z + 8.5) / np.pi  # 0 in front, 1 at the nape
    is_ahead = z > -9
    front = bell(x / 5.0) * is_ahead
    edge = -15.0 + 3.4 * turn
    if collar == "vneck":
        notch = np.maximum(0, 1 - abs(x) / 4.6) * 6.0 * is_ahead
        return edge - 1.0 * (turn < 0.6) - notch
    if collar == "scoop":
        return edge - 0.8 - 3.4 * front
    if collar == "high":
        return edge + 2.4 + 0.6 * front
    if collar == "suit":
        return edge + 1.2 * front
    if collar == "shirt":
        return edge - np.maximum(0, 1 - abs(x) / 2.6) * 4.0 * is_ahead
    return edge


def cloth_lift(traits, canon):
    """Compute how far [N] cm the cloth stands off the skin at points [N,3] of the average body."""
    below = neckline(traits.collar, canon) - canon[:, 1]
    return 0.55 * smoothstep(-1.3, 1.6, below) + 0.25 * smoothstep(2, 8, below)


def ring_points(head, height, tilt, count):
    """Place a ring about the neck on a head: points [count,3] in cm."""
    corner, weight = neck_ring(height, tilt, count)
    return (head.vertices[corner] * weight[..., None]).sum(1)


def outwards(ring):
    """Compute the level unit directions [N,3] from the middle of a ring [N,3] to its points."""
    out = (ring - ring.mean(0)) * [1, 0, 1]
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def collar_part(traits, head):
    """Make the two folded flaps of a shirt collar, open in front, as one `Part`."""
    count = 64
    top = ring_points(head, -11.8, 1.5, count)
    bottom = ring_points(head, -12.8, 2.5, count)
    out = outwards(bottom)
    turn = abs((np.arange(count) / count + 0.5) % 1 - 0.5) * 2  # 0 in front
    point = bell(turn / 0.22)[:, None]
    inner = top + out * 0.25 - [0, 0.3, 0]
    fold = top + out * 0.75 + [0, 0.25, 0]
    hem = bottom + out * 1.25 - point * [0, 1.3, 0]
    rows = [inner, fold, hem, hem - out * 0.35]
    order = np.roll(np.arange(count), -3)[: count - 5]  # leaves the front open
    points = np.stack([row[order] for row in rows]).reshape(-1, 3)
    return Part(points, grid_faces(4, len(order)), "collar", points * 1.0)
