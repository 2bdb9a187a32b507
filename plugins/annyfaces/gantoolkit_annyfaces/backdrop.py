"""What lies behind a person: a soft gradient, sometimes with out-of-focus patches."""

from __future__ import annotations

import colorsys

import numpy as np

from gantoolkit_annyfaces.parts import smoothstep, vectors, waves


def backdrop_saturation(f):
    """Decide the saturation 0..1: mostly calm, strong in about one picture of seven."""
    u = f.u("backdrop", 1)
    return u**2 * 0.25 + 0.50 * smoothstep(0.80, 0.97, u)


def backdrop_colors(f):
    """Decide the two sRGB colors [3] of the background."""
    hue = f.u("backdrop", 0)
    saturation = backdrop_saturation(f)
    value = f.u("backdrop", 2, 0.10, 0.92)
    other_hue = (hue + 0.08 * f.n("backdrop", 3)) % 1
    other_value = np.clip(value + 0.14 * f.n("backdrop", 4), 0.04, 1)
    first = np.array(colorsys.hsv_to_rgb(hue, saturation, value))
    second = np.array(colorsys.hsv_to_rgb(other_hue, saturation * 0.8, other_value))
    return first, second


def backdrop(f, size, domain):
    """Paint the background of size × size rays: sRGB [size·size, 3], fixed to the picture."""
    place = (np.arange(size) + 0.5) / size
    y, x = np.meshgrid(place, place, indexing="ij")
    x = x.ravel()
    y = y.ravel()
    first, second = backdrop_colors(f)
    slope = 0.5 * np.tanh(f.n("backdrop", 5))
    share = smoothstep(-0.1, 1.1, y + slope * (x - 0.5))
    patches = f.u("backdrop", 6)
    if patches > 0.55:
        place = vectors(x, y, 0 * x)
        field = waves(place, 5.0, int(patches * 1000))
        share = np.clip(share + 0.38 * field, 0, 1)
    color = first + (second - first) * share[:, None]
    gray = color.mean(1, keepdims=True)
    if domain == "marble":
        return gray * 0.45 * np.array([1, 1, 1.05])
    if domain == "clay":
        return 0.5 * gray + 0.5 * np.array([0.62, 0.60, 0.58])
    return color
