"""What hair styles are made of: thickness, length, the way they are combed, and how much they wave or curl."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """Lengths in cm. `top`, `side`, `back`: thickness above the skin; `length`: of the locks (top, side, back)."""
    top: float
    side: float
    back: float
    length: tuple
    comb: str = 'whorl'          # 'whorl' from the crown, 'part' from a line, 'back', 'knot', 'out'
    wave: float = 0.0            # radius of waves or curls
    pitch: float = 6.0           # length of one wave
    locks: int = 2400
    width: float = .55
    steps: int = 9
    part: float = 0.0            # sideways place of the parting, −1..1 of the head's half width
    messy: float = .25


STYLES = {
    'buzz': Style(.20, .13, .16, (.3, .25, .3), locks=0),
    'short': Style(1.55, .55, .75, (3.6, 1.5, 2.0), width=.38, steps=6, messy=.24, locks=3000),
    'side part': Style(1.7, .6, .8, (6.5, 2.2, 2.6), 'part', part=.40, width=.46, steps=7, messy=.16),
    'swept back': Style(1.9, .5, .8, (7.0, 2.6, 3.0), 'back', width=.46, steps=8, messy=.15),
    'pixie': Style(1.6, .9, .9, (6.0, 4.0, 3.6), 'part', part=.45, width=.5, steps=8, messy=.3),
    'bob': Style(1.5, 1.5, 1.5, (15.0, 12.5, 12.0), 'part', part=.22, width=.62, steps=13, messy=.14),
    'long straight': Style(1.15, 1.15, 1.2, (32.0, 29.0, 28.0), 'part', part=.08, width=.66, steps=17, messy=.13),
    'long wavy': Style(1.5, 1.6, 1.5, (30.0, 27.0, 26.0), 'part', wave=.42, pitch=7.5, part=.2,
                       width=.72, steps=22, messy=.2),
    'curly': Style(2.2, 2.2, 2.0, (17.0, 14.0, 13.0), 'part', part=.18, wave=.40, pitch=3.6, width=.56,
                   steps=28, locks=1900, messy=.22),
    'short curly': Style(2.0, .8, 1.1, (4.5, 2.0, 2.6), 'whorl', wave=.26, pitch=1.9, width=.42, steps=14, messy=.4),
    'afro': Style(3.6, 3.3, 3.5, (4.6, 4.2, 4.4), 'out', wave=.34, pitch=1.3, width=.32, steps=13,
                  locks=3000, messy=.5),
    'bun': Style(.75, .5, .7, (22.0, 22.0, 22.0), 'knot', width=.5, steps=13, messy=.08),
    'ponytail': Style(.7, .5, .7, (22.0, 22.0, 22.0), 'knot', width=.5, steps=13, messy=.08),
}
LENGTHS = {'bald': 'none', 'buzz': 'very short', 'short': 'short', 'side part': 'short', 'swept back': 'short',
           'pixie': 'short', 'bob': 'medium', 'long straight': 'long', 'long wavy': 'long',
           'curly': 'medium', 'short curly': 'short', 'afro': 'medium',
           'bun': 'long', 'ponytail': 'long'}
TEXTURES = {'long wavy': 'wavy', 'curly': 'curly', 'short curly': 'curly', 'afro': 'curly', 'bald': 'none',
            'buzz': 'none'}
FRINGED = ('short', 'pixie', 'bob', 'long straight', 'long wavy', 'ponytail', 'bun')
HANGING = ('bob', 'long straight', 'long wavy', 'curly')
