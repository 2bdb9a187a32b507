"""Skin, lips, brows, beard and cloth: colours and labels drawn on the chart of the average head (cm about the eyes)."""
from __future__ import annotations

import numpy as np

from gantoolkit.core.labels import index
from gantoolkit_annyfaces.garment import neckline
from gantoolkit_annyfaces.parts import smoothstep, waves

LIP_X = (0, .4, 1.2, 2.0, 2.45)
LIP_TOP = (-6.46, -6.30, -6.52, -6.9, -7.12)
LIP_BOTTOM = (-8.25, -8.2, -7.95, -7.5, -7.13)
JAW_Z = (-13, -9.5, -7.8, -6.0, -4.0, -2.0, 0, 2.5)
JAW_Y = (-3.5, -4.5, -6.3, -8.4, -9.9, -10.9, -11.4, -11.7)


def blob(chart, x, y, spread):
    """Soft mirrored spot [N] on the face around (±x, y), front half only."""
    return (np.exp(-(((abs(chart[:, 0]) - x) ** 2 + (chart[:, 1] - y) ** 2) / spread ** 2))
            * smoothstep(-7, -3, chart[:, 2]))


def lip_masks(chart):
    """(upper, lower) soft masks [N]."""
    x, y = abs(chart[:, 0]), chart[:, 1]
    inside = (smoothstep(-.06, .06, np.interp(x, LIP_X, LIP_TOP) - y)
              * smoothstep(-.06, .06, y - np.interp(x, LIP_X, LIP_BOTTOM)) * (chart[:, 2] > .3) * (x < 2.6))
    upper = y > -7.12
    return inside * upper, inside * ~upper


def brow_line(chart, f):
    """A person's own brows: (height of the line, half thickness, place 0..1 from the nose, inside 0..1), each [N]."""
    x = abs(chart[:, 0])
    t = (x - (1.25 + .15 * f.n('brow', 2))) / 3.75
    arch = .50 + .15 * f.n('brow', 1)
    line = 1.22 + arch * np.sin(np.clip(t, 0, 1.1) * 2.35) - .6 * np.clip(t - .55, 0, 1)
    half = brow_half(f) * (smoothstep(-.12, .18, t) * .9 + .1) * (1 - .72 * smoothstep(.40, 1.0, t))
    return line, half, t, smoothstep(-.06, .10, t) * smoothstep(1.06, .90, t) * (chart[:, 2] > -4)


def brow_mask(chart, f):
    """Soft mask [N] of both brows."""
    line, half, _, inside = brow_line(chart, f)
    return smoothstep(1.35, .45, abs(chart[:, 1] - line) / half) * inside


def brow_colour(traits):
    """sRGB of brows and lashes' roots: like the hair, but never light."""
    warm = np.array([1.08, .94, .86]) if traits.hair_name in ('blond', 'red', 'auburn') else 1
    return traits.hair * min(.80, .34 / traits.hair.max()) * warm


def brow_half(f):
    """Half the brow's thickness in cm."""
    return .38 * np.exp(.25 * f.n('brow', 0)) * (.84 if f.female() else 1.1)


def beard_density(traits, chart):
    """How densely [N] 0..1 facial hair grows at points of the average head."""
    if traits.beard == 'none':
        return np.zeros(len(chart))
    x, y, z = abs(chart[:, 0]), chart[:, 1], chart[:, 2]
    upper, lower = lip_masks(chart)
    moustache = (smoothstep(-4.95, -5.5, y) * smoothstep(3.3, 2.5, x + .35 * (y + 6))
                 * smoothstep(-8.3, -7.2, y) * (z > 0))
    cheek_top = np.interp(x, (0, 2.4, 4, 5.5, 7, 8), (-8.3, -7.2, -6.6, -4.8, -2.2, -1.5))
    full = smoothstep(.5, -1.2, y - cheek_top) * smoothstep(-8.8, -6.4, z)
    jaw = np.interp(z, JAW_Z, JAW_Y)
    full = full * smoothstep(-2.2, -.5, y - jaw)
    patch = smoothstep(3.2, 2.2, x) * full
    shape = {'mustache': moustache, 'goatee': np.maximum(moustache * .9, patch), 'beard': np.maximum(moustache, full),
             'stubble': np.maximum(moustache, full)}[traits.beard]
    return shape * (1 - np.maximum(upper, lower))


