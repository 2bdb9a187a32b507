"""Grow locks from the scalp: combed over the skull, then falling.

None enters the head, the neck or the shoulders.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces import scalp
from gantoolkit_annyfaces.factors import stream
from gantoolkit_annyfaces.parts import smoothstep, unit, vectors

LOWEST = -24.3  # cm below the eyes where hair ends: the box of the scene
KNOT = {
    "bun": unit(np.array([0.0, 0.94, -0.34])),
    "ponytail": unit(np.array([0.0, 0.50, -0.87])),
}
FRONT = unit(np.array([0.0, 0.22, 0.97]))
DOWN = np.array([0, -1.0, 0])
A_LITTLE_DOWN = np.array([0, -0.25, 0])
BACK = np.array([0, 0, -0.5])


@lru_cache(maxsize=8)
def spread(count):
    """Spread directions evenly over the sphere seen from scalp.CENTER, above −48°.

    Returns directions [count,3] and random numbers [count,8].
    """
    k = np.arange(count) + 0.5
    y = 1 - k / count * (1 + np.sin(np.radians(48)))
    turn = k * 2.399963  # the golden angle
    flat = np.sqrt(1 - y**2)
    even = vectors(flat * np.sin(turn), y, flat * np.cos(turn))
    hand = stream(77, count)
    direction = even + 0.012 * hand.standard_normal((count, 3))
    return unit(direction), hand.random((count, 8))


@dataclass
class Growth:
    """Hold what locks need to grow."""

    radius: np.ndarray  # [G] cm of the ground about the skull's center
    style: object  # a `Style`
    name: str  # of the style
    side: float  # +1 or −1: the person's side of the parting
    fringe: float | None  # height in cm above the eyes where it ends; None for no fringe
    sweep: float  # −1..1: the side to which a fringe is combed

    @property
    def hangs(self):
        """Whether locks fall from the head."""
        return self.style.length[2] > 8 and self.style.comb != "knot"


def comb(growth, d, root):
    """Choose the direction [N,3] in which locks grow on at directions d [N,3] of the skull.

    root [N,3] are the directions where they began.
    """
    if growth.style.comb == "out":
        return d
    aim = combed(growth, d)
    if growth.fringe is not None:
        front = fringe_share(root)[:, None]
        combed_ahead = np.array([[0.25 * growth.sweep, -0.75, 0.7]])
        ahead = combed_ahead + root * [0.35, 0, 0]
        aim = aim * (1 - front) + front * unit(ahead)
    return unit(aim - (aim * d).sum(1, keepdims=True) * d)


def combed(growth, d):
    """Aim locks [N,3] as the style is combed, at directions d [N,3]."""
    kind = growth.style.comb
    if kind == "knot":
        return KNOT[growth.name] - d
    if kind == "back":
        return d - FRONT + np.array([0, 0, -0.3])
    if kind == "part":
        return from_parting(d, growth.side * growth.style.part)
    whorl = unit(np.array([0.12 * growth.side, 0.78, -0.62]))
    return unit(d - whorl) + np.array([0, -0.12, 0])


def from_parting(d, place):
    """Aim locks [N,3] away from a parting at x = `place` over the skull, at directions d [N,3]."""
    angle = np.arctan2(d[:, 1], d[:, 2])
    angle = np.clip(angle, np.radians(28), np.radians(112))
    x = np.full(len(d), place)
    line = unit(vectors(x, np.sin(angle), np.cos(angle)))
    away = d - line
    distance = np.linalg.norm(away, axis=1)
    lean = 0.35 * smoothstep(0.5, 0.0, distance)
    return unit(away) + A_LITTLE_DOWN + lean[:, None] * BACK


def fringe_share(root):
    """Tell which roots [N,3] carry a fringe: 1 for its locks, 0 elsewhere."""
    azimuth, elevation = scalp.angles(root)
    ahead = smoothstep(56, 48, abs(azimuth))
    return ahead * smoothstep(20, 30, elevation) * smoothstep(74, 64, elevation)


def grow(growth, root, start, length, height, random):
    """Grow locks step by step: points [N,K,3] in cm.

    From root directions [N,3], start points [N,3], length [N] cm, height of their layer [N] cm and
    random numbers [N,8].
    """
    steps = growth.style.steps
    step = (length / (steps - 1))[:, None]
    jitter = (random[:, :3] - 0.5) * growth.style.messy
    point = start.copy()
    heading = None
    rows = [start]
    done = np.zeros(len(start), bool)
    for k in range(1, steps):
        d = unit(point - scalp.CENTER)
        way = step[:, 0] * k
        falling = falling_share(growth, d, way)
        want = comb(growth, d, root) * (1 - falling) + falling * DOWN
        want = unit(want + jitter + spring(growth, d, k))
        heading = want if heading is None else unit(0.35 * heading + 0.65 * want)
        moved = point + heading * step
        rising = np.minimum(1, way / 1.4)
        moved = settle(growth, moved, height * rising, falling[:, 0])
        done |= ends(growth, root, d, moved, random)
        point = np.where(done[:, None], point, moved)
        rows.append(point)
    return np.stack(rows, 1)


def falling_share(growth, d, way):
    """Tell how far locks fall [N,1] 0..1 rather than being combed.

    At directions d [N,3], after a way [N] of cm from the root.
    """
    if growth.hangs:
        low = smoothstep(0.42, -0.12, d[:, 1])
        low = low + smoothstep(8, 15, way)
    else:
        can_fall = growth.style.comb not in ("knot", "out")
        low = smoothstep(0.0, -0.7, d[:, 1]) * can_fall
    return np.clip(low, 0, 1)[:, None]


def spring(growth, d, k):
    """Lift locks at the root: a vector [N,3] outwards for the first step `k`, 0 later."""
    if growth.style.comb == "knot":
        return 0
    return 0.55 * d * max(0, 1 - k / 2)


def ends(growth, root, d, moved, random):
    """Tell which locks [N] end before they reach `moved` [N,3]."""
    done = moved[:, 1] < LOWEST
    if growth.fringe is not None:
        ragged = 1.1 if growth.hangs else 2.2
        end = growth.fringe + ragged * (random[:, 4] - 0.3)
        is_fringe = fringe_share(root) > 0.05
        done |= (moved[:, 1] < end) & is_fringe
    if not growth.hangs:  # hair of the crown ends above the brows
        end = 2.6 + 1.4 * random[:, 4]
        is_ahead = d[:, 2] > 0.55
        done |= (moved[:, 1] < end) & is_ahead & (root[:, 1] > 0.5)
    if growth.style.comb == "knot":
        done |= (d @ KNOT[growth.name]) > 0.975
    return done


def settle(growth, point, height, free):
    """Push points [N,3] out of the body, and pull combed ones down to their layer.

    height [N] cm of the layer above the ground; free [N] is 0 where locks are combed, 1 where they
    fall.
    """
    from_center = point - scalp.CENTER
    far = np.linalg.norm(from_center, axis=1)
    d = from_center / far[:, None]
    wanted = scalp.sample(growth.radius, d) + height
    pull = 0.8 if growth.style.comb != "out" else 0
    closer = far + (wanted - far) * (1 - free) * pull
    radius = np.where(far > wanted, closer, wanted)
    return scalp.CENTER + d * radius[:, None]
