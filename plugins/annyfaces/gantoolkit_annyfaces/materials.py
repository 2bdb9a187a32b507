"""Colors of everything but skin and eyes: teeth, hair, hats, glasses and jewelry; sRGB 0..1."""

from __future__ import annotations

import colorsys

import numpy as np

from gantoolkit_annyfaces.cloth import GLOSS, shirt_color
from gantoolkit_annyfaces.hats import BRIM
from gantoolkit_annyfaces.parts import mix, smoothstep, unit, waves

METALS = {
    "gold": (0.86, 0.66, 0.28),
    "silver": (0.80, 0.81, 0.83),
    "pearl": (0.93, 0.90, 0.86),
    "black": (0.08, 0.08, 0.09),
    "ruby": (0.55, 0.06, 0.10),
}
# Of glasses: mostly black, tortoise, or metal.
FRAMES = (
    (0.05, 0.05, 0.06),
    (0.05, 0.05, 0.06),
    (0.26, 0.14, 0.08),
    (0.60, 0.61, 0.63),
    (0.66, 0.50, 0.24),
    (0.40, 0.07, 0.10),
)
IVORY = np.array([0.93, 0.90, 0.84])
GUM = np.array([0.60, 0.28, 0.28])
CAVITY = (0.20, 0.06, 0.06)
TONGUE = (0.58, 0.25, 0.26)
GRAY_LOCK = np.array([0.52, 0.51, 0.50])


def paint_teeth(chart):
    """Paint teeth [N,3]: ivory with darker gaps, and the gum; chart as in `anatomy.teeth`."""
    gap = abs((chart[:, 0] / 0.82) % 1 - 0.5) * 2
    between = (1 - 0.28 * smoothstep(0.86, 1.0, gap))[:, None]
    from_middle = smoothstep(0.9, 2.8, abs(chart[:, 0]))
    in_cheek = (1 - 0.42 * from_middle)[:, None]
    gum = smoothstep(0.3, 0.12, chart[:, 1])[:, None]
    return mix(IVORY * between * in_cheek, GUM, gum)


def strand_color(traits, brow, name):
    """Choose the color [3] of strands: hair as it is, beards a little darker, lashes dark.

    brow is the color of brows.
    """
    if name == "hair":
        return traits.hair
    if name == "beard":
        return traits.hair * 0.86
    if name == "brow":
        return brow
    has_dark_lashes = traits.lipstick > 0.1 or traits.hair.mean() < 0.3
    return np.array([0.06, 0.045, 0.04] if has_dark_lashes else [0.16, 0.10, 0.07])


def lightness(look):
    """Measure 0 for dark strands … 1 for blond, gray and white ones, which let light through."""
    return float(smoothstep(0.25, 0.6, look.mean()))


def paint_hair(chart, extra, traits, look):
    """Paint strands of color `look` [3]; chart and extra as in `strands`.

    Returns colors [N,3], unit directions [N,3] and heights [N] (−1 gap … 1 ridge).
    """
    across, along, own = chart.T
    direction = unit(extra[:, :3])
    layer = extra[:, 3]
    seed = own * 97.0
    coarse = np.sin(across * 5.5 + seed * 7) * 0.5
    fine = coarse + np.sin(across * 11 + seed * 23 + along * 0.35) * 0.35
    lock = 2 * (own * 7.31 % 1) - 1
    pale = lightness(look)
    root = 0.80 + 0.20 * smoothstep(0, 3.0, along)
    depth = 0.72 + 0.12 * pale + (0.28 - 0.12 * pale) * smoothstep(0, 0.75, layer)
    contrast = 0.15 if look.mean() < 0.4 else 0.10
    tone = 1 + contrast * lock + 0.12 * fine
    shade = (root * depth * tone)[:, None]
    warmth = np.array([0.03, 0, -0.05]) * lock[:, None]
    color = look[None] * shade * (1 + warmth)
    if traits.gray > 0.05:  # single gray locks among the colored ones
        threshold = 1 - traits.gray
        is_gray = smoothstep(threshold - 0.12, threshold + 0.12, own * 13.7 % 1)
        gray = is_gray[:, None] * 0.62
        color = color * (1 - gray) + gray * GRAY_LOCK * shade
    return np.clip(color, 0, 1), direction, 0.6 * fine + 0.4 * lock


