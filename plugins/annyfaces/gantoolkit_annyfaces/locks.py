"""Thousands of locks that grow out of the scalp, and hair that is tied up."""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces import scalp
from gantoolkit_annyfaces.combing import KNOT, Growth, grow, spread
from gantoolkit_annyfaces.hairline import hat_line, parting
from gantoolkit_annyfaces.parts import along, follow, smoothstep, unit, vectors
from gantoolkit_annyfaces.strands import coils, ribbons, tapered
from gantoolkit_annyfaces.styles import HANGING

# Half the thickness of a ponytail in cm, by the place along it.
TAIL = (
    (0, 0.6),
    (0.12, 1.5),
    (0.4, 2.1),
    (0.8, 1.7),
    (1, 0.9),
)
BLUNT = ("bob", "long straight")  # styles whose locks end at one height


def growth(style, traits, f, ground, cloth):
    """Prepare the `Growth` of a person: what locks are combed over.

    ground [G,3] cm is the skin, cloth [G] cm what stands off it.
    """
    g = scalp.grid()
    radius = np.linalg.norm(ground - scalp.CENTER, axis=1) + cloth
    beside_ear = smoothstep(16, 4, abs(abs(g.azimuth) - 88))
    covered = beside_ear * smoothstep(14, 4, abs(g.elevation + 4)) * 1.1
    if style.length[1] > 3.5:
        radius = radius + covered  # over the ears
    return Growth(
        radius=radius,
        style=style,
        name=traits.style,
        side=parting(f),
        fringe=f.u("fringe", 0, 1.9, 3.4) if traits.fringe else None,
        sweep=np.tanh(1.5 * f.n("hair_shape", 2)),
    )


def rooted(style, traits, f, inside):
    """Choose where locks grow, denser at edges and partings.

    inside [G] is the distance in cm from the hairline. Returns directions [N,3], random numbers
    [N,8] and that distance [N].
    """
    root, random = spread(int(style.locks * 3.2))
    depth = scalp.sample(inside, root)
    dense = smoothstep(2.6, 0.4, depth)
    if style.comb == "part":
        from_line = abs(root[:, 0] - parting(f) * style.part)
        at_parting = smoothstep(0.22, 0.06, from_line) * smoothstep(0.2, 0.6, root[:, 1])
        dense = np.maximum(dense, at_parting)
    if traits.hat != "none":
        dense = np.maximum(dense, 0.8)
    keep = depth > 0.9 * (random[:, 7] - 0.5)
    keep &= np.roll(random[:, 7], 1) < 0.55 + 0.45 * dense
    if traits.hat != "none":
        azimuth, elevation = scalp.angles(root)
        over = elevation - hat_line(azimuth)
        is_front = (abs(azimuth) < 50) & (over > -14)
        keep &= (over < -1) & ~is_front
    return root[keep], random[keep], depth[keep]


def locks(
    style,
    traits,
    f,
    inside,
    wanted,
    ground,
    cloth,
):
    """Grow all locks, as one `Part`.

    On the scalp's grid: inside [G] cm from the hairline, wanted [G] cm of hair, ground [G,3] cm,
    cloth [G] cm.
    """
    root, random, depth = rooted(style, traits, f, inside)
    layer = random[:, 5] ** 0.7
    thick = scalp.sample(wanted, root)
    thick = thick * smoothstep(-0.3, 0.8 + 0.5 * min(style.top, 2.2), depth)
    points = grow(
        growth(style, traits, f, ground, cloth),
        root,
        start=scalp.sample(ground, root) + root * 0.02,
        length=lock_length(style, traits, f, root, random),
        height=thick * (0.62 + 0.55 * layer) + 0.05,
        random=random,
    )
    if style.wave:
        points = wind(style, points, random, f)
    if style.length[0] > 10 and not traits.fringe:
        keep = ~crosses_face(points)
        points = points[keep]
        random = random[keep]
        depth = depth[keep]
        layer = layer[keep]
    return lock_ribbons(style, traits, points, random, depth, layer)


def crosses_face(points):
    """Tell which locks [N] of points [N,K,3] run across the face."""
    x, y, z = np.moveaxis(points, -1, 0)
    is_between_temples = (abs(x) < 5.4) & (z > -1)
    return (is_between_temples & (y < 2.8)).any(1)


def lock_length(style, traits, f, root, random):
    """Choose the length [N] of locks in cm by where they grow."""
    top, side, back = style.length
    up = smoothstep(-0.05, 0.72, root[:, 1])
    behind = smoothstep(0.2, -0.7, root[:, 2])
    around = side * (1 - behind) + back * behind
    length = around * (1 - up) + top * up
    ragged = 0.18 if traits.style in BLUNT else 0.35
    own = 0.975 + ragged * (random[:, 3] - 0.5)
    return length * np.exp(0.16 * f.n("hair_shape", 5)) * own


