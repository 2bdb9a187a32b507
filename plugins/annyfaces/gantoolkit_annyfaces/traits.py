"""From factors to decisions: what the person is like and wears. Everything later reads this one record."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gantoolkit_annyfaces.factors import WOMEN
from gantoolkit_annyfaces.styles import FRINGED

# Linear RGB would be overkill for hand-picked tones: these are sRGB 0..1, converted where light is computed.
SKIN_TONES = np.array([[.95, .80, .71], [.92, .74, .62], [.86, .655, .515], [.75, .54, .40],
                       [.58, .39, .27], [.40, .26, .18]])
PALE = 0.0               # added before naming
SKIN_NAMES = ('very fair', 'fair', 'medium', 'tan', 'brown', 'dark')
HAIR_COLOURS = {'black': (.055, .048, .048), 'dark brown': (.16, .095, .06), 'brown': (.29, .175, .10),
                'blond': (.74, .57, .34), 'red': (.45, .17, .07), 'auburn': (.31, .12, .07),
                'gray': (.55, .54, .53), 'white': (.82, .81, .79), 'pink': (.78, .35, .50), 'blue': (.20, .30, .60)}
EYE_COLOURS = {'brown': (.26, .14, .07), 'dark brown': (.13, .075, .045), 'blue': (.30, .46, .66),
               'green': (.32, .44, .26), 'gray': (.45, .49, .52)}


@dataclass
class Traits:
    """Decisions of one state of one person; colours are sRGB 0..1, amounts 0..1 unless said otherwise."""
    female: bool
    gender: float
    years: float                       # apparent age in years
    race: tuple                        # african, asian, caucasian weights, sum 1
    skin: np.ndarray
    skin_name: str
    redness: float
    freckles: float
    eye_name: str
    eye: np.ndarray
    hair_name: str
    grey: float                        # share of grey locks
    hair: np.ndarray
    style: str
    balding: str                       # 'none', 'receding', 'bald top'
    fringe: bool
    beard: str                         # 'none', 'stubble', 'mustache', 'goatee', 'beard'
    glasses: str                       # 'none', 'eyeglasses', 'sunglasses'
    hat: str                           # 'none', 'beanie', 'cap', 'brimmed hat'
    earrings: str                      # 'none', 'hoop', 'drop'
    necklace: str                      # 'none', 'chain', 'beads'
    lipstick: float
    lips: np.ndarray
    shadow: float                      # eye shadow
    blush: float
    smile: float
    mouth_open: float
    collar: str
    cloth: np.ndarray
    cloth2: np.ndarray
    pattern: str
    actions: dict = field(default_factory=dict)


def decide(f):
    """`Factors` to `Traits`."""
    female = f.female()
    gender = float(1 / (1 + np.exp(-7 * (f.n('gender') + WOMEN))))       # 0 male … 1 female
    years = float(np.clip(19 + 54 * f.u('age') ** (5.5 if female else 2.1) + 2.5 * f.n('years'), 17, 78))
    race = np.exp(1.6 * f.vector[:3] + np.array([-0.5, -0.7, 1.0]))
    race = race / race.sum()
    tone, name = skin_tone(f, race)
    hair_name, hair, grey = hair_colour(f, years, race)
    style, balding = hair_style(f, female, years)
    beard = 'none' if female else f.pick('beard', dict(none=.53, stubble=.21, mustache=.07, goatee=.10, beard=.09))
    glasses = f.pick('glasses', dict(none=.955, eyeglasses=.030, sunglasses=.015) if female else
                     dict(none=.875, eyeglasses=.09, sunglasses=.035))
    collar = f.pick('collar', dict(crew=.24, vneck=.22, scoop=.30, high=.09, shirt=.10, suit=.05) if female else
                    dict(crew=.32, vneck=.10, scoop=.03, high=.07, shirt=.23, suit=.25))
    hat = f.pick('hat', dict(none=.955, beanie=.017, cap=.010, brim=.018) if female
                 else dict(none=.91, beanie=.03, cap=.036, brim=.024))
    lipstick, lips = lip_colour(f, tone, female)
    made_up = female and f.u('make_up') > 0.2
    smile, opening, actions = expression(f)
    cloth, cloth2, pattern = clothes(f)
    eye_name = f.pick('eye_colour', eye_odds(race))
    return Traits(
        female=female, gender=gender, years=years, race=tuple(race), skin=tone, skin_name=name,
        redness=f.u('skin', 1, .3, 1.0), freckles=max(0.0, f.n('freckles') - 0.9) * (race[2] > .5),
        eye_name=eye_name, eye=np.array(EYE_COLOURS[eye_name]) * f.u('eye_shade', 0, .7, 1.1),
        hair_name=hair_name, hair=hair, grey=grey, style=style, balding=balding,
        fringe=f.u('fringe') < (.29 if female else .12) and balding == 'none' and style in FRINGED and hat == 'none',
        beard=beard, glasses=glasses, hat={'brim': 'brimmed hat'}.get(hat, hat),
        earrings=f.pick('earrings',
                        dict(none=.71, hoop=.145, drop=.145) if female else dict(none=.93, hoop=.05, drop=.02)),
        necklace=f.pick('necklace',
                        dict(none=.80, chain=.11, beads=.09) if female else dict(none=.93, chain=.06, beads=.01)),
        lipstick=lipstick, lips=lips, shadow=f.u('make_up', 1) * made_up, blush=f.u('make_up', 0, -.4, 1) * made_up,
        smile=smile, mouth_open=opening, collar=collar,
        cloth=cloth, cloth2=cloth2, pattern=pattern, actions=actions)




def skin_tone(f, race):
    """sRGB tone [3] from melanin (ancestry plus a person's own), hue and redness; and its name."""
    melanin = np.clip(race @ np.array([4.3, 1.9, 1.0]) + 0.55 * f.n('skin', 0), 0, 5)
    low = int(min(melanin, 4.999))
    tone = SKIN_TONES[low] + (SKIN_TONES[low + 1] - SKIN_TONES[low]) * (melanin - low)
    tone = tone * (1 + np.array([.012, -.002, -.03]) * f.n('skin', 2))
    return np.clip(tone, .05, 1), SKIN_NAMES[int(round(min(5, melanin + PALE)))]


def eye_odds(race):
    """{eye colour: probability} given ancestry."""
    light = race[2] ** 2
    return {'brown': .35, 'dark brown': .08 + .9 * (1 - light), 'blue': .45 * light ** 2,
            'green': .22 * light, 'gray': .12 * light ** 2}


def hair_colour(f, years, race):
    """Name and sRGB colour: the natural colour of the person, greying with age, now and then dyed."""
    light = race[2] ** 2
    natural = f.pick('natural_hair',
                     {'black': .02 + .62 * (1 - light), 'dark brown': .34, 'brown': .42 * light, 'blond': .40 * light,
                                      'red': .07 * light, 'auburn': .08 * light})
    grey = np.clip((years - 53) / 22 + 0.45 * f.n('hair_dye', 0), 0, 1) if years > 40 else 0.0
    name = natural
    if f.u('hair_dye', 1) > .985:
        name, grey = 'pink', 0.0
    elif f.u('hair_dye', 1) < .012:
        name, grey = 'blue', 0.0
    elif f.u('hair_dye', 1) > .94 and years < 60:
        name, grey = 'blond', 0.0
    if grey > .5:
        name = 'white' if grey > .85 and f.n('hair_shade', 0) > .3 else 'gray'
        return name, np.array(HAIR_COLOURS[name]) * (1 + .1 * f.n('hair_shade', 1)), 0.0
    colour = np.array(HAIR_COLOURS[name]) * np.exp(.18 * f.n('hair_shade', 0))
    colour = colour * (1 + np.array([.05, 0, -.08]) * f.n('hair_shade', 1))
    return (name, np.clip(colour * (1 - .2 * grey) + .2 * grey * np.array(HAIR_COLOURS['gray']), .02, .95),
            float(grey) * .8)


def hair_style(f, female, years):
    """Style name and balding kind."""
    if female:
        odds = {'bald': .005, 'buzz': .01, 'short': .02, 'pixie': .09, 'bob': .16, 'long straight': .20,
                'long wavy': .30, 'curly': .08, 'afro': .03, 'bun': .055, 'ponytail': .06, 'short curly': .01}
        return f.pick('hair_style', odds), 'none'
    odds = {'bald': .05, 'buzz': .16, 'short': .33, 'side part': .21, 'swept back': .11, 'short curly': .075,
            'afro': .025, 'long straight': .01, 'long wavy': .02, 'bun': .005, 'pixie': .005}
    style = f.pick('hair_style', odds)
    chance = np.clip((years - 22) / 75, 0.02, .6)
    bald = f.u('balding')
    if style in ('buzz', 'short', 'side part', 'swept back', 'short curly') and bald < chance:
        return style, 'bald top' if bald < .4 * chance and years > 35 else 'receding'
    return style, 'none'


def lip_colour(f, tone, female):
    """Strength of lipstick 0..1 and the lips' sRGB colour [3]."""
    bare = tone * (np.array([.86, .60, .58]) if female else np.array([.86, .66, .62])) + np.array([.03, .0, .01])
    strength = f.u('lipstick', 0, -.05, 1.15) if female else 0.0
    hue = f.u('lip_colour')
    paint = np.array([.72, .10, .14]) * (1 - hue) + np.array([.78, .33, .42]) * hue
    paint = paint * f.u('lip_colour', 1, .65, 1.1)
    strength = max(0.0, strength)
    cover = .8 * (strength > .05) * (.4 + .6 * strength)
    return strength, np.clip(bare * (1 - cover) + paint * cover, 0, 1)


def expression(f):
    """(smile 0..1, mouth opening 0..1, {facial action: amount})."""
    smile = max(0.0, f.u('smile', 0, -.55, 1.0))
    opening = max(0.0, f.u('mouth_open', 0, -1.7, 1.0)) * (1 if f.n('expression', 0) > -.5 else .4)
    teeth = smile > .35 and f.n('expression', 1) > -.6                 # a smile that shows teeth
    both = lambda name, value: {name + 'Left': value, name + 'Right': value}
    actions = {**both('mouthSmile', .10 + .75 * smile), **both('cheekSquint', .5 * smile),
               'jawOpen': .42 * opening + .07 * teeth, **both('mouthUpperUp', .42 * smile * teeth + .15 * opening),
               **both('mouthLowerDown', .32 * smile * teeth + .2 * opening)}
    up, squint = f.n('brows_up'), f.n('squint')
    actions.update({'browInnerUp': max(0, up) * .3, **both('browOuterUp', max(0, up) * .25),
                    **both('browDown', max(0, -up - .4) * .25),
                    **both('eyeSquint', max(0, squint) * .14 + .10 * smile),
                    **both('eyeWide', max(0, -squint) * .22 + .08),
                    **both('mouthFrown', max(0, -f.n('expression', 2) - .9) * .4 * (smile < .1)),
                    'mouthPucker': max(0, f.n('expression', 3) - 1.5) * .4 * (smile < .1) * (opening < .1)})
    return smile, opening, {k: float(min(1, v)) for k, v in actions.items() if v > 0}


def clothes(f):
    """Two cloth colours [3] and a pattern name."""
    import colorsys
    hue, sat, val = f.u('cloth', 0), f.u('cloth', 1) ** 1.6 * .8, f.u('cloth', 2, .06, .9)
    first = np.array(colorsys.hsv_to_rgb(hue, sat, val))
    second = np.array(colorsys.hsv_to_rgb((hue + f.u('cloth', 3, .2, .8)) % 1, sat * .7, f.u('cloth', 4, .1, .95)))
    kind = f.u('cloth', 5)
    return first, second, 'stripes' if kind > .88 else 'checks' if kind > .8 else 'plain'
