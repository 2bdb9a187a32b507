"""Locks of hair: curves on and off the head, and flat ribbons around them that are shaded as round strands.

A ribbon's chart is (across −1..1, cm from the root, the lock's own 0..1), its extra (tangent x, y, z, layer), where
layer is 0 deep inside the hair and 1 outside.
"""
from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.parts import Part

ROUND = 0.45              # sideways tilt of the normals at a ribbon's edges


def unit(rows):
    """Rows [..., 3] scaled to length 1."""
    return rows / (np.linalg.norm(rows, axis=-1, keepdims=True) + 1e-9)


def ribbon_faces(count, steps):
    """Triangles of `count` ribbons with `steps` pairs of vertices each."""
    first = (np.arange(count)[:, None] * steps + np.arange(steps - 1)[None]).ravel() * 2
    quad = first[:, None] + np.array([0, 1, 3, 2])[None]
    return np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])


def ribbons(points, width, outward, material, own, layer, twist=None):
    """Ribbons around curves as one `Part`.

    points [N,K,3] cm; width [N,K] cm; outward [N,K,3] where the flat side looks; own [N] 0..1; layer [N,K] 0..1;
    twist [N] radians turns the flat side about the strand.
    """
    count, steps = points.shape[:2]
    ahead = unit(np.gradient(points, axis=1))
    side = unit(np.cross(ahead, outward))
    up = np.cross(side, ahead)
    if twist is not None:
        c, s = np.cos(twist)[:, None, None], np.sin(twist)[:, None, None]
        side, up = c * side + s * up, c * up - s * side
    half = .5 * width[..., None] * side
    vertices = np.stack([points - half, points + half], 2)
    base = .55 * up + .65 * outward
    normals = unit(np.stack([base - ROUND * side, base + ROUND * side], 2))
    length = np.concatenate([np.zeros((count, 1)), np.linalg.norm(np.diff(points, axis=1), axis=2).cumsum(1)], 1)
    chart = np.stack(np.broadcast_arrays(np.array([-1.0, 1.0])[None, None], length[..., None], own[:, None, None]), -1)
    extra = np.concatenate([np.repeat(ahead[:, :, None], 2, 2), np.repeat(layer[:, :, None, None], 2, 2)], -1)
    return Part(vertices.reshape(-1, 3), ribbon_faces(count, steps), material, chart.reshape(-1, 3),
                extra.reshape(-1, 4), normals.reshape(-1, 3))


def tapered(count, steps, width, tip=.25, root=.7):
    """Widths [count, steps]: narrower at the root, widest in the middle, `tip` of `width` at the end."""
    t = np.linspace(0, 1, steps)
    return (np.asarray(width).reshape(-1, 1) * np.interp(t, (0, .25, .6, 1), (root, 1, .95, tip))[None]
            * np.ones((count, 1)))


def coils(points, radius, pitch, phase, ease=2.0):
    """Wind curves [N,K,3] into helices of `radius` [N] cm and `pitch` [N] cm, starting gently over `ease` cm."""
    ahead = unit(np.gradient(points, axis=1))
    helper = np.where(abs(ahead[..., 1:2]) > .8, [[[0.0, 0.0, 1.0]]], [[[0.0, 1.0, 0.0]]])
    first = unit(np.cross(ahead, helper))
    second = np.cross(ahead, first)
    length = np.concatenate([np.zeros((len(points), 1)), np.linalg.norm(np.diff(points, axis=1), axis=2).cumsum(1)], 1)
    turn = 2 * np.pi * length / np.asarray(pitch).reshape(-1, 1) + np.asarray(phase).reshape(-1, 1)
    grown = (np.asarray(radius).reshape(-1, 1) * np.clip(length / ease, 0, 1))[..., None]
    return points + grown * (np.cos(turn)[..., None] * first + np.sin(turn)[..., None] * second)
