"""Skin with all that is drawn on it: tone, beard, lips, brows, lids, hair roots and the shirt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gantoolkit.core.labels import index
from gantoolkit_annyfaces import cloth
from gantoolkit_annyfaces.garment import neckline
from gantoolkit_annyfaces.masks import (
    base_labels,
    beard_density,
    blob,
    brow_mask,
    by_side,
    lid_crease,
    lip_masks,
    mouth_corners,
    nostrils,
    shaved_area,
    stubble_density,
    wrinkles,
)
from gantoolkit_annyfaces.parts import mix, smoothstep, waves

# How much red, green and blue change where skin is redder, darker, …
REDDER = np.array([0.035, -0.13, -0.11])
DARKER = np.array([0.75, 1.0, 0.92])
BLOTCHES = np.array([0.7, 1.0, 1.1])
SHAVED = np.array([1.0, 0.85, 0.70])
FRECKLED = np.array([0.5, 0.8, 1.0])
EYE_SHADOW = np.array([0.66, 0.50, 0.53])
FOLDED = np.array([0.8, 1, 1])
LID_RIM = np.array([0.07, 0.045, 0.04])  # sRGB
STUBBLE_SKIN = np.array([0.30, 0.23, 0.20])


@dataclass
class Paint:
    """Hold what is painted at N points."""

    color: np.ndarray  # [N,3] sRGB
    gloss: np.ndarray  # [N]
    label: np.ndarray  # [N]
    hairy: np.ndarray  # [N] 0..1: how much hair covers the skin
    is_cloth: np.ndarray  # [N] bool


def paint_skin(chart, extra, traits, f):
    """Paint points of the skin part with chart [N,3] as `Paint`.

    Columns of extra [N,4]: ear, eyelid rim, open sky share, cm of hair above.
    """
    lines = wrinkles(chart, traits.years, traits.smile)
    shiny_nose = 0.25 * blob(chart, 0, -2.5, 1.6)
    shiny_forehead = 0.1 * blob(chart, 0, 5, 3)
    skin = Paint(
        color=tone_map(chart, traits, extra) * (1 - lines)[:, None],
        gloss=0.22 + shiny_nose + shiny_forehead,
        label=base_labels(chart, extra),
        hairy=np.zeros(len(chart)),
        is_cloth=np.zeros(len(chart), bool),
    )
    add_beard(skin, chart, traits, f)
    add_lips(skin, chart, traits)
    add_brows(skin, chart, traits, f)
    add_lid_rims(skin, chart, extra, traits)
    add_hair_roots(skin, chart, extra, traits)
    add_shirt(skin, chart, traits)
    return skin


def tone_map(chart, traits, extra):
    """Paint bare skin: sRGB colors [N,3]."""
    red = redness(chart, traits, extra)[:, None]
    tone = traits.skin[None] * (1 + red * REDDER)
    dark = shade_of_eyes(chart, traits)[:, None]
    tone = tone * (1 - dark * DARKER)
    blotch = 0.018 * waves(chart, 4.5, 13) + 0.010 * waves(chart, 15.0, 12)
    age = np.clip((traits.years - 40) / 30, 0, 1.2)
    blotch = blotch * (1 + age)
    tone = tone * (1 + blotch[:, None] * BLOTCHES)
    lightness_of_hair = traits.hair.mean()
    if not traits.female and lightness_of_hair < 0.45:
        shade = 0.035 + 0.06 * traits.redness * (lightness_of_hair < 0.2)
        tone = tone * (1 - (shaved_area(chart) * shade)[:, None] * SHAVED)
    if traits.freckles:
        spots = smoothstep(0.55, 1.3, waves(chart, 19, 14))
        spots = spots * blob(chart, 2.6, -3.0, 3.2)
        strength = min(0.20, traits.freckles * 0.20)
        tone = tone * (1 - strength * spots[:, None] * FRECKLED)
    if traits.shadow:
        paint = blob(chart, 3.2, 0.70, 0.85)[:, None] * 0.65 * traits.shadow
        tone = tone * (1 - paint) + paint * tone * EYE_SHADOW
    tone = tone * (1 - nostrils(chart)[:, None] * FOLDED)
    return tone * (1 - 0.30 * lid_crease(chart, traits)[:, None] * FOLDED)


def redness(chart, traits, extra):
    """Measure how much redder skin is [N]: cheeks, nose, chin, ears, blush; the forehead less."""
    cheeks = 0.46 * blob(chart, 4.3, -3.9, 2.1)
    nose = 0.75 * blob(chart, 0, -3.9, 1.2)
    chin = 0.35 * blob(chart, 0, -10, 1.7)
    red = cheeks + nose + chin + 0.6 * extra[:, 0]
    strength = 0.45 * max(0, traits.blush) * 0.8
    blush = strength * blob(chart, 4.9, -3.1, 1.7)
    red = red * traits.redness + blush
    lids = 0.30 * blob(chart, 3.1, -0.4, 1.3)
    patches = 0.16 * waves(chart, 1.5, 11)
    return red + (lids + patches - 0.25 * blob(chart, 0, 4.5, 3.2))


def shade_of_eyes(chart, traits):
    """Measure how much darker skin is [N] about the eyes, growing with age, and below the lip."""
    age = min(1.5, 1 + (traits.years - 30) / 40)
    bags = 0.13 * blob(chart, 2.7, -1.35, 0.8) * age
    lids = 0.12 * blob(chart, 3.2, 0.55, 0.9)
    corners = 0.10 * blob(chart, 1.6, 0.1, 0.6)
    dark = bags + lids + corners
    below_lip = 0.05 * smoothstep(-8.2, -8.8, chart[:, 1])
    below_lip = below_lip * blob(chart, 0, -8.9, 0.9)
    return np.clip(dark + below_lip, 0, 0.45)


def add_beard(skin, chart, traits, f):
    """Tint the skin below a beard, or with stubble."""
    is_stubble = traits.beard == "stubble"
    density = stubble_density(chart) if is_stubble else beard_density(traits.beard, chart)
    if not density.any():
        return
    tint = traits.hair * 0.75
    strength = 0.72
    if is_stubble:
        grain = waves(chart, 26, 15) + 0.5 * waves(chart, 55, 16)
        strength = 0.17 + 0.38 * smoothstep(-0.5, 0.9, grain)
        tint = traits.hair * 0.5 + traits.skin * STUBBLE_SKIN
    cover = density * strength * f.u("beard_shape", 0, 0.75, 1)
    skin.color = mix(skin.color, tint, cover[:, None])
    skin.hairy = np.maximum(skin.hairy, cover)


def add_lips(skin, chart, traits):
    """Paint both lips and the corners of the mouth."""
    wave = chart[:, 0] * 11 + np.sin(chart[:, 1] * 3)
    fine_lines = np.maximum(0, np.sin(wave))
    upper, lower = lip_masks(chart)
    lips = ((upper, "u_lip", 0.12), (lower, "l_lip", 0.0))
    for mask, name, shade in lips:
        crease = 1 - 0.10 * fine_lines - shade
        painted = mask[:, None] * traits.lips * crease[:, None]
        skin.color = skin.color * (1 - mask[:, None]) + painted
        skin.gloss = mix(skin.gloss, 0.35 + 0.5 * traits.lipstick, mask)
        skin.label = np.where(mask > 0.5, index(name), skin.label)
    skin.color = skin.color * (1 - 0.45 * mouth_corners(chart)[:, None])


def brow_color(traits):
    """Choose the sRGB color [3] of brows: like the hair, but never light."""
    is_warm = traits.hair_name in ("blond", "red", "auburn")
    warm = np.array([1.08, 0.94, 0.86]) if is_warm else 1
    return traits.hair * min(0.80, 0.34 / traits.hair.max()) * warm


def add_brows(skin, chart, traits, f):
    """Tint and label the skin below the brows."""
    brow = brow_mask(chart, f)
    cover = 0.52 * brow[:, None]
    skin.color = mix(skin.color, brow_color(traits), cover)
    brows = by_side(chart, index("l_brow"), index("r_brow"))
    skin.label = np.where(brow > 0.35, brows, skin.label)


def add_lid_rims(skin, chart, extra, traits):
    """Darken the rims of the lids, the upper ones like lashes."""
    upper = 0.97 if traits.female else 0.85
    strength = np.where(chart[:, 1] > -0.1, upper, 0.40)
    rim = smoothstep(0.12, 0.75, extra[:, 1]) * strength
    skin.color = mix(skin.color, LID_RIM, rim[:, None])


def add_hair_roots(skin, chart, extra, traits):
    """Shade the skin at the hairline by the roots of hair."""
    grain = waves(chart, 5.5, 17, 8)
    start = -0.29 if traits.style == "buzz" else -0.20
    strength = 0.72 if traits.style != "bald" else 0
    root = smoothstep(start, 0.10, extra[:, 3] + 0.05 * grain) * strength
    root = root * (skin.label == index("skin"))
    root = root * smoothstep(-13.0, -10.0, chart[:, 1])
    shade = root[:, None] * traits.hair * 0.8
    skin.color = skin.color * (1 - root[:, None]) + shade
    skin.hairy = np.maximum(skin.hairy, root)


def add_shirt(skin, chart, traits):
    """Dress everything below the neckline."""
    depth = neckline(traits.collar, chart) - chart[:, 1]
    is_cloth = (depth > 0) & (chart[:, 1] < -9)
    fabric = cloth.paint_cloth(chart, depth, traits)
    skin.color = np.where(is_cloth[:, None], fabric, skin.color)
    skin.gloss = np.where(is_cloth, cloth.GLOSS, skin.gloss)
    skin.label = np.where(is_cloth, index("cloth"), skin.label)
    skin.hairy = np.where(is_cloth, 0, skin.hairy)
    skin.is_cloth = is_cloth
