"""Plain names of colors, for captions."""

from __future__ import annotations

import colorsys

# (largest value, name), in order
GRAYS = (
    (0.17, "black"),
    (0.38, "dark gray"),
    (0.66, "gray"),
    (0.86, "light gray"),
)
HUES = (
    (0.035, "red"),
    (0.10, "orange"),
    (0.19, "yellow"),
    (0.44, "green"),
    (0.54, "teal"),
    (0.70, "blue"),
    (0.82, "purple"),
    (0.94, "pink"),
    (1.0, "red"),
)


def is_colored(srgb):
    """Say whether an sRGB color 0..1 is called by a hue, not black, gray or white."""
    return max(srgb) - min(srgb) >= 0.10


def color_name(srgb):
    """Name an sRGB color 0..1: 'gray', 'dark blue', 'light green', 'brown', 'beige', …"""
    red, green, blue = (float(channel) for channel in srgb)
    hue, _, value = colorsys.rgb_to_hsv(red, green, blue)
    if not is_colored(srgb):
        return gray_name(value)
    name = next(name for largest, name in HUES if hue <= largest)
    is_weak = max(srgb) - min(srgb) < 0.32
    if name in ("orange", "yellow"):
        if value < 0.62:
            return "brown"
        if is_weak:
            return "beige"
    if value < 0.36:
        return f"dark {name}"
    if value > 0.72 and is_weak:
        return f"light {name}"
    return name


def gray_name(value):
    """Name a color without a hue by its value 0..1."""
    for limit, name in GRAYS:
        if value < limit:
            return name
    return "white"
