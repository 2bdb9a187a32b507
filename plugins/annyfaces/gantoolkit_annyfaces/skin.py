"""Skin, lips, brows, beard and cloth: colours and labels drawn on the chart of the average head (cm about the eyes)."""
from __future__ import annotations

import numpy as np

from gantoolkit.data.labels import index
from gantoolkit_annyfaces.garment import neckline
from gantoolkit_annyfaces.parts import smoothstep, waves

LIP_X = (0, .4, 1.2, 2.0, 2.45)
LIP_TOP = (-6.46, -6.30, -6.52, -6.9, -7.12)
LIP_BOTTOM = (-8.25, -8.2, -7.95, -7.5, -7.13)
JAW_Z = (-13, -9.5, -7.8, -6.0, -4.0, -2.0, 0, 2.5)
JAW_Y = (-3.5, -4.5, -6.3, -8.4, -9.9, -10.9, -11.4, -11.7)


def blob(chart, x, y, spread):
    """Soft mirrored spot [N] on the face around (±x, y), front half only."""
    return np.exp(-(((abs(chart[:, 0]) - x) ** 2 + (chart[:, 1] - y) ** 2) / spread ** 2)) * smoothstep(-7, -3, chart[:, 2])


def lip_masks(chart):
    """(upper, lower) soft masks [N]."""
    x, y = abs(chart[:, 0]), chart[:, 1]
    inside = smoothstep(-.06, .06, np.interp(x, LIP_X, LIP_TOP) - y) * smoothstep(-.06, .06, y - np.interp(x, LIP_X, LIP_BOTTOM)) * (chart[:, 2] > .3) * (x < 2.6)
    upper = y > -7.12
    return inside * upper, inside * ~upper


def brow_mask(chart, f, years):
    """Soft mask [N] of both brows; thickness, arch and gap are a person's own."""
    x, y = abs(chart[:, 0]), chart[:, 1]
    t = (x - (1.35 + .18 * f.n('brow', 2))) / 3.7
    arch = .55 + .16 * f.n('brow', 1)
    line = 1.28 + arch * np.sin(np.clip(t, 0, 1.1) * 2.35) - .55 * np.clip(t - .55, 0, 1)
    half = brow_half(f) * (smoothstep(-.12, .18, t) * .9 + .1) * (1 - .68 * smoothstep(.35, 1.0, t))
    return smoothstep(1.25, .55, abs(y - line) / half) * smoothstep(-.06, .08, t) * smoothstep(1.04, .93, t) * (chart[:, 2] > -4)


def brow_half(f):
    """Half the brow's thickness in cm."""
    return .40 * np.exp(.28 * f.n('brow', 0)) * (.72 if f.n('gender') > 0 else 1.15)


def beard_density(traits, chart):
    """How densely [N] 0..1 facial hair grows at points of the average head."""
    if traits.beard == 'none':
        return np.zeros(len(chart))
    x, y, z = abs(chart[:, 0]), chart[:, 1], chart[:, 2]
    upper, lower = lip_masks(chart)
    moustache = smoothstep(-4.95, -5.5, y) * smoothstep(3.3, 2.5, x + .35 * (y + 6)) * smoothstep(-8.3, -7.2, y) * (z > 0)
    cheek_top = np.interp(x, (0, 2.4, 4, 5.5, 7, 8), (-8.3, -7.2, -6.6, -4.8, -2.2, -1.5))
    full = smoothstep(.2, -.7, y - cheek_top) * smoothstep(-8.6, -7.2, z)
    jaw = np.interp(z, JAW_Z, JAW_Y)
    full = full * smoothstep(-2.2, -.5, y - jaw)
    patch = smoothstep(3.2, 2.2, x) * full
    shape = {'mustache': moustache, 'goatee': np.maximum(moustache * .9, patch), 'beard': np.maximum(moustache, full),
             'stubble': np.maximum(moustache, full)}[traits.beard]
    return shape * (1 - np.maximum(upper, lower))


