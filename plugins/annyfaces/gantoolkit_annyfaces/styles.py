"""What hair styles are made of: thickness, length, how they are combed, how much they curl."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """Describe a hair style; lengths in cm."""

    top: float  # thickness above the skin
    side: float
    back: float
    length: tuple  # of the locks: top, side, back
    comb: str = "whorl"  # 'whorl' from the crown, 'part' from a line, 'back', 'knot', 'out'
    wave: float = 0.0  # radius of waves or curls
    pitch: float = 6.0  # length of one wave
    locks: int = 2400
    width: float = 0.55  # of a lock
    steps: int = 9  # points along a lock
    part: float = 0.0  # sideways place of the parting, −1..1 of the head's half width
    messy: float = 0.25


STYLES = {
    "buzz": Style(
        top=0.2,
        side=0.13,
        back=0.16,
        length=(0.3, 0.25, 0.3),
        locks=0,
    ),
    "short": Style(
        top=1.55,
        side=0.55,
        back=0.75,
        length=(3.6, 1.5, 2.0),
        locks=3000,
        width=0.38,
        steps=6,
        messy=0.24,
    ),
    "side part": Style(
        top=1.7,
        side=0.6,
        back=0.8,
        length=(6.5, 2.2, 2.6),
        comb="part",
        width=0.46,
        steps=7,
        part=0.4,
        messy=0.16,
    ),
    "swept back": Style(
        top=1.9,
        side=0.5,
        back=0.8,
        length=(7.0, 2.6, 3.0),
        comb="back",
        width=0.46,
        steps=8,
        messy=0.15,
    ),
    "pixie": Style(
        top=1.6,
        side=0.9,
        back=0.9,
        length=(6.0, 4.0, 3.6),
        comb="part",
        width=0.5,
        steps=8,
        part=0.45,
        messy=0.3,
    ),
    "bob": Style(
        top=1.5,
        side=1.5,
        back=1.5,
        length=(15.0, 12.5, 12.0),
        comb="part",
        width=0.62,
        steps=13,
        part=0.22,
        messy=0.14,
    ),
    "long straight": Style(
        top=1.15,
        side=1.15,
        back=1.2,
        length=(32.0, 29.0, 28.0),
        comb="part",
        width=0.66,
        steps=17,
        part=0.08,
        messy=0.13,
    ),
    "long wavy": Style(
        top=1.5,
        side=1.6,
        back=1.5,
        length=(30.0, 27.0, 26.0),
        comb="part",
        wave=0.42,
        pitch=7.5,
        width=0.72,
        steps=22,
        part=0.2,
        messy=0.2,
    ),
    "curly": Style(
        top=2.2,
        side=2.2,
        back=2.0,
        length=(17.0, 14.0, 13.0),
        comb="part",
        wave=0.4,
        pitch=3.6,
        locks=1900,
        width=0.56,
        steps=28,
        part=0.18,
        messy=0.22,
    ),
    "short curly": Style(
        top=2.0,
        side=0.8,
        back=1.1,
        length=(4.5, 2.0, 2.6),
        wave=0.26,
        pitch=1.9,
        width=0.42,
        steps=14,
        messy=0.4,
    ),
    "afro": Style(
        top=3.6,
        side=3.3,
        back=3.5,
        length=(4.6, 4.2, 4.4),
        comb="out",
        wave=0.34,
        pitch=1.3,
        locks=3000,
        width=0.32,
        steps=13,
        messy=0.5,
    ),
    "bun": Style(
        top=0.75,
        side=0.5,
        back=0.7,
        length=(22.0, 22.0, 22.0),
        comb="knot",
        width=0.5,
        steps=13,
        messy=0.08,
    ),
    "ponytail": Style(
        top=0.7,
        side=0.5,
        back=0.7,
        length=(22.0, 22.0, 22.0),
        comb="knot",
        width=0.5,
        steps=13,
        messy=0.08,
    ),
}
# As captions tell them.
LENGTHS = {
    "bald": "none",
    "buzz": "very short",
    "short": "short",
    "side part": "short",
    "swept back": "short",
    "pixie": "short",
    "bob": "medium",
    "long straight": "long",
    "long wavy": "long",
    "curly": "medium",
    "short curly": "short",
    "afro": "medium",
    "bun": "long",
    "ponytail": "long",
}
TEXTURES = {
    "long wavy": "wavy",
    "curly": "curly",
    "short curly": "curly",
    "afro": "curly",
    "bald": "none",
    "buzz": "none",
}
FRINGED = ("short", "pixie", "bob", "long straight", "long wavy", "ponytail", "bun")
HANGING = ("bob", "long straight", "long wavy", "curly")
