"""Cloth, drawn on the chart of the average body: plain, striped, checked, or a suit."""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.masks import mirrored
from gantoolkit_annyfaces.parts import bell, follow, mix, smoothstep, waves

GLOSS = 0.06
WHITE = (0.92, 0.92, 0.93)
# (height, half the width) of a tie
TIE = (
    (-26, 1.6),
    (-16.2, 0.95),
    (-15.2, 0.80),
    (-14.0, 1.15),
)


def shirt_color(traits):
    """Choose the sRGB color [3] of the shirt below a suit: white, or a tint of the second color."""
    if traits.cloth2.mean() > 0.35:
        return np.array(WHITE)
    return traits.cloth2 * 0.5 + 0.5


def pattern_share(chart, pattern):
    """Measure the share [N] of the second color in 'plain', 'stripes' or 'checks'."""
    if pattern == "stripes":
        wave = np.sin(chart[:, 1] * 3.1 + 0.2 * chart[:, 2])
        return smoothstep(-0.15, 0.15, wave)
    if pattern == "checks":
        columns = smoothstep(-0.15, 0.15, np.sin(chart[:, 0] * 2.2))
        rows = smoothstep(-0.15, 0.15, np.sin(chart[:, 1] * 2.2))
        return 0.5 * columns + 0.5 * rows
    return np.zeros(len(chart))


def paint_cloth(chart, depth, traits):
    """Paint cloth: sRGB colors [N,3].

    depth [N] is how many cm below the neckline a point lies; there is a seam along it.
    """
    if traits.collar == "suit":
        fabric = paint_suit(chart, depth, traits)
    else:
        share = pattern_share(chart, traits.pattern)[:, None]
        fabric = mix(traits.cloth[None], traits.cloth2[None], share)
    wide_folds = waves(chart * [1, 0.45, 1], 0.8, 18)
    fold = 1 + 0.10 * wide_folds + 0.02 * waves(chart, 9, 19)
    seam = smoothstep(0.75, 0.6, depth) * 0.16
    return fabric * (1 - seam[:, None]) * fold[:, None]


def paint_suit(chart, depth, traits):
    """Paint a suit with lapels over a shirt, men's with a tie: sRGB colors [N,3]."""
    x, y, z = mirrored(chart)
    front = z > -6
    opening = (4.0 + 0.42 * np.minimum(y + 13, 0)).clip(0)  # half width between the lapels
    inside = smoothstep(0.12, -0.12, x - opening) * front + (depth < 1.1)
    inside = np.clip(inside, 0, 1)
    outer_edge = bell((x - opening - 2.9) / 0.10) * front * (y < -15)
    inner_edge = bell((x - opening) / 0.12) * front
    lapel = outer_edge + inner_edge
    from_edge = x - follow(TIE, y)
    tie = smoothstep(0.1, -0.05, from_edge) * (y < -13.4) * front
    has_tie = (tie > 0.5)[:, None] & (not traits.female)
    within = np.where(has_tie, traits.cloth2 * 0.8, shirt_color(traits))
    fabric = mix(traits.cloth[None] * 0.55, within, inside[:, None])
    return fabric * (1 - 0.45 * lapel[:, None])