def tone_map(chart, traits, extra):
    """Bare skin colour [N,3] sRGB with redness, shade under the eyes, make-up and freckles."""
    red = .55 * blob(chart, 4.1, -3.7, 2.0) + .7 * blob(chart, 0, -3.7, 1.1) + .35 * blob(chart, 0, -10, 1.7) + .5 * extra[:, 0]
    red = red * traits.redness + .85 * max(0, traits.blush) * blob(chart, 4.6, -3.0, 1.7)
    red += .25 * blob(chart, 3.1, -.6, 1.2) + .10 * waves(chart, .7, 11)
    tone = traits.skin[None] * (1 + red[:, None] * np.array([.05, -.15, -.13]))
    dark = .10 * blob(chart, 2.9, -1.35, .9) * (1 + (traits.years - 30) / 40) + .08 * blob(chart, 3.1, .75, 1.0)
    tone = tone * (1 - np.clip(dark, 0, .4)[:, None] * np.array([.8, 1.0, .9])) * (1 + .008 * waves(chart, 1.8, 13))[:, None]
    if traits.freckles:
        spots = smoothstep(.9, 1.7, waves(chart, 11, 14, 8)) * (blob(chart, 2.8, -3.2, 3.0))
        tone = tone * (1 - min(.28, traits.freckles * .25) * spots[:, None] * np.array([.5, .8, 1.0]))
    if traits.shadow:
        paint = blob(chart, 3.2, .75, .95)[:, None] * .75 * traits.shadow
        tone = tone * (1 - paint) + paint * tone * np.array([.62, .45, .50])
    return tone


def wrinkles(chart, years):
    """Darkening [N] by lines on the forehead, beside the mouth and at the eyes, growing with age."""
    amount = np.clip((years - 38) / 35, 0, 1)
    if not amount:
        return 0.0
    x, y = abs(chart[:, 0]), chart[:, 1]
    lines = np.maximum(0, np.sin(y * 5.2 + .5 * np.cos(x * .9))) ** 6 * smoothstep(2.6, 3.4, y) * smoothstep(6.8, 5.6, y) * smoothstep(5, 3, x)
    fold = np.exp(-((x - np.interp(y, (-7.6, -4.4), (3.0, 1.9))) / .16) ** 2) * smoothstep(-7.8, -7.0, y) * smoothstep(-4.2, -4.8, y)
    crow = np.maximum(0, np.sin((y + .15 * x) * 8)) ** 4 * smoothstep(4.7, 5.1, x) * smoothstep(6.2, 5.4, x) * smoothstep(1.3, .7, abs(y + .1))
    return amount * (.16 * lines + .24 * fold + .14 * crow)


def paint_skin(chart, extra, traits, f):
    """Colours [N,3] sRGB, gloss [N], labels [N] and a hairiness [N] for points on the skin part.

    `extra` columns: ear, eyelid rim, open sky share, cm of hair above.
    """
    colour = tone_map(chart, traits, extra) * (1 - np.asarray(wrinkles(chart, traits.years)))[..., None]
    gloss = .22 + .25 * blob(chart, 0, -2.5, 1.6) + .1 * blob(chart, 0, 5, 3)
    label = base_labels(chart, extra)
    hairy = np.zeros(len(chart))
    grain = .6 * waves(chart * [1, .3, 1], 9.0, 15, 8) + .4 * waves(chart, 3.0, 21)
    density = beard_density(traits, chart)
    if density.any():
        strength = {'stubble': .42}.get(traits.beard, .93) * f.u('beard_shape', 0, .75, 1)
        cover = np.clip(density * strength * (1 + .25 * grain), 0, .97) ** (.9 if traits.beard != 'stubble' else 1.2)
        tint = traits.hair * .85 if traits.beard != 'stubble' else traits.hair * .5 + traits.skin * .25
        colour = colour * (1 - cover[:, None]) + cover[:, None] * tint * (1 + .22 * grain[:, None])
        hairy = np.maximum(hairy, cover)
    for mask, name in zip(lip_masks(chart), ('u_lip', 'l_lip')):
        crease = 1 - .10 * np.maximum(0, np.sin(chart[:, 0] * 11 + np.sin(chart[:, 1] * 3))) - .12 * (name == 'u_lip')
        colour = colour * (1 - mask[:, None]) + mask[:, None] * traits.lips * crease[:, None]
        gloss = gloss * (1 - mask) + mask * (.35 + .5 * traits.lipstick)
        label = np.where(mask > .5, index(name), label)
    corner = np.exp(-(((abs(chart[:, 0]) - 2.45) / .3) ** 2 + ((chart[:, 1] + 7.12) / .16) ** 2)) * (chart[:, 2] > .3)
    colour = colour * (1 - .45 * corner[:, None])
    brow = brow_mask(chart, f, traits.years)
    hairs = np.clip(brow * (.92 + .25 * waves(chart * [1.6, .6, 1], 6.0, 16, 8)), 0, .95)
    tint = traits.hair * min(.75, .40 / traits.hair.max()) * (np.array([1.08, .94, .86]) if traits.hair_name in ('blond', 'red', 'auburn') else 1)
    colour = colour * (1 - hairs[:, None]) + hairs[:, None] * tint
    label = np.where(brow > .45, np.where(chart[:, 0] > 0, index('l_brow'), index('r_brow')), label)
    rim = smoothstep(.25, .95, extra[:, 1]) * np.where(chart[:, 1] > -.1, .92 if traits.female else .7, .35)
    colour = colour * (1 - rim[:, None]) + rim[:, None] * np.array([.07, .045, .04])
    return shave_and_dress(chart, extra, traits, f, colour, gloss, label, hairy)


