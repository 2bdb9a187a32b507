"""Everything but skin: eyes, teeth, hair, hats, glasses and jewellery. Colours are sRGB 0..1."""
from __future__ import annotations

import colorsys

import numpy as np

from gantoolkit_annyfaces.parts import smoothstep, waves

METALS = {'gold': (.86, .66, .28), 'silver': (.80, .81, .83), 'pearl': (.93, .90, .86),
          'black': (.08, .08, .09), 'ruby': (.55, .06, .10)}


def unit(rows):
    """Rows [N,3] scaled to length 1."""
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9)


def paint_eye(chart, traits, f, side, light):
    """Sclera, iris and pupil from the direction [N,3] of the eyeball's surface; `side` +1 is the person's left eye."""
    d = unit(chart)
    gaze = unit(np.array([[.13 * np.tanh(f.n('gaze', 0)) - .02 * side, .07 * np.tanh(f.n('gaze', 1)) - .02, 1.0]]))[0]
    angle = np.arccos(np.clip(d @ gaze, -1, 1))
    veins = .5 + .5 * np.sin(40 * d[:, 1:2] + 9 * np.sin(7 * d[:, :1]))
    white = (np.array([.90, .875, .85])
             - np.array([.04, .13, .13]) * smoothstep(.35, .95, abs(d[:, :1])) * (.8 + .2 * veins))
    turn = np.arctan2(d[:, 1] - gaze[1], d[:, 0] - gaze[0])
    fibres = (1 + .20 * np.sin(turn * 23 + 3 * np.sin(turn * 7))
              * smoothstep(.14, .3, angle) * smoothstep(.44, .34, angle))
    collar = np.array([1.25, 1.1, .85] if traits.eye[2] > .2 else [1.15, 1.05, .95])      # warmer about the pupil
    warm = smoothstep(.30, .17, angle)[:, None]
    iris = (traits.eye[None] * (fibres * (1.12 - .42 * smoothstep(.24, .40, angle)))[:, None]
            * (1 - warm + warm * collar))
    iris = iris * (1 - .62 * smoothstep(.385, .445, angle))[:, None]                   # dark rim of the iris
    below = smoothstep(.10, -.22, d[:, 1] - gaze[1])[:, None]
    iris = iris * (1 + .22 * below)                                # light gathers opposite the lamp
    colour = white + (iris - white) * smoothstep(.475, .425, angle)[:, None]
    colour = colour * (1 - .97 * smoothstep(.20, .165, angle))[:, None]
    lid = (.58 * smoothstep(.06, .38, d[:, 1]) + .15 * smoothstep(-.12, -.42, d[:, 1])
           + .15 * smoothstep(.45, .9, abs(d[:, 0])))
    colour = np.clip(colour, 0, 1) * (1 - np.clip(lid, 0, .8))[:, None]
    lamp = .16 * np.sign(light.key[0] + 1e-3)
    for x, y, size, power in ((lamp, .17, .085, .95), (-.8 * lamp, -.16, .045, .30)):
        spark = unit(gaze + np.array([[x, y, 0]]))[0]
        colour = colour + power * smoothstep(size, .6 * size, np.arccos(np.clip(d @ spark, -1, 1)))[:, None]
    return np.clip(colour, 0, 1)


def paint_teeth(chart):
    """Ivory with darker gaps; the gum is pink. Chart: arc length cm, 0 gum … 1 edge."""
    gap = abs((chart[:, 0] / .82) % 1 - .5) * 2
    colour = (np.array([.93, .90, .84]) * (1 - .28 * smoothstep(.86, 1.0, gap))[:, None]
              * (1 - .42 * smoothstep(.9, 2.8, abs(chart[:, 0])))[:, None])
    gum = smoothstep(.3, .12, chart[:, 1])[:, None]
    return colour * (1 - gum) + gum * np.array([.60, .28, .28])


def brown_or_black(traits, brow, name):
    """sRGB [3] of strands: hair as it is, beards a little darker, brows and lashes dark."""
    if name == 'lash':
        return (np.array([.06, .045, .04]) if traits.lipstick > .1 or traits.hair.mean() < .3
                else np.array([.16, .10, .07]))
    return {'hair': traits.hair, 'beard': traits.hair * .86, 'brow': brow}[name]


def lightness(look):
    """0 for dark strands to 1 for blond, gray and white ones, which let more light through."""
    return float(smoothstep(.25, .6, look.mean()))


