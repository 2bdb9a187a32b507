"""Where hair grows and how thick: on the scalp's grid of G points."""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces import scalp
from gantoolkit_annyfaces.parts import bell, smoothstep, unit
from gantoolkit_annyfaces.styles import HANGING

# Hairline as (azimuth°, elevation°) seen from scalp.CENTER, left half; mirrored for the right.
HAIRLINE = (
    (0, 32.5),
    (20, 33),
    (36, 31),
    (47, 21),
    (55, 11),
    (61, 0),
    (66, -12),
    (72, -15),
    (78, -9),
    (98, -8),
    (108, -18),
    (122, -32),
    (150, -42),
    (180, -44),
)
SMOOTHING = [0.1, 0.15, 0.16, 0.18, 0.16, 0.15, 0.1]
CROWN = unit(np.array([0, 0.86, 0.5]))  # the middle of a bald top


def parting(f):
    """Choose the person's side of the parting: +1 or −1."""
    return 1.0 if f.n("hair_shape", 2) > 0 else -1.0


def hat_line(azimuth):
    """Compute the elevation in degrees of a hat's lower rim at azimuths in degrees."""
    once_round = np.cos(np.radians(azimuth))
    twice_round = np.cos(np.radians(2 * azimuth))
    return 9 + 13 * once_round - 3 * twice_round


def hairline(traits, f):
    """Draw a person's closed hairline [N,2]: azimuth and elevation in degrees."""
    half = own_hairline(traits, f)
    fine = np.linspace(0, 180, 61)
    line = np.interp(fine, half[:, 0], half[:, 1])
    for _ in range(2):
        line = np.convolve(np.pad(line, 3, mode="reflect"), SMOOTHING, "valid")
    azimuth = np.concatenate([fine, -fine[1:-1][::-1]])
    elevation = np.concatenate([line, line[1:-1][::-1]])
    return np.stack([azimuth, elevation], 1)


def own_hairline(traits, f):
    """Adapt the left half of `HAIRLINE` [14,2] to a person."""
    half = np.array(HAIRLINE, np.float64)
    half[:3, 1] += 2.0 * f.n("hair_shape", 0)
    corners = 3 * max(0, f.n("hair_shape", 3)) * (not traits.female)
    half[1:3, 1] += corners - 3 * traits.female
    if traits.balding == "receding":
        half[:4, 1] += np.array([4, 12, 17, 12])
    if traits.balding == "bald top":
        half[3:6, 1] += np.array([14, 16, 14])  # no tuft before the temples
    if traits.style in HANGING and traits.female:
        half[5:7, 1] -= 5  # no sideburn gap under a curtain
    if traits.female or traits.style == "buzz":
        half[6:8, 1] += 5
    return half


def edge_distance(line):
    """Measure the distance [G] in cm from a hairline on the average head, positive inside it."""
    g = scalp.grid()
    order = np.argsort(line[:, 0])
    azimuth, elevation = line[order].T
    limit = np.interp(g.azimuth, azimuth, elevation, period=360)
    radius = np.linalg.norm(g.canon - scalp.CENTER, axis=1)
    edge = scalp.directions(line[:, 0], line[:, 1])
    cosine = np.clip(g.unit @ edge.T, -1, 1).max(1)
    sign = np.where(g.elevation > limit, 1, -1)
    return sign * np.arccos(cosine) * radius


def inside_hair(traits, f):
    """Measure the distance [G] in cm inside the hairline, and outside a bald crown."""
    inside = edge_distance(hairline(traits, f))
    if traits.balding != "bald top":
        return inside
    cosine = np.clip(scalp.grid().unit @ CROWN, -1, 1)
    bare = np.degrees(np.arccos(cosine)) - f.u("balding", 0, 58, 66)
    return np.minimum(inside, bare * 0.16)


def thickness(style, traits, f):
    """Compute the wanted thickness [G] of hair in cm, ignoring the hairline."""
    g = scalp.grid()
    up = smoothstep(-0.05, 0.72, g.unit[:, 1])
    back = smoothstep(0.2, -0.7, g.unit[:, 2])
    low = style.side * (1 - back) + style.back * back
    depth = low * (1 - up) + style.top * up
    depth = depth * np.exp(0.20 * f.n("hair_shape", 1))
    if style.comb == "part" and not traits.fringe:
        valley, slope = parting_relief(style, f)
        depth *= valley
        depth *= slope
    has_quiff = traits.style == "short" and f.n("hair_shape", 4) > 0
    if style.comb == "back" or has_quiff:
        ahead = np.cos(np.radians(g.azimuth)) > 0
        depth *= 1 + 0.4 * bell((g.elevation - 46) / 20) * ahead
    return depth * (0.45 if traits.balding == "bald top" else 1)


def parting_relief(style, f):
    """Compute two factors [G]: less hair along the parting, and more on its broader side."""
    x, y, z = scalp.grid().unit.T
    side = parting(f)
    away = abs(x - side * style.part)
    ahead = smoothstep(-0.35, 0.1, z)
    above = smoothstep(0.3, 0.6, y)
    gap = 0.55 * bell(away / 0.07) * ahead * above
    slope = 1 + 0.14 * np.tanh(3 * (side * style.part - x) * side)
    return 1 - gap, slope
