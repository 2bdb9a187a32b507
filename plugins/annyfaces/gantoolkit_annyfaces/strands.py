"""Locks of hair: curves on and off the head, and flat ribbons around them, shaded as round strands.

A ribbon's chart is (across −1..1, cm from the root, the lock's own 0..1), its extra (tangent x, y,
z, layer), where layer is 0 deep inside the hair and 1 outside.
"""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.parts import Part, follow, unit
from gantoolkit_annyfaces.shapes import halved

ROUND = 0.45  # sideways tilt of the normals at a ribbon's edges


def ribbon_faces(count, steps):
    """List the triangles of `count` ribbons with `steps` pairs of vertices each."""
    ribbon = np.arange(count)[:, None] * steps
    step = np.arange(steps - 1)[None]
    first_vertex = (ribbon + step).ravel() * 2
    around = np.array([0, 1, 3, 2])
    return halved(first_vertex[:, None] + around[None])


def lengths(points):
    """Measure the way [N,K] in cm along curves [N,K,3] from their first points."""
    steps = np.linalg.norm(np.diff(points, axis=1), axis=2)
    start = np.zeros((len(points), 1))
    return np.concatenate([start, steps.cumsum(1)], 1)


def ribbons(
    points,
    width,
    outward,
    material,
    own,
    layer,
    twist=None,
):
    """Make ribbons around curves, as one `Part`.

    points [N,K,3] cm; width [N,K] cm; outward [N,K,3] where the flat side looks; own [N] 0..1;
    layer [N,K] 0..1; twist [N] radians turns the flat side about the strand.
    """
    count, steps = points.shape[:2]
    ahead = unit(np.gradient(points, axis=1))
    side = unit(np.cross(ahead, outward))
    up = np.cross(side, ahead)
    if twist is not None:
        side, up = turned(side, up, twist)
    half = 0.5 * width[..., None] * side
    vertices = np.stack([points - half, points + half], 2)
    base = 0.55 * up + 0.65 * outward
    lean = ROUND * side
    normals = unit(np.stack([base - lean, base + lean], 2))
    across = np.array([-1.0, 1.0])[None, None]
    along = lengths(points)[..., None]
    chart = np.broadcast_arrays(across, along, own[:, None, None])
    extra = np.concatenate([ahead, layer[..., None]], -1)
    return Part(
        vertices=vertices.reshape(-1, 3),
        faces=ribbon_faces(count, steps),
        material=material,
        chart=np.stack(chart, -1).reshape(-1, 3),
        extra=np.repeat(extra.reshape(-1, 4), 2, 0),
        normals=normals.reshape(-1, 3),
    )


def turned(side, up, twist):
    """Turn two vectors across a strand [N,K,3] by `twist` [N] radians about it."""
    cosine = np.cos(twist)[:, None, None]
    sine = np.sin(twist)[:, None, None]
    return cosine * side + sine * up, cosine * up - sine * side


def tapered(count, steps, width, tip=0.25, root=0.7):
    """Compute widths [count, steps] of ribbons that are widest in the middle.

    width is a number or [count] in cm; `root` and `tip` are shares of it at both ends.
    """
    place = np.linspace(0, 1, steps)
    shares = ((0, root), (0.25, 1), (0.6, 0.95), (1, tip))
    profile = follow(shares, place)
    width = np.asarray(width).reshape(-1, 1)
    return width * profile[None] * np.ones((count, 1))


def coils(points, radius, pitch, phase, ease=2.0):
    """Wind curves [N,K,3] into helices.

    radius and pitch [N] are in cm, phase [N] in radians; the helix starts gently over `ease` cm.
    """
    ahead = unit(np.gradient(points, axis=1))
    is_steep = abs(ahead[..., 1:2]) > 0.8
    helper = np.where(is_steep, [0.0, 0.0, 1.0], [0.0, 1.0, 0.0])
    first = unit(np.cross(ahead, helper))
    second = np.cross(ahead, first)
    length = lengths(points)
    turn = 2 * np.pi * length / pitch[:, None] + phase[:, None]
    cosine = np.cos(turn)[..., None]
    sine = np.sin(turn)[..., None]
    growing = np.clip(length / ease, 0, 1)
    reach = radius[:, None] * growing
    return points + reach[..., None] * (cosine * first + sine * second)