def paint_hair(chart, extra, traits, look):
    """Colour [N,3], direction [N,3] and height [N] (−1 gap … 1 ridge) of strands of colour `look`.

    chart as in `strands`.
    """
    across, along, own = chart.T
    direction, layer = unit(extra[:, :3]), extra[:, 3]
    seed = own * 97.0
    fine = np.sin(across * 5.5 + seed * 7) * .5 + np.sin(across * 11 + seed * 23 + along * .35) * .35
    lock = 2 * (own * 7.31 % 1) - 1
    light = look.mean()
    pale = lightness(look)
    root = .80 + .20 * smoothstep(0, 3.0, along)
    depth = .72 + .12 * pale + (.28 - .12 * pale) * smoothstep(0, .75, layer)
    tone = 1 + (.15 if light < .4 else .10) * lock + .12 * fine
    colour = look[None] * (root * depth * tone)[:, None] * (1 + np.array([.03, 0, -.05]) * lock[:, None])
    if traits.grey > .05:                                        # single grey locks among the coloured ones
        grey = smoothstep(1 - traits.grey - .12, 1 - traits.grey + .12, own * 13.7 % 1)[:, None] * .62
        colour = colour * (1 - grey) + grey * np.array([.52, .51, .50]) * (root * depth * tone)[:, None]
    return np.clip(colour, 0, 1), direction, .6 * fine + .4 * lock


def paint_cap(chart, extra, traits):
    """Colour [N,3] of the shell below the locks: dark, or for cropped hair stubble over the scalp."""
    d = unit(chart)
    if traits.style == 'buzz':
        grain = .6 * waves(d, 150, 25) + .5 * waves(d, 60, 27)
        thin = np.clip(.78 + .16 * grain, 0, .95)[:, None] * smoothstep(-.26, .12, extra[:, 3:4])
        return traits.skin * .9 * (1 - thin) + thin * traits.hair * (.95 + .2 * grain[:, None])
    streak = waves(d * [1, .35, .35], 40, 26, 8)
    return np.clip(traits.hair * (.78 + .12 * lightness(traits.hair) + .10 * streak[:, None]), 0, 1)


def paint_hat(chart, extra, traits, f):
    """Hat colour: a knitted beanie with a band, a cap with seams, a brimmed hat with a ribbon."""
    colour = np.array(colorsys.hsv_to_rgb(f.u('hat', 0), .75 * f.u('hat_shape', 2) ** 1.4,
                                          f.u('hat_shape', 1, .08, .85)))
    turn = np.arctan2(chart[:, 0], chart[:, 2])
    shade = 1 + .04 * waves(chart, 9, 28)
    if traits.hat == 'beanie':
        shade = (shade * (1 + .16 * np.sin(turn * 60))
                 * (1 - .25 * smoothstep(1.4, 1.7, extra[:, 0]) * smoothstep(2.3, 1.9, extra[:, 0])))
    elif traits.hat == 'cap':
        visor = abs(extra[:, 0] - 3) < 1e-3                      # as accessories.visor marks it
        shade = shade * (1 - .12 * smoothstep(.05, .0, abs((turn * 6 / 2 / np.pi) % 1 - .5)) * ~visor)
        second = colour * .5 if f.u('hat', 1) < .5 else np.array(colorsys.hsv_to_rgb(f.u('hat', 2), .6, .55))
        colour = np.where(visor[:, None], second if f.u('hat', 3) < .5 else colour * .85, colour)
    else:
        band = smoothstep(1.8, 1.5, extra[:, 0]) * (extra[:, 0] != 3)
        return colour * (1 - .65 * band[:, None]) * shade[:, None]
    return colour * shade[:, None]


def metal(f, i):
    """sRGB colour of a jewel."""
    names = list(METALS)
    return np.array(METALS[names[min(int(f.u('jewel', i) ** 1.3 * 5), 4)]])


def paint_part(name, chart, extra, traits, f):
    """(colour [N,3], gloss) of any remaining material."""
    count = (len(chart), 3)
    if name == 'teeth':
        return paint_teeth(chart), .5
    if name == 'cavity':
        return np.broadcast_to([.20, .06, .06], count), .0
    if name == 'tongue':
        return np.broadcast_to([.58, .25, .26], count), .2
    if name == 'hat':
        return paint_hat(chart, extra, traits, f), .05
    if name == 'earring':
        return np.broadcast_to(metal(f, 0), count), .9
    if name == 'necklace':
        return np.broadcast_to(metal(f, 1) if traits.necklace == 'chain' else bead_colour(f), count), .8
    if name == 'collar':
        white = np.array([.92, .92, .93]) if traits.cloth2.mean() > .35 else traits.cloth2 * .5 + .5
        return np.broadcast_to(white if traits.collar == 'suit' else traits.cloth * .92 + .04, count), .06
    if name == 'frame':
        return np.broadcast_to(frame_colour(f), count), .8
    raise KeyError(name)


def bead_colour(f):
    """sRGB of bead necklaces: pearls or a bright hue."""
    hue = f.u('jewel', 1)
    return np.array(METALS['pearl']) if hue < .5 else np.array(colorsys.hsv_to_rgb(hue * 2 % 1, .6, .6))


def frame_colour(f):
    """sRGB of the glasses' frame: mostly black, tortoise, or metal."""
    u = f.u('glasses', 0)
    return np.array([(.05, .05, .06), (.05, .05, .06), (.26, .14, .08), (.60, .61, .63), (.66, .50, .24),
                     (.40, .07, .10)][min(int(u * 6), 5)])
