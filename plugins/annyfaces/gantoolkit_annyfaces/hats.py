"""Hats: beanies, caps and brimmed hats over the scalp's grid of G points.

Extra column 0 holds the height above the rim in steps of 6°, and BRIM on visors and brims.
"""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces import scalp
from gantoolkit_annyfaces.hairline import hat_line
from gantoolkit_annyfaces.parts import Part, smoothstep
from gantoolkit_annyfaces.shapes import grid_faces

BRIM = 3


def hat(traits, f, ground):
    """Make a beanie, a cap with a visor, or a hat with a brim, as parts; ground [G,3] cm."""
    g = scalp.grid()
    rim = hat_line(g.azimuth) + 3 * f.n("hat_shape", 0)
    up = smoothstep(-0.1, 0.9, g.unit[:, 1])
    if traits.hat == "beanie":
        height = 1.1 + f.u("hat_shape", 1, 0.2, 1.6) * up
        return [dome(ground, rim - 3, height, band=0.35)]
    if traits.hat == "cap":
        ahead = np.cos(np.radians(g.azimuth))
        height = 0.7 + 1.2 * up * (0.55 + 0.45 * ahead)
        reach = f.u("hat_shape", 1, 5.5, 7.0)
        return [dome(ground, rim, height), visor(ground, rim, 38, reach, 2.4)]
    crown = smoothstep(0.2, 0.7, g.unit[:, 1])
    height = 1.1 + f.u("hat_shape", 1, 1.0, 2.4) * crown
    reach = f.u("hat_shape", 2, 4.0, 6.0)
    droop = f.u("hat_shape", 0, 0.3, 1.6)
    brim = visor(ground, rim + 3, 180, reach, droop)
    return [dome(ground, rim + 3, height), brim]


def dome(ground, rim, height, band=0.0):
    """Make a shell over the scalp, as a `Part`.

    rim [G] elevation in degrees where it begins; height [G] cm above the skin; a turned-up band
    stands off it by `band` cm.
    """
    g = scalp.grid()
    over = (g.elevation - rim) / 6
    cover = (height + 0.5) * smoothstep(-0.9, -0.1, over) - 0.5
    turned_up = smoothstep(-0.5, -0.3, over) - smoothstep(1.6, 2.0, over)
    depth = cover + band * turned_up
    points = ground + g.unit * depth[:, None]
    keep = over[g.faces].max(1) > -1.0
    extra = np.zeros((len(points), 4))
    extra[:, 0] = over
    return Part(points, g.faces[keep], "hat", g.unit.copy(), extra)


def visor(ground, rim, half, reach, droop):
    """Make a visor or brim, a thin closed sheet from the rim outwards, as a `Part`.

    It covers azimuths −half..half degrees (180: all round); reach and droop are in cm.
    """
    g = scalp.grid()
    goes_round = half >= 180
    count = 49 if goes_round else 25
    turn = np.linspace(-half, half, count)
    first_row = rim.reshape(scalp.ELEVATIONS, scalp.AZIMUTHS)[0]
    level = np.interp(turn, g.azimuth[: scalp.AZIMUTHS], first_row, period=360)
    rows = ground.reshape(scalp.ELEVATIONS, scalp.AZIMUTHS, 3)
    inner = scalp.sample_at(rows, turn, level)
    ahead = scalp.directions(turn, np.zeros(count))
    fade = np.ones(count)
    bend = np.zeros((1, count))
    if not goes_round:
        fade = np.cos(np.radians(turn) * 90 / half).clip(0) ** 0.35
        bend = (turn / half)[None] ** 2 * 1.2
    outwards = np.linspace(0, 1, 6)[:, None, None]
    way = 0.4 + reach * fade[None, :, None] * outwards
    upper = inner[None] + ahead[None] * way
    upper[..., 1] += 0.2 - droop * outwards[..., 0] * (0.25 + bend)
    lower = upper[::-1] - [0, 0.3, 0]
    sheet = np.concatenate([upper, lower])
    points = sheet.reshape(-1, 3)
    extra = np.zeros((len(points), 4))
    extra[:, 0] = BRIM
    return Part(points, grid_faces(len(sheet), count), "hat", points / 12, extra)
