"""Plain names of colours, for captions."""
from __future__ import annotations

import colorsys

HUES = ((.035, 'red'), (.10, 'orange'), (.19, 'yellow'), (.44, 'green'), (.54, 'teal'), (.70, 'blue'),
        (.82, 'purple'), (.94, 'pink'), (1.0, 'red'))


def is_coloured(srgb):
    """Whether an sRGB colour 0..1 is called by a hue, not black, gray or white."""
    return max(srgb) - min(srgb) >= .10


def colour_name(srgb):
    """'gray', 'dark blue', 'light green', 'brown', … for an sRGB colour 0..1."""
    hue, _, value = colorsys.rgb_to_hsv(*(float(c) for c in srgb))
    if not is_coloured(srgb):
        return ('black' if value < .17 else 'dark gray' if value < .38 else 'gray' if value < .66
                else 'light gray' if value < .86 else 'white')
    name = next(name for limit, name in HUES if hue <= limit)
    if name in ('orange', 'yellow') and value < .62:
        return 'brown'
    if name in ('orange', 'yellow') and max(srgb) - min(srgb) < .32:
        return 'beige'
    return f'dark {name}' if value < .36 else f'light {name}' if value > .72 and max(srgb) - min(srgb) < .32 else name
