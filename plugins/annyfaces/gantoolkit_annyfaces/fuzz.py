"""Short hairs that grow out of the skin: beards, brows and lashes, as ribbons."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces.anatomy import bust_faces, canonical, fields
from gantoolkit_annyfaces.factors import stream
from gantoolkit_annyfaces.masks import beard_density, brow_line
from gantoolkit_annyfaces.parts import along, follow, smoothstep, unit, vectors
from gantoolkit_annyfaces.strands import ribbons

LASHES_FACE = unit(np.array([0, 0.5, 0.9]))
# Where roots are looked for: (lowest y, highest y, hindmost z) in cm on the average head.
REGIONS = {
    "beard": (-14.5, -4.2, -9),
    "brow": (0.2, 3.6, -4),
}


@lru_cache(maxsize=4)
def roots(region, count):
    """Spread random points evenly over a region of the average face.

    Returns corners [count,3] of the faces they lie on, weights [count,3] of these, the points
    [count,3] in cm, and random numbers [count,6].
    """
    points = canonical()
    faces = faces_near(region)
    corner = points[faces]
    first_edge = corner[:, 1] - corner[:, 0]
    second_edge = corner[:, 2] - corner[:, 0]
    area = np.linalg.norm(np.cross(first_edge, second_edge), axis=1)
    share = np.cumsum(area) / area.sum()
    hand = stream(78, count, region == "brow")
    chosen = np.searchsorted(share, hand.random(count))
    chosen = faces[chosen.clip(0, len(faces) - 1)]
    first_cut, second_cut = np.sort(hand.random((count, 2)), 1).T
    weight = vectors(first_cut, second_cut - first_cut, 1 - second_cut)
    canon = placed(points, chosen, weight)
    return chosen, weight, canon, hand.random((count, 6))


def faces_near(region):
    """List the faces [F,3] of the skin in a region, ears left out."""
    low, high, back = REGIONS[region]
    faces = bust_faces()["skin"]
    x, y, z = canonical()[faces].mean(1).T
    is_height = (y > low) & (y < high)
    is_near = is_height & (z > back) & (abs(x) < 9)
    is_ear = fields()["ear"][faces].max(1) >= 0.1
    return faces[is_near & ~is_ear]


def placed(rows, corner, weight):
    """Interpolate rows [V,3] of vertices at root points [N,3]."""
    return (rows[corner] * weight[..., None]).sum(1)


def curved(start, out, towards, length, steps, rise=0.5):
    """Grow short curves [N,steps,3] that leave along `out` and bend `towards` another way.

    start [N,3] cm; out and towards unit [N,3]; length [N] cm; `rise` is how far they stand off.
    """
    t = np.linspace(0, 1, steps)[None, :, None]
    off = out[:, None] * rise * t * (1 - 0.55 * t)
    ahead = towards[:, None] * t * (0.35 + 0.65 * t)
    way = length[:, None, None] * (off + ahead)
    return start[:, None] + way


def beard(traits, f, head):
    """Grow a mustache, goatee or full beard, as one `Part`."""
    corner, weight, canon, random = roots("beard", 5200)
    density = beard_density(traits.beard, canon)
    keep = random[:, 0] < density * 0.98
    canon = canon[keep]
    random = random[keep]
    density = density[keep]
    normal = unit(placed(head.normals, corner[keep], weight[keep]))
    start = placed(head.vertices, corner[keep], weight[keep]) - 0.03 * normal
    above_mouth = smoothstep(-8.3, -7.4, canon[:, 1])
    lip = above_mouth * smoothstep(3.6, 2.8, abs(canon[:, 0]))
    length = beard_length(f, canon, lip)
    length = length * (0.7 + 0.5 * random[:, 4])
    length = length * (0.4 + 0.6 * density)
    towards = beard_direction(canon, lip, random)
    taper = ((0, 0.7), (0.3, 1), (1, 0.2))
    profile = follow(taper, np.linspace(0, 1, 5))
    depth = (random[:, 0] / density)[:, None]
    return ribbons(
        points=curved(start, normal, towards, length, 5),
        width=profile[None] * (0.10 + 0.10 * random[:, 5:6]),
        outward=np.repeat(normal[:, None], 5, 1),
        material="beard",
        own=random[:, 4],
        layer=0.35 + 0.65 * np.repeat(depth, 5, 1),
        twist=(random[:, 2] - 0.5) * 2,
    )


def beard_direction(canon, lip, random):
    """Comb a beard: unit directions [N,3], sideways where `lip` [N] is 1, else down."""
    x = canon[:, 0]
    same = np.ones(len(x))
    from_middle = 0.35 + 0.4 * smoothstep(0, 0.8, abs(x))
    on_lip = vectors(np.sign(x) * from_middle, -0.75 * same, 0.05 * same)
    elsewhere = vectors(-0.05 * x, -same, 0.12 * same)
    lip = lip[:, None]
    combed = on_lip * lip + elsewhere * (1 - lip)
    return unit(combed + 0.45 * (random[:, 1:4] - 0.5))


def beard_length(f, canon, lip):
    """Compute the length [N] of a beard in cm, shorter on the lip and longest at the chin."""
    full = np.exp(f.n("beard_shape", 1) * 0.45) * 1.05
    towards_chin = 0.55 + 0.45 * smoothstep(-6, -10, canon[:, 1])
    return 0.55 * lip + (1 - lip) * full * towards_chin


def brows(f, head):
    """Grow both brows, upwards near the nose and outwards along the arch, as one `Part`."""
    corner, weight, canon, random = roots("brow", 3600)
    line, half, place, inside = brow_line(canon, f)
    away = abs(canon[:, 1] - line) / half
    density = 0.85 * inside * smoothstep(1.15, 0.35, away)
    keep = random[:, 0] < density
    canon = canon[keep]
    random = random[keep]
    place = place[keep]
    half = half[keep]
    normal = unit(placed(head.normals, corner[keep], weight[keep]))
    start = placed(head.vertices, corner[keep], weight[keep])
    below = np.clip((line[keep] - canon[:, 1]) / half, -1, 1)
    towards = brow_direction(canon, place, below, random)
    length = 0.42 + 0.26 * random[:, 4]
    length = length * (0.75 + 0.5 * smoothstep(0, 0.25, place))
    length = length * np.clip(half / 0.36, 0.6, 1.4)
    profile = np.array([[0.9, 1, 0.25]])
    return ribbons(
        points=curved(start, normal, towards, length, 3, rise=0.16),
        width=profile * (0.045 + 0.03 * random[:, 5:6]),
        outward=np.repeat(normal[:, None], 3, 1),
        material="brow",
        own=random[:, 4],
        layer=np.ones((len(place), 3)),
    )


def brow_direction(canon, place, below, random):
    """Comb brows: unit directions [N,3], upright at the nose, level and falling at the end.

    place [N] along the brow 0..1; below [N] −1..1: the hairs of its lower edge rise more.
    """
    upright = 1.35 * (1 - smoothstep(0.0, 0.3, place))
    falling = 0.35 * smoothstep(0.5, 1, place)
    rise = upright + 0.42 * below - falling + 0.12
    back = -0.12 * np.ones(len(place))
    combed = vectors(np.sign(canon[:, 0]), rise, back)
    return unit(combed + 0.3 * (random[:, 1:4] - 0.5))


def lashes(traits, head):
    """Grow lashes along the upper rims of both eyes, with a few below, as parts."""
    rim = np.flatnonzero(fields()["lid"] > 0.5)
    upper_length = 0.40 + 0.16 * traits.female
    lower_length = 0.16 + 0.06 * traits.female
    rows = []
    for eye in head.eyes:
        is_near = np.linalg.norm(head.vertices[rim] - eye, axis=1) < 2.6
        near = rim[is_near]
        near = near[np.argsort(head.vertices[near, 0])]
        rows.append(lash_row(outline(head, near, 1), eye, 30, upper_length, 0.62))
        rows.append(lash_row(outline(head, near, -1), eye, 15, lower_length, -0.7))
    return rows


def outline(head, near, side):
    """Follow the upper (side 1) or lower rim of an eye [N,3], from its right to its left corner.

    near lists the vertices of the rim.
    """
    points = head.vertices[near]
    right = points[:, 0].min() + 0.12
    left = points[:, 0].max() - 0.12
    rows = []
    for x in np.linspace(right, left, 12):
        close = points[abs(points[:, 0] - x) < 0.35]
        if len(close):
            order = np.argsort(-side * close[:, 1] - 0.5 * close[:, 2])
            _, y, z = close[order[0]]
            rows.append([x, y, z])
    rows = np.array(rows)
    smooth = np.empty_like(rows)
    for axis in range(3):
        padded = np.pad(rows[:, axis], 1, mode="edge")
        smooth[:, axis] = np.convolve(padded, [0.25, 0.5, 0.25], "valid")
    return smooth


def lash_row(rim, eye, count, length, lift):
    """Grow `count` lashes along a rim [N,3], as one `Part`.

    eye [3] is the eyeball's center; length in cm; `lift` says how far they curl up or down.
    """
    t = np.linspace(0.03, 0.97, count)
    place = np.linspace(0, 1, len(rim))
    start = along(rim, place, t)
    from_eye = start[:, 0] - eye[0]
    same = np.ones(count)
    ahead = unit(vectors(from_eye * 0.45, 0.35 * lift * same, same))
    curl = unit(vectors(from_eye * 0.6, lift * same, 0.45 * same))
    outer = np.sign(eye[0]) * from_eye / 1.5
    size = length * (0.7 + 0.3 * np.clip(outer, -1, 1))
    own = np.arange(count) * 0.618 % 1
    size = size * (0.85 + 0.3 * own)
    profile = np.array([[1, 0.8, 0.55, 0.15]])
    thickness = 0.085 if lift > 0 else 0.045
    return ribbons(
        points=curved(start + 0.02 * ahead, ahead, curl, size, 4),
        width=profile * np.full((count, 1), thickness),
        outward=np.tile(LASHES_FACE, (count, 4, 1)),
        material="lash",
        own=t,
        layer=np.ones((count, 4)),
    )


def build_fuzz(traits, f, head):
    """Grow all of a person's short hairs, as parts."""
    parts = [brows(f, head), *lashes(traits, head)]
    if traits.beard in ("mustache", "goatee", "beard"):
        parts.append(beard(traits, f, head))
    return parts
