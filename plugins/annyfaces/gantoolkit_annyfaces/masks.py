"""Where things are on the face: soft masks [N] 0..1 on the chart of the average head.

A chart is points [N,3] in cm about the mid-point of the eyes: x to the person's left, y up, z out
of the face. Most masks are alike on both sides, so they read |x|.
"""

from __future__ import annotations

import numpy as np

from gantoolkit.core.labels import index
from gantoolkit_annyfaces.parts import bell, follow, smoothstep

LIPS_MEET = -7.12  # height
# Outlines: (|x|, height) of lips, beards and stubble, (z, height) of the jaw, (height, |x|) of the
# nose and of the fold beside the mouth.
LIP_TOP = (
    (0, -6.46),
    (0.4, -6.30),
    (1.2, -6.52),
    (2.0, -6.9),
    (2.45, -7.12),
)
LIP_BOTTOM = (
    (0, -8.25),
    (0.4, -8.2),
    (1.2, -7.95),
    (2.0, -7.5),
    (2.45, -7.13),
)
BEARD_TOP = (
    (0, -8.3),
    (2.4, -7.2),
    (4, -6.6),
    (5.5, -4.8),
    (7, -2.2),
    (8, -1.5),
)
STUBBLE_TOP = (
    (0, -8.3),
    (2.4, -7.2),
    (4, -6.6),
    (5.5, -5.0),
    (7, -3.4),
    (8, -2.6),
)
JAW = (
    (-13, -3.5),
    (-9.5, -4.5),
    (-7.8, -6.3),
    (-6.0, -8.4),
    (-4.0, -9.9),
    (-2.0, -10.9),
    (0, -11.4),
    (2.5, -11.7),
)
NOSE = (
    (-5.3, 0.3),
    (-4.9, 1.35),
    (-4.2, 1.95),
    (-3.2, 1.75),
    (-1.5, 1.15),
    (0.2, 0.7),
    (0.9, 0.55),
)
MOUTH_FOLD = ((-7.6, 3.0), (-4.4, 1.9))


def mirrored(chart):
    """Split a chart into (|x|, y, z)."""
    return abs(chart[:, 0]), chart[:, 1], chart[:, 2]


def blob(chart, x, y, spread):
    """Mark soft spots about (±x, y) of radius `spread` cm, on the front half of the head."""
    across, height, ahead = mirrored(chart)
    distance = (across - x) ** 2 + (height - y) ** 2
    return np.exp(-(distance / spread**2)) * smoothstep(-7, -3, ahead)


def by_side(chart, left, right):
    """Choose `left` [N] on the person's left side, else `right`."""
    return np.where(chart[:, 0] > 0, left, right)


def lip_masks(chart):
    """Mark the lips: (upper, lower)."""
    x, y, z = mirrored(chart)
    below_top = smoothstep(-0.06, 0.06, follow(LIP_TOP, x) - y)
    above_bottom = smoothstep(-0.06, 0.06, y - follow(LIP_BOTTOM, x))
    inside = below_top * above_bottom * (z > 0.3) * (x < 2.6)
    upper = y > LIPS_MEET
    return inside * upper, inside * ~upper


def mouth_corners(chart):
    """Mark the corners of the mouth."""
    x, y, z = mirrored(chart)
    distance = ((x - 2.45) / 0.3) ** 2 + ((y + 7.12) / 0.16) ** 2
    return np.exp(-distance) * (z > 0.3)


def brow_half(f):
    """Compute half the brow's thickness in cm."""
    own = np.exp(0.25 * f.n("brow", 0))
    gendered = 0.84 if f.female() else 1.1
    return 0.38 * own * gendered


def brow_line(chart, f):
    """Follow a person's own brows.

    Returns, each [N]: height of the line in cm, half thickness in cm, place along the brow (0 at
    the nose, 1 at its end), and a mask of the places between.
    """
    x, _, z = mirrored(chart)
    place = (x - (1.25 + 0.15 * f.n("brow", 2))) / 3.75
    arch = 0.50 + 0.15 * f.n("brow", 1)
    bow = np.sin(np.clip(place, 0, 1.1) * 2.35)
    line = 1.22 + arch * bow - 0.6 * np.clip(place - 0.55, 0, 1)
    swell = smoothstep(-0.12, 0.18, place) * 0.9 + 0.1
    taper = 1 - 0.72 * smoothstep(0.40, 1.0, place)
    half = brow_half(f) * swell * taper
    begins = smoothstep(-0.06, 0.10, place)
    ends = smoothstep(1.06, 0.90, place)
    inside = begins * ends * (z > -4)
    return line, half, place, inside


def brow_mask(chart, f):
    """Mark both brows."""
    line, half, _, inside = brow_line(chart, f)
    return smoothstep(1.35, 0.45, abs(chart[:, 1] - line) / half) * inside


def mustache(chart, top=(-4.95, -5.5), side=(3.3, 2.5)):
    """Mark the upper lip's hair; `top` (y) and `side` (|x|) say over which cm its edges fade."""
    x, y, z = mirrored(chart)
    below_nose = smoothstep(*top, y)
    between_folds = smoothstep(*side, x + 0.35 * (y + 6))
    above_mouth = smoothstep(-8.3, -7.2, y)
    return below_nose * between_folds * above_mouth * (z > 0)