def paint_cap(chart, extra, traits):
    """Paint the shell below the locks [N,3]: dark, or for cropped hair stubble over the scalp."""
    d = unit(chart)
    if traits.style == "buzz":
        grain = 0.6 * waves(d, 150, 25) + 0.5 * waves(d, 60, 27)
        dense = np.clip(0.78 + 0.16 * grain, 0, 0.95)[:, None]
        cover = dense * smoothstep(-0.26, 0.12, extra[:, 3:4])
        hair = cover * traits.hair * (0.95 + 0.2 * grain[:, None])
        return traits.skin * 0.9 * (1 - cover) + hair
    streak = waves(d * [1, 0.35, 0.35], 40, 26, 8)
    tone = 0.78 + 0.12 * lightness(traits.hair) + 0.10 * streak[:, None]
    return np.clip(traits.hair * tone, 0, 1)


def paint_hat(chart, extra, traits, f):
    """Paint hats [N,3]: a knitted beanie, a cap with seams, a brimmed hat with a ribbon."""
    saturation = 0.75 * f.u("hat_shape", 2) ** 1.4
    value = f.u("hat_shape", 1, 0.08, 0.85)
    color = np.array(colorsys.hsv_to_rgb(f.u("hat", 0), saturation, value))
    over = extra[:, 0]
    is_brim = abs(over - BRIM) < 1e-3
    turn = np.arctan2(chart[:, 0], chart[:, 2])
    shade = 1 + 0.04 * waves(chart, 9, 28)
    if traits.hat == "beanie":
        ribs = 1 + 0.16 * np.sin(turn * 60)
        fold = 1 - 0.25 * smoothstep(1.4, 1.7, over) * smoothstep(2.3, 1.9, over)
        return color * (shade * ribs * fold)[:, None]
    if traits.hat == "cap":
        from_seam = abs((turn * 6 / 2 / np.pi) % 1 - 0.5)
        shade = shade * (1 - 0.12 * smoothstep(0.05, 0.0, from_seam) * ~is_brim)
        color = np.where(is_brim[:, None], visor_color(color, f), color)
        return color * shade[:, None]
    band = smoothstep(1.8, 1.5, over) * ~is_brim
    return color * (1 - 0.65 * band[:, None]) * shade[:, None]


def visor_color(color, f):
    """Choose the color [3] of a cap's visor: like the cap, darker, or another hue."""
    if f.u("hat", 3) >= 0.5:
        return color * 0.85
    if f.u("hat", 1) < 0.5:
        return color * 0.5
    return np.array(colorsys.hsv_to_rgb(f.u("hat", 2), 0.6, 0.55))


def metal(f, i):
    """Choose the color [3] of a jewel: 0 earrings, 1 chains."""
    names = list(METALS)
    chosen = int(f.u("jewel", i) ** 1.3 * 5)
    return np.array(METALS[names[min(chosen, 4)]])


def bead_color(f):
    """Choose the color [3] of beads: pearls or a bright hue."""
    hue = f.u("jewel", 1)
    if hue < 0.5:
        return np.array(METALS["pearl"])
    return np.array(colorsys.hsv_to_rgb(hue * 2 % 1, 0.6, 0.6))


def frame_color(f):
    """Choose the color [3] of the glasses' frame."""
    chosen = int(f.u("glasses", 0) * 6)
    return np.array(FRAMES[min(chosen, 5)])


def collar_color(traits):
    """Choose the color [3] of a folded collar."""
    return shirt_color(traits) if traits.collar == "suit" else traits.cloth * 0.92 + 0.04


def paint_part(name, chart, extra, traits, f):
    """Paint any remaining material: (colors [N,3], gloss). Raises KeyError for other names."""
    if name == "teeth":
        return paint_teeth(chart), 0.5
    if name == "hat":
        return paint_hat(chart, extra, traits, f), 0.05
    color, gloss = plain_part(name, traits, f)
    return np.broadcast_to(color, (len(chart), 3)), gloss


def plain_part(name, traits, f):
    """Choose (color [3], gloss) of a material of one color. Raises KeyError for other names."""
    if name == "cavity":
        return CAVITY, 0.0
    if name == "tongue":
        return TONGUE, 0.2
    if name == "earring":
        return metal(f, 0), 0.9
    if name == "necklace":
        return metal(f, 1) if traits.necklace == "chain" else bead_color(f), 0.8
    if name == "collar":
        return collar_color(traits), GLOSS
    if name == "frame":
        return frame_color(f), 0.8
    raise KeyError(name)
