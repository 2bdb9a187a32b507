"""What a person is like: skin, eyes, lips and hair, from factors to colors and names.

Colors are hand-picked sRGB 0..1; they become linear where light is computed.
"""

from __future__ import annotations

import numpy as np

from gantoolkit_annyfaces.parts import mix

SKIN_TONES = np.array(
    [
        [0.95, 0.80, 0.71],
        [0.92, 0.74, 0.62],
        [0.86, 0.655, 0.515],
        [0.75, 0.54, 0.40],
        [0.58, 0.39, 0.27],
        [0.40, 0.26, 0.18],
    ]
)
SKIN_NAMES = ("very fair", "fair", "medium", "tan", "brown", "dark")
MELANIN = np.array([4.3, 1.9, 1.0])  # of African, Asian and Caucasian ancestry
HAIR_COLORS = {
    "black": (0.055, 0.048, 0.048),
    "dark brown": (0.16, 0.095, 0.06),
    "brown": (0.29, 0.175, 0.10),
    "blond": (0.74, 0.57, 0.34),
    "red": (0.45, 0.17, 0.07),
    "auburn": (0.31, 0.12, 0.07),
    "gray": (0.55, 0.54, 0.53),
    "white": (0.82, 0.81, 0.79),
    "pink": (0.78, 0.35, 0.50),
    "blue": (0.20, 0.30, 0.60),
}
EYE_COLORS = {
    "brown": (0.26, 0.14, 0.07),
    "dark brown": (0.13, 0.075, 0.045),
    "blue": (0.30, 0.46, 0.66),
    "green": (0.32, 0.44, 0.26),
    "gray": (0.45, 0.49, 0.52),
}
# Bare lips beside the skin, and paints.
LIPS_OF_WOMEN = np.array([0.86, 0.60, 0.58])
LIPS_OF_MEN = np.array([0.86, 0.66, 0.62])
RED_LIPSTICK = np.array([0.72, 0.10, 0.14])
PINK_LIPSTICK = np.array([0.78, 0.33, 0.42])
# {style: weight}
STYLES_OF_WOMEN = {
    "bald": 0.005,
    "buzz": 0.01,
    "short": 0.02,
    "pixie": 0.09,
    "bob": 0.16,
    "long straight": 0.20,
    "long wavy": 0.30,
    "curly": 0.08,
    "afro": 0.03,
    "bun": 0.055,
    "ponytail": 0.06,
    "short curly": 0.01,
}
STYLES_OF_MEN = {
    "bald": 0.05,
    "buzz": 0.16,
    "short": 0.33,
    "side part": 0.21,
    "swept back": 0.11,
    "short curly": 0.075,
    "afro": 0.025,
    "long straight": 0.01,
    "long wavy": 0.02,
    "bun": 0.005,
    "pixie": 0.005,
}
THINNING_STYLES = ("buzz", "short", "side part", "swept back", "short curly")


def skin_tone(f, race):
    """Decide the skin's sRGB tone [3] and its name.

    From melanin (ancestry `race` [3] plus a person's own), hue and redness.
    """
    melanin = np.clip(race @ MELANIN + 0.55 * f.n("skin", 0), 0, 5)
    low = int(min(melanin, 4.999))
    lighter = SKIN_TONES[low]
    darker = SKIN_TONES[low + 1]
    tone = lighter + (darker - lighter) * (melanin - low)
    hue = np.array([0.012, -0.002, -0.03]) * f.n("skin", 2)
    tone = tone * (1 + hue)
    return np.clip(tone, 0.05, 1), SKIN_NAMES[round(float(melanin))]


def eye_odds(race):
    """Give {eye color: weight} of ancestry `race` [3]."""
    light = race[2] ** 2
    return {
        "brown": 0.35,
        "dark brown": 0.08 + 0.9 * (1 - light),
        "blue": 0.45 * light**2,
        "green": 0.22 * light,
        "gray": 0.12 * light**2,
    }


def natural_hair_odds(race):
    """Give {hair color: weight} of ancestry `race` [3]."""
    light = race[2] ** 2
    return {
        "black": 0.02 + 0.62 * (1 - light),
        "dark brown": 0.34,
        "brown": 0.42 * light,
        "blond": 0.40 * light,
        "red": 0.07 * light,
        "auburn": 0.08 * light,
    }


def dyed_hair(f, years):
    """Decide the color of dyed hair; None where it is not dyed."""
    dye = f.u("hair_dye", 1)
    if dye > 0.985:
        return "pink"
    if dye < 0.012:
        return "blue"
    if dye > 0.94 and years < 60:
        return "blond"
    return None


def hair_color(f, years, race):
    """Decide (name, sRGB color [3], share of gray locks 0..1) of hair.

    The natural color of the person, graying with age, now and then dyed.
    """
    name = f.pick("natural_hair", natural_hair_odds(race))
    gray = 0.0
    if years > 40:
        gray = (years - 53) / 22 + 0.45 * f.n("hair_dye", 0)
        gray = np.clip(gray, 0, 1)
    dye = dyed_hair(f, years)
    if dye:
        name = dye
        gray = 0.0
    hue = f.n("hair_shade", 1)
    if gray > 0.5:
        is_white = gray > 0.85 and f.n("hair_shade", 0) > 0.3
        name = "white" if is_white else "gray"
        return name, np.array(HAIR_COLORS[name]) * (1 + 0.1 * hue), 0.0
    brightness = np.exp(0.18 * f.n("hair_shade", 0))
    color = np.array(HAIR_COLORS[name]) * brightness
    color = color * (1 + np.array([0.05, 0, -0.08]) * hue)
    color = color * (1 - 0.2 * gray) + 0.2 * gray * np.array(HAIR_COLORS["gray"])
    return name, np.clip(color, 0.02, 0.95), float(gray) * 0.8


def hair_style(f, female, years):
    """Decide the style, a name of `styles.STYLES` or 'bald', and the kind of balding.

    The latter is 'none', 'receding' or 'bald top'.
    """
    if female:
        return f.pick("hair_style", STYLES_OF_WOMEN), "none"
    style = f.pick("hair_style", STYLES_OF_MEN)
    chance = np.clip((years - 22) / 75, 0.02, 0.6)
    balding = f.u("balding")
    if style not in THINNING_STYLES or balding >= chance:
        return style, "none"
    if balding < 0.4 * chance and years > 35:
        return style, "bald top"
    return style, "receding"


def lip_color(f, tone, female):
    """Decide (strength of lipstick 0..1, the lips' sRGB color [3]) on skin of sRGB `tone` [3]."""
    shade = LIPS_OF_WOMEN if female else LIPS_OF_MEN
    bare = tone * shade + np.array([0.03, 0.0, 0.01])
    strength = f.u("lipstick", 0, -0.05, 1.15) if female else 0.0
    strength = max(0.0, strength)
    hue = f.u("lip_colour")
    paint = mix(RED_LIPSTICK, PINK_LIPSTICK, hue)
    paint = paint * f.u("lip_colour", 1, 0.65, 1.1)
    cover = 0.8 * (strength > 0.05) * (0.4 + 0.6 * strength)
    return strength, np.clip(mix(bare, paint, cover), 0, 1)
