"""Glasses, earrings and necklaces: simple meshes placed on a given head."""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.anatomy import anchors, canonical
from gantoolkit_annyfaces.jewelry import neck_ring
from gantoolkit_annyfaces.parts import Part, along, vectors
from gantoolkit_annyfaces.shapes import ball, tube

RIM_POINTS = 32  # around a lens


def rim_outline(f, is_dark):
    """Draw the outline of one lens [RIM_POINTS,2] in cm about the eye, x away from the nose.

    Between round, oval and rectangular; sunglasses (`is_dark`) are higher.
    """
    turn = np.linspace(0, 2 * np.pi, 257)
    power = 2 / f.u("glasses_shape", 0, 2.0, 5.0)
    wide = f.u("glasses_shape", 1, 2.35, 2.75)
    high = f.u("glasses_shape", 2, 1.45, 2.3) + 0.25 * is_dark
    cosine = np.cos(turn)
    sine = np.sin(turn)
    x = wide * np.sign(cosine) * abs(cosine) ** power
    y = high * np.sign(sine) * abs(sine) ** power
    steps = np.hypot(np.diff(x), np.diff(y))
    length = np.concatenate([[0], steps.cumsum()])
    even = np.linspace(0, length[-1], RIM_POINTS + 1)[:-1]
    x = np.interp(even, length, x)
    y = np.interp(even, length, y)
    wider_above = 1 + 0.03 * y / high
    return np.stack([x * wider_above + 0.12, y - 0.2], 1)


def glasses(traits, f, head):
    """Make glasses before the eyes, with temples to the ears: (frame parts, lens parts).

    The chart of a lens is (x, y, 0) about its middle, in units of 2.5 cm.
    """
    is_dark = traits.glasses == "sunglasses"
    thick = f.u("glasses_shape", 3, 0.09, 0.26)
    outline = rim_outline(f, is_dark)
    frames = []
    lenses = []
    inner_ends = []
    for side, eye in zip((1, -1), head.eyes, strict=True):
        path = rim_path(outline, side, eye, glasses_plane(head, is_dark))
        frames.append(tube(path, thick, "frame", 8, closed=True))
        lenses.append(lens(path, outline))
        inner_ends.append(path[np.argmin(path[:, 0] * side)])
        outer_end = path[np.argmax(path[:, 0] * side)]
        hinge = outer_end.copy()
        hinge[1] = eye[1] + 0.55 * outline[:, 1].max()
        ear = np.array([side * (ear_width(head) + 0.25), 0.2, -8.0])
        temple = np.linspace(hinge, ear, 10)
        frames.append(tube(temple, max(0.12, thick * 0.9), "frame", 6))
    frames.append(bridge(inner_ends, thick))
    return frames, lenses


def glasses_plane(head, is_dark):
    """Choose how far in front, z in cm, glasses stand; large dark ones stand before the brows."""
    before_eyes = head.eyes[:, 2].max() + head.eye_radius + 1.0
    return max(before_eyes, nose_bridge(head)) + 0.35 * is_dark


def rim_path(outline, side, eye, plane):
    """Place a lens's outline about an eye [3] of `side` ±1, bent back at the outside: [N,3]."""
    x = eye[0] + side * outline[:, 0]
    z = plane - 0.045 * (abs(x) - 3).clip(0) ** 2
    return vectors(x, eye[1] + outline[:, 1], z)


def lens(path, outline):
    """Fill the path [N,3] around a lens with a fan of triangles, as a `Part`."""
    first = np.arange(1, RIM_POINTS + 1)
    middle = np.zeros(RIM_POINTS, int)
    fan = np.stack([middle, first, np.roll(first, -1)], 1)
    vertices = np.concatenate([path.mean(0, keepdims=True), path])
    on_rim = np.c_[outline / 2.5, np.zeros(RIM_POINTS)]
    chart = np.concatenate([[[0, 0, 0]], on_rim])
    return Part(vertices, fan, "lens", chart)


def bridge(ends, thick):
    """Join two lenses at their inner `ends` [3] over the nose, as a `Part`."""
    left, right = ends
    rise = [0, 0.35, 0]
    path = np.linspace(left + rise, right + rise, 9)
    bow = np.sin(np.linspace(0, np.pi, 9))
    path[:, 1] += 0.35 * bow
    path[:, 2] += 0.25 * bow
    return tube(path, thick * 1.05, "frame", 6)


def nose_bridge(head):
    """Measure the front of the nose's root, z in cm."""
    x, y, z = canonical().T
    is_height = (y > -0.8) & (y < 0.4)
    is_bridge = (abs(x) < 0.7) & is_height & (z > 1)
    return float(head.vertices[is_bridge][:, 2].max() - 0.25)


def ear_width(head):
    """Measure half the head's width above the ears in cm."""
    _, y, z = canonical().T
    is_there = (abs(y - 0.8) < 0.6) & (abs(z + 7) < 1.5)
    return float(abs(head.vertices[is_there][:, 0]).mean())


def earrings(traits, f, head):
    """Make a pair of hoops or drops below the ear lobes, as parts."""
    size = f.u("jewel", 0, 0.8, 1.5)
    parts = []
    for name, side in (("lobe_l", 1), ("lobe_r", -1)):
        x, y, z = head.vertices[anchors()[name]].T
        lobe = np.array([x.mean(), y.min(), z.mean()])
        hook = lobe + [side * 0.25, 0.1, 0.3]
        if traits.earrings == "hoop":
            parts.append(hoop(hook, size))
        else:
            parts.append(ball(hook - [0, 0.25, 0], 0.42, "earring"))
            center = hook - [0, 0.7 + size * 0.9, 0]
            radius = np.array([0.5, 0.85 * size, 0.5])
            parts.append(ball(center, radius, "earring"))
    return parts


def hoop(hook, size):
    """Make an earring of radius `size` cm that hangs from `hook` [3], as a `Part`."""
    turn = np.linspace(0, 2 * np.pi, 25)[:-1]
    circle = vectors(0.25 * np.sin(turn), np.cos(turn), np.sin(turn) * 0.8)
    path = hook - [0, size * 1.05, 0] + circle * size * 1.1
    return tube(path, 0.2, "earring", 8, closed=True)


def necklace_path(head, drop):
    """Lay a closed path [48,3] around the base of the neck, `drop` cm lower in front."""
    corner, weight = neck_ring(-12.6, drop, 48)
    loop = (head.vertices[corner] * weight[..., None]).sum(1)
    center = np.array([0, 0, loop[:, 2].mean()])
    out = (loop - center) * [1, 0, 1]
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    path = loop + out * 0.35
    for _ in range(3):
        before = np.roll(path, 1, 0)
        after = np.roll(path, -1, 0)
        path = (before + 2 * path + after) / 4 + out * 0.06
    return path


def necklace(traits, f, head):
    """Make a chain with a pendant, or a row of beads, as parts."""
    path = necklace_path(head, f.u("jewel", 1, 1.5, 3.0))
    if traits.necklace == "chain":
        front = path[np.argmax(path[:, 2])]
        center = front + [0, -0.6, 0.15]
        pendant = ball(center, np.array([0.5, 0.75, 0.3]), "necklace")
        return [tube(path, 0.17, "necklace", 8, closed=True), pendant]
    closed = np.concatenate([path, path[:1]])
    fine = along(closed, np.arange(49), np.linspace(0, 48, 97)[:-1])
    swelling = 0.34 + 0.14 * np.cos(np.arange(96) * np.pi)
    return [tube(fine, swelling, "necklace", 8, closed=True)]
