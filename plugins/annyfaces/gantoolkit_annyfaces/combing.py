"""Grow locks from the scalp: combed over the skull, then falling, never into the head, the neck or the shoulders."""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces import scalp
from gantoolkit_annyfaces.factors import stream
from gantoolkit_annyfaces.parts import smoothstep
from gantoolkit_annyfaces.strands import unit

LOWEST = -24.3            # cm below the eyes where hair ends: the box of the scene
KNOT = {'bun': unit(np.array([0.0, .94, -.34])), 'ponytail': unit(np.array([0.0, .50, -.87]))}


@lru_cache(maxsize=8)
def spread(count):
    """(directions [count,3], random numbers [count,8]), even over the sphere seen from scalp.CENTRE, above −48°."""
    k = np.arange(count) + .5
    y = 1 - k / count * (1 + np.sin(np.radians(48)))
    turn = k * 2.399963
    flat = np.sqrt(1 - y ** 2)
    hand = stream(77, count)
    direction = np.stack([flat * np.sin(turn), y, flat * np.cos(turn)], 1) + .012 * hand.standard_normal((count, 3))
    return unit(direction), hand.random((count, 8))


def cells(direction):
    """Bilinear places of directions [...,3] on the scalp grid: (index [...,4], weight [...,4])."""
    r = np.clip((90 - np.degrees(np.arcsin(np.clip(direction[..., 1], -1, 1)))) / (90 - scalp.LOWEST)
                * (scalp.ELEVATIONS - 1), 0, scalp.ELEVATIONS - 1.001)
    c = (np.degrees(np.arctan2(direction[..., 0], direction[..., 2])) + 180) / 360 * scalp.AZIMUTHS % scalp.AZIMUTHS
    r0, c0 = r.astype(int), c.astype(int) % scalp.AZIMUTHS
    c1, a, b = (c0 + 1) % scalp.AZIMUTHS, r - r.astype(int), c - c.astype(int)
    row, below = r0 * scalp.AZIMUTHS, (r0 + 1) * scalp.AZIMUTHS
    return (np.stack([row + c0, row + c1, below + c0, below + c1], -1),
            np.stack([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b], -1))


def sample(values, direction):
    """Grid values [G] or [G,k] at directions [...,3]."""
    index, weight = cells(direction)
    return (values[index] * (weight if values.ndim == 1 else weight[..., None])).sum(direction.ndim - 1)


@dataclass
class Growth:
    """What locks need: `radius` [G] cm of the ground about the skull's centre, the style, the side of the parting."""
    radius: np.ndarray
    style: object
    name: str
    side: float
    fringe: float                # height in cm above the eyes where it ends; None for no fringe
    sweep: float


def comb(growth, d, root):
    """Wanted tangent direction [N,3] at directions d [N,3] from the skull's centre, for roots [N,3]."""
    kind = growth.style.comb
    if kind == 'knot':
        aim = KNOT[growth.name] - d
    elif kind == 'back':
        aim = d - unit(np.array([0.0, .22, .97])) + np.array([0, 0, -.3])
    elif kind == 'out':
        aim = d * 1.0
        return aim
    elif kind == 'part':
        place = growth.side * growth.style.part
        angle = np.clip(np.arctan2(d[:, 1], d[:, 2]), np.radians(28), np.radians(112))
        q = unit(np.stack([np.full(len(d), place), np.sin(angle), np.cos(angle)], 1))
        away = d - q
        lean = .35 * smoothstep(.5, .0, np.linalg.norm(away, axis=1))
        aim = unit(away) + np.array([0, -.25, 0]) + lean[:, None] * np.array([0, 0, -.5])
    else:
        aim = unit(d - unit(np.array([.12 * growth.side, .78, -.62]))) + np.array([0, -.12, 0])
    if growth.fringe is not None:
        front = fringe_share(root)[:, None]
        aim = aim * (1 - front) + front * unit(np.array([[.25 * growth.sweep, -.75, .7]]) + root * [.35, 0, 0])
    return unit(aim - (aim * d).sum(1, keepdims=True) * d)


def fringe_share(root):
    """1 for roots [N,3] whose locks belong to a fringe."""
    azimuth = abs(np.degrees(np.arctan2(root[:, 0], root[:, 2])))
    elevation = np.degrees(np.arcsin(np.clip(root[:, 1], -1, 1)))
    return smoothstep(56, 48, azimuth) * smoothstep(20, 30, elevation) * smoothstep(74, 64, elevation)


def grow(growth, root, start, length, height, random):
    """Integrate locks to points [N,K,3].

    Of root directions [N,3], start points [N,3], length [N] cm, layer height [N] cm and random numbers [N,8].
    """
    steps = growth.style.steps
    step = (length / (steps - 1))[:, None]
    point, heading = start.copy(), None
    rows, done = [start], np.zeros(len(start), bool)
    jitter = (random[:, :3] - .5) * growth.style.messy
    hang = growth.style.length[2] > 8 and growth.style.comb != 'knot'
    for k in range(1, steps):
        rel = point - scalp.CENTRE
        d = unit(rel)
        want = comb(growth, d, root)
        low = (smoothstep(.42, -.12, d[:, 1]) if hang
               else smoothstep(.0, -.7, d[:, 1]) * (growth.style.comb not in ('knot', 'out')))
        travelled = step[:, 0] * k
        low = np.clip(low + (smoothstep(8, 15, travelled) if hang else 0), 0, 1)[:, None]
        spring = 0 if growth.style.comb == 'knot' else .55 * d * max(0, 1 - k / 2)      # up, at the root
        want = unit(want * (1 - low) + low * np.array([0, -1.0, 0]) + jitter + spring)
        heading = want if heading is None else unit(.35 * heading + .65 * want)
        moved = point + heading * step
        moved = settle(growth, moved, height * np.minimum(1, travelled / 1.4), low[:, 0])
        if growth.fringe is not None:
            ragged = 1.1 if hang else 2.2
            done |= (moved[:, 1] < growth.fringe + ragged * (random[:, 4] - .3)) & (fringe_share(root) > .05)
        if not hang:                                             # hair of the crown ends above the brows
            done |= (moved[:, 1] < 2.6 + 1.4 * random[:, 4]) & (d[:, 2] > .55) & (root[:, 1] > .5)
        if growth.style.comb == 'knot':
            done |= (d @ KNOT[growth.name]) > .975
        done |= moved[:, 1] < LOWEST
        point = np.where(done[:, None], point, moved)
        rows.append(point)
    return np.stack(rows, 1)


def settle(growth, point, height, free):
    """Push points [N,3] out of the body, and pull combed ones (free = 0) down to their layer."""
    rel = point - scalp.CENTRE
    far = np.linalg.norm(rel, axis=1)
    d = rel / far[:, None]
    floor = sample(growth.radius, d)
    wanted = floor + height
    pulled = np.where(far > wanted,
                      far + (wanted - far) * (1 - free) * (.8 if growth.style.comb != 'out' else 0), wanted)
    return scalp.CENTRE + d * pulled[:, None]
