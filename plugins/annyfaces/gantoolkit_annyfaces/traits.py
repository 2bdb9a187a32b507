"""From factors to decisions: what the person is like and wears.

Everything later reads this record.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gantoolkit_annyfaces.appearance import (
    EYE_COLORS,
    eye_odds,
    hair_color,
    hair_style,
    lip_color,
    skin_tone,
)
from gantoolkit_annyfaces.expression import expression
from gantoolkit_annyfaces.factors import WOMEN
from gantoolkit_annyfaces.outfit import clothes, worn
from gantoolkit_annyfaces.styles import FRINGED


@dataclass
class Traits:
    """Hold the decisions of one state of one person.

    Colors are sRGB 0..1, amounts 0..1 unless said otherwise.
    """

    female: bool
    gender: float  # 0 male … 1 female, as the head is shaped
    years: float  # apparent age in years
    race: tuple  # African, Asian, Caucasian weights, sum 1
    skin: np.ndarray
    skin_name: str
    redness: float
    freckles: float
    eye_name: str
    eye: np.ndarray
    hair_name: str
    gray: float  # share of gray locks
    hair: np.ndarray
    style: str
    balding: str  # 'none', 'receding', 'bald top'
    fringe: bool
    beard: str  # 'none', 'stubble', 'mustache', 'goatee', 'beard'
    glasses: str  # 'none', 'eyeglasses', 'sunglasses'
    hat: str  # 'none', 'beanie', 'cap', 'brimmed hat'
    earrings: str  # 'none', 'hoop', 'drop'
    necklace: str  # 'none', 'chain', 'beads'
    lipstick: float
    lips: np.ndarray
    shadow: float  # eye shadow
    blush: float
    smile: float
    mouth_open: float
    collar: str  # 'crew', 'vneck', 'scoop', 'high', 'shirt', 'suit'
    cloth: np.ndarray
    cloth2: np.ndarray
    pattern: str  # 'plain', 'stripes', 'checks'
    actions: dict = field(default_factory=dict)  # {facial action: amount}


def decide(f):
    """Decide the `Traits` of a state from its `Factors`."""
    female = f.female()
    steepness = np.exp(-7 * (f.n("gender") + WOMEN))
    gender = float(1 / (1 + steepness))
    years = apparent_age(f, female)
    race = ancestry(f)
    skin, skin_name = skin_tone(f, race)
    eye_name = f.pick("eye_colour", eye_odds(race))
    smile, opening, actions = expression(f)
    cloth, cloth2, pattern = clothes(f)
    choices = worn(f, female)
    return Traits(
        female=female,
        gender=gender,
        years=years,
        race=tuple(race),
        skin=skin,
        skin_name=skin_name,
        redness=f.u("skin", 1, 0.3, 1.0),
        freckles=max(0.0, f.n("freckles") - 0.9) * (race[2] > 0.5),
        eye_name=eye_name,
        eye=np.array(EYE_COLORS[eye_name]) * f.u("eye_shade", 0, 0.7, 1.1),
        smile=smile,
        mouth_open=opening,
        actions=actions,
        cloth=cloth,
        cloth2=cloth2,
        pattern=pattern,
        **choices,
        **hair_traits(f, female, years, race, choices["hat"]),
        **make_up_traits(f, skin, female),
    )


def apparent_age(f, female):
    """Decide the age in years, 17..78; women are younger on average, as in CelebA."""
    power = 5.5 if female else 2.1
    years = 19 + 54 * f.u("age") ** power + 2.5 * f.n("years")
    return float(np.clip(years, 17, 78))


def ancestry(f):
    """Decide the weights [3] of African, Asian and Caucasian ancestry, sum 1."""
    mean = np.array([-0.5, -0.7, 1.0])
    weights = np.exp(1.6 * f.vector[:3] + mean)
    return weights / weights.sum()


def hair_traits(f, female, years, race, hat):
    """Decide the fields of `Traits` about hair."""
    name, color, gray = hair_color(f, years, race)
    style, balding = hair_style(f, female, years)
    wants_fringe = f.u("fringe") < (0.29 if female else 0.12)
    can_have_fringe = balding == "none" and style in FRINGED and hat == "none"
    return {
        "hair_name": name,
        "hair": color,
        "gray": gray,
        "style": style,
        "balding": balding,
        "fringe": wants_fringe and can_have_fringe,
    }


def make_up_traits(f, skin, female):
    """Decide the fields of `Traits` about lips and make-up on skin of sRGB tone `skin` [3]."""
    lipstick, lips = lip_color(f, skin, female)
    made_up = female and f.u("make_up") > 0.2
    return {
        "lipstick": lipstick,
        "lips": lips,
        "shadow": f.u("make_up", 1) * made_up,
        "blush": f.u("make_up", 0, -0.4, 1) * made_up,
    }