def stubble_density(chart):
    """How densely [N] 0..1 stubble grows: a beard's place, fading widely into cheeks, ears and neck."""
    x, y, z = abs(chart[:, 0]), chart[:, 1], chart[:, 2]
    moustache = (smoothstep(-4.8, -5.7, y) * smoothstep(3.6, 2.3, x + .35 * (y + 6))
                 * smoothstep(-8.3, -7.2, y) * (z > 0))
    cheek_top = np.interp(x, (0, 2.4, 4, 5.5, 7, 8), (-8.3, -7.2, -6.6, -5.0, -3.4, -2.6))
    full = (smoothstep(1.0, -2.2, y - cheek_top) * smoothstep(-9.5, -5.0, z)
            * smoothstep(-3.4, .2, y - np.interp(z, JAW_Z, JAW_Y)))
    return np.maximum(.85 * moustache, full) * (1 - np.maximum(*lip_masks(chart)))


def tone_map(chart, traits, extra):
    """Bare skin colour [N,3] sRGB.

    Redder cheeks, nose and chin, a yellower forehead, shade about the eyes, make-up, freckles.
    """
    patch = waves(chart, 1.5, 11)
    red = (.46 * blob(chart, 4.3, -3.9, 2.1) + .75 * blob(chart, 0, -3.9, 1.2) + .35 * blob(chart, 0, -10, 1.7)
           + .6 * extra[:, 0])
    red = red * traits.redness + .45 * max(0, traits.blush) * .8 * blob(chart, 4.9, -3.1, 1.7)
    red += .30 * blob(chart, 3.1, -.4, 1.3) + .16 * patch - .25 * blob(chart, 0, 4.5, 3.2)
    tone = traits.skin[None] * (1 + red[:, None] * np.array([.035, -.13, -.11]))
    dark = (.13 * blob(chart, 2.7, -1.35, .8) * min(1.5, 1 + (traits.years - 30) / 40) + .12 * blob(chart, 3.2, .55, .9)
            + .10 * blob(chart, 1.6, .1, .6))
    dark = dark + .05 * smoothstep(-8.2, -8.8, chart[:, 1]) * blob(chart, 0, -8.9, .9)
    tone = tone * (1 - np.clip(dark, 0, .45)[:, None] * np.array([.75, 1.0, .92]))
    blotch = .018 * waves(chart, 4.5, 13) + .010 * waves(chart, 15.0, 12)
    blotch = blotch * (1 + np.clip((traits.years - 40) / 30, 0, 1.2))
    tone = tone * (1 + blotch[:, None] * np.array([.7, 1.0, 1.1]))
    if not traits.female and traits.hair.mean() < .45:           # shaved cheeks
        shaved = beard_area(chart) * (.035 + .06 * traits.redness * (traits.hair.mean() < .2))
        tone = tone * (1 - shaved[:, None] * np.array([1.0, .85, .70]))
    if traits.freckles:
        spots = smoothstep(.55, 1.3, waves(chart, 19, 14)) * blob(chart, 2.6, -3.0, 3.2)
        tone = tone * (1 - min(.20, traits.freckles * .20) * spots[:, None] * np.array([.5, .8, 1.0]))
    if traits.shadow:
        paint = blob(chart, 3.2, .70, .85)[:, None] * .65 * traits.shadow
        tone = tone * (1 - paint) + paint * tone * np.array([.66, .50, .53])
    return (tone * (1 - nostrils(chart)[:, None] * np.array([.8, 1, 1]))
            * (1 - .30 * crease(chart, traits)[:, None] * np.array([.8, 1, 1])))


def nostrils(chart):
    """Darkness [N] of the nostrils and of the folds beside the wings of the nose."""
    x, y, ahead = abs(chart[:, 0]), chart[:, 1], chart[:, 2] > 1.5
    hole = np.exp(-((x - .72) / .34) ** 2 - ((y + 5.02) / .17) ** 2)
    wing = np.exp(-((np.hypot(x - .95, (y + 4.45) * 1.1) - .85) / .16) ** 2) * smoothstep(1.1, 1.5, x)
    return (.70 * hole + .11 * wing) * ahead


def crease(chart, traits):
    """The fold [N] above the upper lid, and the corners where the eye meets the nose."""
    x = (abs(chart[:, 0]) - 3.15) / 1.65
    y = chart[:, 1] - (.88 - .42 * x ** 2)
    fold = np.exp(-(y / .11) ** 2) * smoothstep(1.12, .75, abs(x)) * (chart[:, 2] > -3)
    return fold * (1 - .6 * traits.race[1])


