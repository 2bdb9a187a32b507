"""Short hairs that grow out of the skin: beards, brows and lashes, as ribbons rooted on the average head."""
from __future__ import annotations

from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces.anatomy import bust_faces, canonical, fields
from gantoolkit_annyfaces.factors import stream
from gantoolkit_annyfaces.parts import smoothstep
from gantoolkit_annyfaces.skin import beard_density, brow_line
from gantoolkit_annyfaces.strands import ribbons, unit


@lru_cache(maxsize=4)
def roots(region, count):
    """Even random points on the average face: (corner [n,3], weight [n,3], canon [n,3], random [n,6])."""
    points, faces = canonical(), bust_faces()['skin']
    middle = points[faces].mean(1)
    low, high = {'beard': (-14.5, -4.2), 'brow': (.2, 3.6)}[region]
    near = ((middle[:, 1] > low) & (middle[:, 1] < high) & (middle[:, 2] > (-9 if region == 'beard' else -4))
            & (abs(middle[:, 0]) < 9))
    faces = faces[near & (fields()['ear'][faces].max(1) < .1)]
    corner = points[faces]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    hand = stream(78, count, low > 0)
    pick = np.searchsorted(np.cumsum(area) / area.sum(), hand.random(count)).clip(0, len(faces) - 1)
    u = np.sort(hand.random((count, 2)), 1)
    weight = np.stack([u[:, 0], u[:, 1] - u[:, 0], 1 - u[:, 1]], 1)
    return faces[pick], weight, (points[faces[pick]] * weight[..., None]).sum(1), hand.random((count, 6))


def placed(rows, corner, weight):
    """Rows [V,3] at root points."""
    return (rows[corner] * weight[..., None]).sum(1)


def curved(start, out, along, length, steps, rise=.5):
    """Short curves [N,K,3] that leave along `out` and bend towards `along`."""
    t = np.linspace(0, 1, steps)[None, :, None]
    return (start[:, None] + length[:, None, None]
            * (out[:, None] * rise * t * (1 - .55 * t) + along[:, None] * t * (.35 + .65 * t)))


def beard(traits, f, head):
    """Ribbons of a moustache, goatee or full beard."""
    corner, weight, canon, random = roots('beard', 5200)
    density = beard_density(traits, canon)
    keep = random[:, 0] < density * .98
    corner, weight, canon, random, density = (rows[keep] for rows in (corner, weight, canon, random, density))
    normal = unit(placed(head.normals, corner, weight))
    start = placed(head.vertices, corner, weight) - .03 * normal
    lip = smoothstep(-8.3, -7.4, canon[:, 1]) * smoothstep(3.6, 2.8, abs(canon[:, 0]))
    x, same = canon[:, 0], np.ones(len(canon))
    side = np.stack([np.sign(x) * (.35 + .4 * smoothstep(0, .8, abs(x))), -.75 * same, .05 * same], 1)
    down = np.stack([-.05 * x, -same, .12 * same], 1)
    along = unit(side * lip[:, None] + down * (1 - lip[:, None]) + .45 * (random[:, 1:4] - .5))
    full = np.exp(f.n('beard_shape', 1) * .45) * 1.05
    length = .55 * lip + (1 - lip) * full * (.55 + .45 * smoothstep(-6, -10, canon[:, 1]))
    length = length * (.7 + .5 * random[:, 4]) * (.4 + .6 * density)
    points = curved(start, normal, along, length, 5)
    width = np.interp(np.linspace(0, 1, 5), (0, .3, 1), (.7, 1, .2))[None] * (.10 + .10 * random[:, 5:6])
    layer = .35 + .65 * np.repeat((random[:, 0] / density)[:, None], 5, 1)
    outward = np.repeat(normal[:, None], 5, 1)
    return ribbons(points, width, outward, 'beard', random[:, 4], layer, (random[:, 2] - .5) * 2)