def shave_and_dress(chart, extra, traits, f, colour, gloss, label, hairy):
    """The shade of hair roots at the hairline, then the shirt."""
    grain = waves(chart, 5.5, 17, 8)
    root = smoothstep(-.20, .12, extra[:, 3] + .05 * grain) * (.72 if traits.style != 'bald' else 0) * (label == index('skin'))
    root = root * smoothstep(-13.0, -10.0, chart[:, 1])
    colour = colour * (1 - root[:, None]) + root[:, None] * traits.hair * .8
    hairy = np.maximum(hairy, root)
    edge = neckline(traits.collar, chart)
    depth = edge - chart[:, 1]
    cloth = (depth > 0) & (chart[:, 1] < -9)
    fabric, sheen = paint_cloth(chart, depth, traits)
    colour = np.where(cloth[:, None], fabric, colour)
    return colour, np.where(cloth, sheen, gloss), np.where(cloth, index('cloth'), label), np.where(cloth, 0, hairy), cloth


def paint_cloth(chart, depth, traits):
    """Cloth colour [N,3] and gloss: plain, stripes or checks, with a seam along the collar."""
    first, second = traits.cloth[None], traits.cloth2[None]
    mix = np.zeros(len(chart))
    if traits.pattern == 'stripes':
        mix = smoothstep(-.15, .15, np.sin(chart[:, 1] * 3.1 + .2 * chart[:, 2]))
    elif traits.pattern == 'checks':
        mix = .5 * smoothstep(-.15, .15, np.sin(chart[:, 0] * 2.2)) + .5 * smoothstep(-.15, .15, np.sin(chart[:, 1] * 2.2))
    fabric = first * (1 - mix[:, None]) + second * mix[:, None]
    seam = smoothstep(.75, .6, depth) * .22
    return fabric * (1 - seam[:, None]) * (1 + .05 * waves(chart, .5, 18) + .015 * waves(chart, 6, 19))[:, None], .06


def base_labels(chart, extra):
    """Labels [N] of bare skin: skin, nose, ears, neck."""
    x, y, z = abs(chart[:, 0]), chart[:, 1], chart[:, 2]
    neck = y < np.interp(z, JAW_Z, JAW_Y)
    label = np.where(neck, index('neck'), index('skin'))
    width = np.interp(y, (-5.3, -4.9, -4.2, -3.2, -1.5, 0.2, .9), (.3, 1.35, 1.95, 1.75, 1.15, .7, .55))
    label = np.where((x < width) & (y < .7) & (y > -5.25) & (z > 1.2), index('nose'), label)
    return np.where(extra[:, 0] > .5, np.where(chart[:, 0] > 0, index('l_ear'), index('r_ear')), label)