def beard_area(chart):
    """Where a full beard would grow [N] 0..1."""
    x, y, z = abs(chart[:, 0]), chart[:, 1], chart[:, 2]
    moustache = (smoothstep(-4.95, -5.5, y) * smoothstep(3.3, 2.5, x + .35 * (y + 6))
                 * smoothstep(-8.3, -7.2, y) * (z > 0))
    cheek_top = np.interp(x, (0, 2.4, 4, 5.5, 7, 8), (-8.3, -7.2, -6.6, -4.8, -2.2, -1.5))
    full = (smoothstep(.4, -1.0, y - cheek_top) * smoothstep(-8.6, -6.8, z)
            * smoothstep(-2.2, -.5, y - np.interp(z, JAW_Z, JAW_Y)))
    return np.maximum(moustache, full) * (1 - np.maximum(*lip_masks(chart)))


def wrinkles(chart, years, smile=0.0):
    """Darkening [N] by lines on forehead, beside mouth and at eyes, growing with age; a smile folds the cheeks."""
    amount = np.clip((years - 38) / 35, 0, 1)
    if not amount and smile < .1:
        return 0.0
    x, y = abs(chart[:, 0]), chart[:, 1]
    lines = (np.maximum(0, np.sin(y * 5.2 + .5 * np.cos(x * .9))) ** 4 * smoothstep(2.6, 3.4, y)
             * smoothstep(6.8, 5.6, y) * smoothstep(5, 3, x))
    fold = (np.exp(-((x - np.interp(y, (-7.6, -4.4), (3.0, 1.9))) / .16) ** 2) * smoothstep(-7.8, -7.0, y)
            * smoothstep(-4.2, -4.8, y))
    crow = (np.maximum(0, np.sin((y + .15 * x) * 8)) ** 4 * smoothstep(4.7, 5.1, x) * smoothstep(6.2, 5.4, x)
            * smoothstep(1.3, .7, abs(y + .1)))
    return amount * (.10 * lines + .14 * crow) + np.maximum(.24 * amount, .15 * smile) * fold


def paint_skin(chart, extra, traits, f):
    """Colours [N,3] sRGB, gloss [N], labels [N] and a hairiness [N] for points on the skin part.

    `extra` columns: ear, eyelid rim, open sky share, cm of hair above.
    """
    colour = tone_map(chart, traits, extra) * (1 - np.asarray(wrinkles(chart, traits.years, traits.smile)))[..., None]
    gloss = .22 + .25 * blob(chart, 0, -2.5, 1.6) + .1 * blob(chart, 0, 5, 3)
    label = base_labels(chart, extra)
    hairy = np.zeros(len(chart))
    density = beard_density(traits, chart) if traits.beard != 'stubble' else stubble_density(chart)
    if density.any():
        stipple = smoothstep(-.5, .9, waves(chart, 26, 15) + .5 * waves(chart, 55, 16))
        cover = density * ((.17 + .38 * stipple) if traits.beard == 'stubble' else .72) * f.u('beard_shape', 0, .75, 1)
        tint = (traits.hair * .75 if traits.beard != 'stubble'
                else traits.hair * .5 + traits.skin * np.array([.30, .23, .20]))
        colour = colour * (1 - cover[:, None]) + cover[:, None] * tint
        hairy = np.maximum(hairy, cover)
    for mask, name in zip(lip_masks(chart), ('u_lip', 'l_lip')):
        crease = 1 - .10 * np.maximum(0, np.sin(chart[:, 0] * 11 + np.sin(chart[:, 1] * 3))) - .12 * (name == 'u_lip')
        colour = colour * (1 - mask[:, None]) + mask[:, None] * traits.lips * crease[:, None]
        gloss = gloss * (1 - mask) + mask * (.35 + .5 * traits.lipstick)
        label = np.where(mask > .5, index(name), label)
    corner = np.exp(-(((abs(chart[:, 0]) - 2.45) / .3) ** 2 + ((chart[:, 1] + 7.12) / .16) ** 2)) * (chart[:, 2] > .3)
    colour = colour * (1 - .45 * corner[:, None])
    brow = brow_mask(chart, f)
    hairs = .52 * brow[:, None]
    colour = colour * (1 - hairs) + hairs * brow_colour(traits)
    label = np.where(brow > .35, np.where(chart[:, 0] > 0, index('l_brow'), index('r_brow')), label)
    rim = smoothstep(.12, .75, extra[:, 1]) * np.where(chart[:, 1] > -.1, (.97 if traits.female else .85), .40)
    colour = colour * (1 - rim[:, None]) + rim[:, None] * np.array([.07, .045, .04])
    return shave_and_dress(chart, extra, traits, colour, gloss, label, hairy)


