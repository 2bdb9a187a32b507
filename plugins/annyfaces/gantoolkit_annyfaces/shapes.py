"""Simple meshes: grids, tubes and balls. Lengths are head centimeters."""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.parts import Part, unit, vectors


def grid_faces(rows, columns, wrap=False):
    """List the triangles [F,3] of a rows × columns grid of vertices.

    wrap joins the last column to the first.
    """
    quad_rows = np.arange(rows - 1)
    quad_columns = np.arange(columns if wrap else columns - 1)
    row, column = np.meshgrid(quad_rows, quad_columns, indexing="ij")
    left = row * columns + column
    right = row * columns + (column + 1) % columns
    corners = [left, right, right + columns, left + columns]
    quads = np.stack(corners, -1).reshape(-1, 4)
    return halved(quads)


def halved(quads):
    """Cut quadrilaterals [Q,4] into triangles [2Q,3]."""
    first = quads[:, [0, 1, 2]]
    second = quads[:, [0, 2, 3]]
    return np.concatenate([first, second])


def tube(path, radius, material, sides=8, closed=False):
    """Make a tube around a polyline [N,3] as a `Part`.

    radius is a number or [N], in cm; `closed` joins the last point to the first. The chart is
    (angle about the path, place along it 0..1, 0).
    """
    path = np.asarray(path, np.float64)
    rows = len(path)
    side, up = tube_frame(path, closed)
    angle = np.arange(sides) / sides * 2 * np.pi
    cosine = np.cos(angle)[None, :, None]
    sine = np.sin(angle)[None, :, None]
    circle = cosine * side[:, None] + sine * up[:, None]
    radius = np.broadcast_to(np.asarray(radius, np.float64), (rows,))
    ring = path[:, None] + radius[:, None, None] * circle
    faces = grid_faces(rows, sides, wrap=True)
    if closed:
        faces = np.concatenate([faces, *closing_faces(rows, sides)])
    place = np.arange(rows) / max(rows - 1, 1)
    around = np.tile(angle, rows)
    chart = vectors(around, np.repeat(place, sides), np.zeros(rows * sides))
    return Part(ring.reshape(-1, 3), faces, material, chart)


def tube_frame(path, closed):
    """Compute two unit vectors [N,3] across each point of a polyline [N,3]: (side, up)."""
    around = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    ahead = unit(around if closed else np.gradient(path, axis=0))
    is_steep = abs(ahead[:, 1:2]) > 0.9
    helper = np.where(is_steep, [[0.0, 0.0, 1.0]], [[0.0, 1.0, 0.0]])
    side = unit(np.cross(helper, ahead))
    return side, np.cross(ahead, side)


def closing_faces(rows, sides):
    """List the triangles that join the last ring of a tube to the first, in two arrays."""
    here = np.arange(sides)
    following = (here + 1) % sides
    last = (rows - 1) * sides
    one = np.stack([last + here, last + following, following], 1)
    other = np.stack([last + here, following, here], 1)
    return one, other


def ball(center, radius, material, rows=9, columns=12):
    """Make an ellipsoid as a `Part`; `radius` is a number or [3], in cm.

    The chart holds the unit direction from the center.
    """
    polar_steps = np.linspace(0, np.pi, rows)
    turn_steps = np.arange(columns) / columns * 2 * np.pi
    polar, turn = np.meshgrid(polar_steps, turn_steps, indexing="ij")
    x = np.sin(polar) * np.cos(turn)
    y = np.sin(polar) * np.sin(turn)
    z = np.cos(polar)
    direction = vectors(x, y, z).reshape(-1, 3)
    vertices = np.asarray(center) + direction * radius
    faces = grid_faces(rows, columns, wrap=True)
    return Part(vertices, faces, material, direction)
