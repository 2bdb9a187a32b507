"""Style domains: the same head as photo, marble, clay or toon."""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.parts import bell, mix, smoothstep, waves

DOMAINS = ("photo", "marble", "clay", "toon")
STONE = ("marble", "clay")
# sRGB
MARBLE = np.array([0.80, 0.79, 0.77])
VEIN = np.array([1.0, 1.0, 0.88])  # how much veins darken each channel
FIRED_CLAY = np.array([0.74, 0.45, 0.33])
DRY_CLAY = np.array([0.62, 0.58, 0.53])
# How toons are lit: as strongly as this, or above.
BRIGHT = 0.62
HALF_LIT = 0.36
GLOSS = {"marble": 0.5, "clay": 0.08, "toon": 0.15}
SCATTER = {"marble": 0.5, "clay": 0, "toon": 0}


def restyle(color, domain, point, f):
    """Turn surface colors [N,3] sRGB at points [N,3] cm into those of a domain.

    Of stone only a hint of the colors' lightness is kept.
    """
    if domain == "marble":
        return marble(point, color.mean(1), f)
    if domain == "clay":
        return clay(point, color.mean(1), f)
    if domain == "toon":
        gray = color.mean(1, keepdims=True)
        return np.clip(gray + (color - gray) * 1.35, 0, 1)
    return color


def marble(point, lightness, f):
    """Paint veined stone [N,3] sRGB; every person is cut from another place of it."""
    cut = [f.n("backdrop", i) for i in (3, 4, 5)]
    point = point + 40 * np.array(cut)
    field = waves(point, 0.15, 41) + 0.30 * waves(point, 0.55, 42)
    lines = 0.13 * bell(field / 0.16) + 0.10 * bell(field / 0.05)
    vein = lines * smoothstep(-0.1, 0.7, waves(point, 0.2, 44))
    darker = vein - 0.03 * waves(point, 0.3, 45)
    base = MARBLE - darker[:, None] * VEIN
    return base * (0.84 + 0.16 * lightness[:, None])


def clay(point, lightness, f):
    """Paint fired or unfired clay [N,3] sRGB."""
    tint = mix(FIRED_CLAY, DRY_CLAY, f.u("ambient", 2))
    grain = 1 + 0.03 * waves(point, 3.0, 43)
    return tint * (0.74 + 0.26 * lightness[:, None]) * grain[:, None]


def toon(color, normal, light, shade, sky):
    """Shade colors [N,3] flatly in three bands: sRGB [N,3].

    normal unit [N,3]; shade [N] of the lamp; sky [N] open share.
    """
    facing = (normal @ light.key) * 0.5 + 0.5
    lit = facing - 0.35 * shade - 0.2 * (1 - sky)
    band = np.where(lit > HALF_LIT, 0.84, 0.62)
    band = np.where(lit > BRIGHT, 1.06, band)[:, None]
    cool = np.where(band < 0.8, [0.96, 0.93, 1.06], [1, 1, 1])
    return np.clip(color * band * cool, 0, 1)