def shave_and_dress(chart, extra, traits, colour, gloss, label, hairy):
    """The shade of hair roots at the hairline, then the shirt."""
    grain = waves(chart, 5.5, 17, 8)
    root = (smoothstep(-.29 if traits.style == 'buzz' else -.20, .10, extra[:, 3] + .05 * grain) * (.72 if traits.style != 'bald' else 0)
            * (label == index('skin')))
    root = root * smoothstep(-13.0, -10.0, chart[:, 1])
    colour = colour * (1 - root[:, None]) + root[:, None] * traits.hair * .8
    hairy = np.maximum(hairy, root)
    edge = neckline(traits.collar, chart)
    depth = edge - chart[:, 1]
    cloth = (depth > 0) & (chart[:, 1] < -9)
    fabric, sheen = paint_cloth(chart, depth, traits)
    colour = np.where(cloth[:, None], fabric, colour)
    return (colour, np.where(cloth, sheen, gloss), np.where(cloth, index('cloth'), label),
            np.where(cloth, 0, hairy), cloth)


def paint_cloth(chart, depth, traits):
    """Cloth colour [N,3] and gloss: plain, stripes, checks, or a suit with lapels, shirt, tie; a seam at the collar."""
    first, second = traits.cloth[None], traits.cloth2[None]
    x, y = abs(chart[:, 0]), chart[:, 1]
    mix = np.zeros(len(chart))
    if traits.pattern == 'stripes' and traits.collar != 'suit':
        mix = smoothstep(-.15, .15, np.sin(y * 3.1 + .2 * chart[:, 2]))
    elif traits.pattern == 'checks' and traits.collar != 'suit':
        mix = .5 * smoothstep(-.15, .15, np.sin(chart[:, 0] * 2.2)) + .5 * smoothstep(-.15, .15, np.sin(y * 2.2))
    fabric = first * (1 - mix[:, None]) + second * mix[:, None]
    fold = 1 + .10 * waves(chart * [1, .45, 1], .8, 18) + .02 * waves(chart, 9, 19)
    if traits.collar == 'suit':
        front = chart[:, 2] > -6
        opening = (4.0 + .42 * np.minimum(y + 13, 0)).clip(0)       # half width of the V between the lapels
        inside = smoothstep(.12, -.12, x - opening) * front + (depth < 1.1)
        inside = np.clip(inside, 0, 1)
        lapel = (np.exp(-((x - opening - 2.9) / .10) ** 2) * front * (y < -15)
                 + np.exp(-((x - opening) / .12) ** 2) * front)
        tie = (smoothstep(.1, -.05, x - np.interp(y, (-26, -16.2, -15.2, -14.0), (1.6, .95, .80, 1.15)))
               * (y < -13.4) * front)
        shirt = np.array([.92, .92, .93]) if traits.cloth2.mean() > .35 else traits.cloth2 * .5 + .5
        within = np.where((tie > .5)[:, None] & (not traits.female), traits.cloth2 * .8, shirt)
        fabric = (first * .55) * (1 - inside[:, None]) + inside[:, None] * within
        fabric = fabric * (1 - .45 * lapel[:, None])
    seam = smoothstep(.75, .6, depth) * .16
    return fabric * (1 - seam[:, None]) * fold[:, None], .06


def base_labels(chart, extra):
    """Labels [N] of bare skin: skin, nose, ears, neck."""
    x, y, z = abs(chart[:, 0]), chart[:, 1], chart[:, 2]
    neck = y < np.interp(z, JAW_Z, JAW_Y)
    label = np.where(neck, index('neck'), index('skin'))
    width = np.interp(y, (-5.3, -4.9, -4.2, -3.2, -1.5, 0.2, .9), (.3, 1.35, 1.95, 1.75, 1.15, .7, .55))
    label = np.where((x < width) & (y < .7) & (y > -5.25) & (z > 1.2), index('nose'), label)
    return np.where(extra[:, 0] > .5, np.where(chart[:, 0] > 0, index('l_ear'), index('r_ear')), label)