def brows(f, head):
    """Ribbons of both brows: upwards near the nose, outwards along the arch."""
    corner, weight, canon, random = roots('brow', 3600)
    line, half, t, inside = brow_line(canon, f)
    keep = random[:, 0] < .85 * inside * smoothstep(1.15, .35, abs(canon[:, 1] - line) / half)
    corner, weight, canon, random, t, line, half = (
        rows[keep] for rows in (corner, weight, canon, random, t, line, half))
    normal = unit(placed(head.normals, corner, weight))
    start = placed(head.vertices, corner, weight)
    below = np.clip((line - canon[:, 1]) / half, -1, 1)
    rise = 1.35 * (1 - smoothstep(.0, .3, t)) + .42 * below - .35 * smoothstep(.5, 1, t) + .12
    along = unit(np.stack([np.sign(canon[:, 0]), rise, -.12 * np.ones(len(t))], 1) + .3 * (random[:, 1:4] - .5))
    length = (.42 + .26 * random[:, 4]) * (.75 + .5 * smoothstep(0, .25, t)) * np.clip(half / .36, .6, 1.4)
    points = curved(start, normal, along, length, 3, .16)
    width = np.array([[.9, 1, .25]]) * (.045 + .03 * random[:, 5:6])
    return ribbons(points, width, np.repeat(normal[:, None], 3, 1), 'brow', random[:, 4], np.ones((len(t), 3)))


def lashes(traits, head):
    """Ribbons along the upper rims of both eyes, with a few below."""
    rim = np.flatnonzero(fields()['lid'] > .5)
    made = []
    for eye in head.eyes:
        near = rim[np.linalg.norm(head.vertices[rim] - eye, axis=1) < 2.6]
        near = near[np.argsort(head.vertices[near, 0])]
        top, bottom = outline(head, near, 1), outline(head, near, -1)
        made += [lash_row(top, eye, 30, .40 + .16 * traits.female, .62),
                 lash_row(bottom, eye, 15, .16 + .06 * traits.female, -.7)]
    return made


def outline(head, near, side):
    """Upper (side 1) or lower rim of an eye as [N,3], from its right to its left corner."""
    points = head.vertices[near]
    rows = []
    for x in np.linspace(points[:, 0].min() + .12, points[:, 0].max() - .12, 12):
        close = points[abs(points[:, 0] - x) < .35]
        if len(close):
            best = close[np.argsort(-side * close[:, 1] - .5 * close[:, 2])[0]]
            rows.append([x, best[1], best[2]])
    rows = np.array(rows)
    smooth = np.stack([np.convolve(np.pad(rows[:, k], 1, mode='edge'), [.25, .5, .25], 'valid') for k in range(3)], 1)
    return smooth


def lash_row(rim, eye, count, length, lift):
    """`count` lashes along a rim [N,3]."""
    t = np.linspace(.03, .97, count)
    start = np.stack([np.interp(t, np.linspace(0, 1, len(rim)), rim[:, k]) for k in range(3)], 1)
    outer = np.sign(eye[0]) * (start[:, 0] - eye[0]) / 1.5
    ahead = unit(np.stack([(start[:, 0] - eye[0]) * .45, .35 * lift + 0 * t, 1 + 0 * t], 1))
    curl = unit(np.stack([(start[:, 0] - eye[0]) * .6, lift + 0 * t, .45 + 0 * t], 1))
    size = length * (.7 + .3 * np.clip(outer, -1, 1)) * (.85 + .3 * (np.arange(count) * .618 % 1))
    points = curved(start + .02 * ahead, ahead, curl, size, 4, .5)
    width = np.array([[1, .8, .55, .15]]) * np.full((count, 1), .085 if lift > 0 else .045)
    outward = np.repeat(unit(np.array([[0, .5, .9]])), count, 0)
    return ribbons(points, width, np.repeat(outward[:, None], 4, 1), 'lash', t, np.ones((count, 4)))


def build_fuzz(traits, f, head):
    """All of a person's short hairs as parts."""
    parts = [brows(f, head)] + lashes(traits, head)
    if traits.beard in ('mustache', 'goatee', 'beard'):
        parts.append(beard(traits, f, head))
    return parts