def whiskers(chart, outline, cheek, back, jaw):
    """Mark cheeks and chin below an `outline` and before the ears.

    cheek, back and jaw say over which cm the edges fade: about the outline, in z, about the jaw.
    """
    x, y, z = mirrored(chart)
    below = smoothstep(*cheek, y - follow(outline, x))
    before_ears = smoothstep(*back, z)
    above_jaw = smoothstep(*jaw, y - follow(JAW, z))
    return below * before_ears * above_jaw


def off_lips(chart):
    """Mark everything but the lips."""
    return 1 - np.maximum(*lip_masks(chart))


def beard_density(kind, chart):
    """Measure how densely facial hair grows, for 'none', 'mustache', 'goatee' or 'beard'."""
    if kind == "none":
        return np.zeros(len(chart))
    upper = mustache(chart)
    if kind == "mustache":
        return upper * off_lips(chart)
    full = whiskers(
        chart,
        BEARD_TOP,
        cheek=(0.5, -1.2),
        back=(-8.8, -6.4),
        jaw=(-2.2, -0.5),
    )
    if kind == "goatee":
        patch = smoothstep(3.2, 2.2, abs(chart[:, 0])) * full
        return np.maximum(upper * 0.9, patch) * off_lips(chart)
    return np.maximum(upper, full) * off_lips(chart)


def stubble_density(chart):
    """Measure how densely stubble grows: where a beard would, fading widely."""
    upper = mustache(chart, top=(-4.8, -5.7), side=(3.6, 2.3))
    full = whiskers(
        chart,
        STUBBLE_TOP,
        cheek=(1.0, -2.2),
        back=(-9.5, -5.0),
        jaw=(-3.4, 0.2),
    )
    return np.maximum(0.85 * upper, full) * off_lips(chart)


def shaved_area(chart):
    """Mark where a full beard would grow."""
    full = whiskers(
        chart,
        BEARD_TOP,
        cheek=(0.4, -1.0),
        back=(-8.6, -6.8),
        jaw=(-2.2, -0.5),
    )
    return np.maximum(mustache(chart), full) * off_lips(chart)


def nostrils(chart):
    """Mark the nostrils and, weakly, the folds beside the wings of the nose."""
    x, y, z = mirrored(chart)
    across = (x - 0.72) / 0.34
    height = (y + 5.02) / 0.17
    hole = np.exp(-(across**2) - height**2)
    from_wing = np.hypot(x - 0.95, (y + 4.45) * 1.1) - 0.85
    wing = bell(from_wing / 0.16) * smoothstep(1.1, 1.5, x)
    return (0.70 * hole + 0.11 * wing) * (z > 1.5)


def lid_crease(chart, traits):
    """Mark the fold above the upper lid; weaker with Asian ancestry."""
    across, height, ahead = mirrored(chart)
    x = (across - 3.15) / 1.65
    y = height - (0.88 - 0.42 * x**2)
    above_eye = smoothstep(1.12, 0.75, abs(x))
    fold = bell(y / 0.11) * above_eye * (ahead > -3)
    return fold * (1 - 0.6 * traits.race[1])


def wrinkles(chart, years, smile=0.0):
    """Measure the darkening by lines on forehead, beside the mouth and at the eyes.

    They grow with age (`years`); a `smile` 0..1 folds the cheeks.
    """
    age = np.clip((years - 38) / 35, 0, 1)
    if not age and smile < 0.1:
        return np.zeros(len(chart))
    x, y, _ = mirrored(chart)
    lines = age * (0.10 * forehead_lines(x, y) + 0.14 * crow_feet(x, y))
    depth = np.maximum(0.24 * age, 0.15 * smile)
    return lines + depth * mouth_folds(x, y)


def forehead_lines(x, y):
    """Mark wavy level lines on the forehead."""
    wave = y * 5.2 + 0.5 * np.cos(x * 0.9)
    lines = np.maximum(0, np.sin(wave)) ** 4
    above_brows = smoothstep(2.6, 3.4, y)
    below_hair = smoothstep(6.8, 5.6, y)
    return lines * above_brows * below_hair * smoothstep(5, 3, x)


def mouth_folds(x, y):
    """Mark the folds from the nose past the corners of the mouth."""
    fold = bell((x - follow(MOUTH_FOLD, y)) / 0.16)
    return fold * smoothstep(-7.8, -7.0, y) * smoothstep(-4.2, -4.8, y)


def crow_feet(x, y):
    """Mark the lines beside the outer corners of the eyes."""
    lines = np.maximum(0, np.sin((y + 0.15 * x) * 8)) ** 4
    begin = smoothstep(4.7, 5.1, x)
    end = smoothstep(6.2, 5.4, x)
    level = smoothstep(1.3, 0.7, abs(y + 0.1))
    return lines * begin * end * level


def base_labels(chart, extra):
    """Label bare skin [N]: skin, nose, ears, neck. Column 0 of `extra` [N,4] is 1 on the ears."""
    x, y, z = mirrored(chart)
    is_neck = y < follow(JAW, z)
    label = np.where(is_neck, index("neck"), index("skin"))
    is_height_of_nose = (y < 0.7) & (y > -5.25)
    is_nose = (x < follow(NOSE, y)) & is_height_of_nose & (z > 1.2)
    label = np.where(is_nose, index("nose"), label)
    ears = by_side(chart, index("l_ear"), index("r_ear"))
    return np.where(extra[:, 0] > 0.5, ears, label)
