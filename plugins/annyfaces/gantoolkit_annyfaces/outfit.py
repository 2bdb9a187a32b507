"""What a person wears: odds of clothes, glasses, hats and jewels for women and men, and cloth."""

from __future__ import annotations

import colorsys

import numpy as np

BEARDS_OF_MEN = {
    "none": 0.53,
    "stubble": 0.21,
    "mustache": 0.07,
    "goatee": 0.10,
    "beard": 0.09,
}
# {factor: ({choice: weight} of women, of men)}
WORN = {
    "glasses": (
        {
            "none": 0.955,
            "eyeglasses": 0.030,
            "sunglasses": 0.015,
        },
        {
            "none": 0.875,
            "eyeglasses": 0.09,
            "sunglasses": 0.035,
        },
    ),
    "collar": (
        {
            "crew": 0.24,
            "vneck": 0.22,
            "scoop": 0.30,
            "high": 0.09,
            "shirt": 0.10,
            "suit": 0.05,
        },
        {
            "crew": 0.32,
            "vneck": 0.10,
            "scoop": 0.03,
            "high": 0.07,
            "shirt": 0.23,
            "suit": 0.25,
        },
    ),
    "hat": (
        {
            "none": 0.955,
            "beanie": 0.017,
            "cap": 0.010,
            "brimmed hat": 0.018,
        },
        {
            "none": 0.91,
            "beanie": 0.03,
            "cap": 0.036,
            "brimmed hat": 0.024,
        },
    ),
    "earrings": (
        {
            "none": 0.71,
            "hoop": 0.145,
            "drop": 0.145,
        },
        {
            "none": 0.93,
            "hoop": 0.05,
            "drop": 0.02,
        },
    ),
    "necklace": (
        {
            "none": 0.80,
            "chain": 0.11,
            "beads": 0.09,
        },
        {
            "none": 0.93,
            "chain": 0.06,
            "beads": 0.01,
        },
    ),
}


def worn(f, female):
    """Decide every choice of `WORN`, and a beard: {name: choice}."""
    choices = {}
    for name, (of_women, of_men) in WORN.items():
        choices[name] = f.pick(name, of_women if female else of_men)
    choices["beard"] = "none" if female else f.pick("beard", BEARDS_OF_MEN)
    return choices


def clothes(f):
    """Decide two sRGB cloth colors [3] and a pattern: 'plain', 'stripes' or 'checks'."""
    hue = f.u("cloth", 0)
    saturation = f.u("cloth", 1) ** 1.6 * 0.8
    value = f.u("cloth", 2, 0.06, 0.9)
    first = np.array(colorsys.hsv_to_rgb(hue, saturation, value))
    other_hue = (hue + f.u("cloth", 3, 0.2, 0.8)) % 1
    other_value = f.u("cloth", 4, 0.1, 0.95)
    second = np.array(colorsys.hsv_to_rgb(other_hue, saturation * 0.7, other_value))
    kind = f.u("cloth", 5)
    if kind > 0.88:
        return first, second, "stripes"
    if kind > 0.8:
        return first, second, "checks"
    return first, second, "plain"