def lock_ribbons(style, traits, points, random, depth, layer):
    """Make ribbons around locks [N,K,3], thinner at the hairline."""
    hangs = traits.style in HANGING
    from_center = points - scalp.CENTER
    outward = unit(from_center * [1, 0.35, 1]) if hangs else unit(from_center)
    tip = 0.36 if hangs else 0.22
    thin = 0.6
    if style.comb == "knot":
        tip = 0.8
        thin = 0.25
    width = style.width * (0.65 + 0.7 * random[:, 6])
    width = width * (0.5 + 0.5 * smoothstep(0.0, 1.6, depth))
    widths = tapered(len(points), style.steps, width, tip, thin)
    return ribbons(
        points=points,
        width=widths,
        outward=outward,
        material="hair",
        own=random[:, 0],
        layer=np.repeat(layer[:, None], style.steps, 1),
        twist=(random[:, 1] - 0.5) * 1.2,
    )


def wind(style, points, random, f):
    """Wind locks [N,K,3] into waves, alike among neighbors, or curls, each lock's own."""
    own = 0.30 if style.length[0] > 20 else 0.6
    place = points[:, 0] @ np.array([0.45, 0.25, 0.3])
    own_phase = own * random[:, 2] * 6.28
    phase = (1 - own) * place + own_phase + f.n("hair_shape", 3)
    size = style.wave * np.exp(0.2 * f.n("hair_shape", 4))
    size = size * (0.7 + 0.6 * random[:, 3])
    pitch = style.pitch * (0.85 + 0.3 * random[:, 4])
    ease = 5.0 if own < 0.5 else 2.0
    return coils(points, size, pitch, phase, ease)


def above(ground, direction, height):
    """Find the point [3] `height` cm above the skin in a direction [3] from the skull's center.

    ground [G,3] cm is the skin on the scalp's grid.
    """
    return scalp.sample(ground, direction[None])[0] + direction * height


def bun(f, ground):
    """Coil a bun, ribbons wound over a flattened ball at the crown, as one `Part`.

    ground [G,3] cm is the skin on the scalp's grid.
    """
    count = 260
    center = above(ground, KNOT["bun"], 1.4)
    random = spread(count)[1]
    size = f.u("hair_shape", 5, 2.3, 3.3)
    t = np.linspace(0, 1, 10)[None]
    windings = 2.2 + random[:, 1:2]
    turn = random[:, :1] * 6.28 + t * windings
    sway = 0.35 * np.sin(t * 3 + random[:, 3:4] * 6)
    tilt = np.pi * (0.12 + 0.76 * random[:, 2:3]) + sway
    axis = unit(np.array([0, 0.55, -0.83]))
    first = np.array([1.0, 0, 0])
    second = np.cross(axis, [1.0, 0, 0])
    turn = turn[..., None]
    tilt = tilt[..., None]
    flat = np.cos(turn) * first + np.sin(turn) * second
    ball = np.sin(tilt) * flat + 0.8 * np.cos(tilt) * axis
    radius = size * (0.82 + 0.2 * random[:, 4:5])
    return ribbons(
        points=center + ball * radius[..., None],
        width=tapered(count, 10, np.full(count, 0.55), tip=0.7),
        outward=ball,
        material="hair",
        own=random[:, 5],
        layer=np.repeat(random[:, 4:5], 10, 1),
    )


def tail_spine(ground, side, steps):
    """Draw the middle [steps,3] of a ponytail, from the tie over the shoulder on `side` (±1)."""
    tie = above(ground, KNOT["ponytail"], 0.9)
    path = np.array(
        [
            tie,
            tie + [0, 1.2, -2.2],
            tie + [side * 2.5, -2.5, -3.4],
            [side * 8, -6, -12.5],
            [side * 9.5, -12, -6.5],
            [side * 8.5, -19, -1.5],
            [side * 8, -23, 0],
        ]
    )
    spine = along(path, range(7), np.linspace(0, 6, steps))
    for _ in range(3):
        total = spine[:-2] + 2 * spine[1:-1] + spine[2:]
        spine[1:-1] = total / 4
    return spine


def tail(f, ground):
    """Make a ponytail of locks that fall over one shoulder, as one `Part`.

    ground [G,3] cm is the skin on the scalp's grid.
    """
    count = 420
    steps = 16
    random = spread(count)[1]
    spine = tail_spine(ground, parting(f), steps)
    fat = follow(TAIL, np.linspace(0, 1, steps))
    turn = random[:, 0] * 6.28
    out = np.sqrt(random[:, 1])
    x = np.cos(turn) * out
    y = 0.4 * np.sin(turn) * out
    z = np.sin(turn) * out
    phase = random[:, 2:3] * 6
    sway = 0.25 * np.sin(np.linspace(0, 7, steps) + phase)
    reach = (fat[None] + sway)[..., None]
    points = spine[None] + vectors(x, y, z)[:, None] * reach
    return ribbons(
        points=points,
        width=tapered(count, steps, np.full(count, 0.55), tip=0.3),
        outward=unit(points - spine[None] + 1e-3),
        material="hair",
        own=random[:, 3],
        layer=np.repeat(out[:, None], steps, 1),
    )
