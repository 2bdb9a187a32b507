"""From surface colours to pixels: ambient, key and fill light, soft shadows, style domains and backdrop."""
from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from gantoolkit_annyfaces.parts import smoothstep, waves

DOMAINS = ('photo', 'marble', 'clay', 'toon')


@dataclass
class Light:
    """Unit directions to the main light (`key`), `fill` and `rim`; colours in linear RGB; a `name` for captions."""
    key: np.ndarray
    fill: np.ndarray
    key_colour: np.ndarray
    fill_colour: np.ndarray
    rim: np.ndarray
    rim_colour: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    name: str


def linear(srgb):
    """sRGB 0..1 to linear (power 2.2)."""
    return np.clip(srgb, 0, 1) ** 2.2


def decide_light(f):
    """Light of one state."""
    turn = .68 * f.n('key_light', 0)
    rise = np.clip(.55 + .25 * f.n('key_light', 1), -.1, 1.15)
    key = np.array([np.sin(turn) * np.cos(rise), np.sin(rise), np.cos(turn) * np.cos(rise)])
    power = np.exp(.22 * f.n('key_light', 2))
    warm = .10 * f.n('key_light', 3)
    tint = np.array([1 + warm, 1.0, 1 - warm])
    soft = f.u('ambient', 0, .55, 1.25)
    cool = .07 * f.n('ambient', 1)
    sky = np.array([1 - cool, 1.0, 1 + cool]) * .46 * soft
    ground = np.array([1 + .08, 1.0, .92]) * .28 * soft * np.exp(.15 * f.n('ambient', 2))
    side = 'left' if turn > .35 else 'right' if turn < -.35 else 'front'
    name = 'soft' if soft / power > 1.05 else side
    fill = np.array([-np.sin(turn) * .8, .15, .6])
    rim = np.array([-np.sign(turn) * .75, .35, -.55])
    edge = (2 - tint) * .55 * max(0.0, f.n('ambient', 2) - .1)
    return Light(key, fill / np.linalg.norm(fill), tint * .92 * power, (2 - tint) * .18 * soft,
                 rim / np.linalg.norm(rim), edge, sky, ground, name)


def illuminate(normal, view, gloss, open_sky, shade, light, scatter):
    """(light received [N,3], shine [N,3]), linear, at surface points.

    normal, view unit [N,3]; gloss [N]; open_sky [N] 0..1; shade [N] (1 = in shadow of the key light);
    scatter [N,1] how far light wraps around (skin 1, else 0).
    """
    lit = normal @ light.key
    wrap = scatter * np.array([.30, .16, .12])
    clear = 1 - shade[:, None]
    diffuse = (np.clip((lit[:, None] + wrap) / (1 + wrap), 0, 1)
               * (clear + scatter * np.array([.10, .02, .0]) * clear * (1 - clear) * 4))
    up = (.5 + .5 * normal[:, 1])[:, None]
    hidden = open_sky[:, None] ** (1 - .25 * scatter * np.array([1, 0, 0]))  # red light gets farther into folds
    ambient = (light.ground + (light.sky - light.ground) * up) * hidden
    fill = np.clip(normal @ light.fill * .8 + .2, 0, 1)[:, None] * light.fill_colour * (.3 + .7 * open_sky[:, None])
    behind = np.clip(normal @ light.rim, 0, 1)[:, None] * light.rim_colour * (.3 + .7 * open_sky[:, None])
    half = light.key - view
    half /= np.linalg.norm(half, axis=1, keepdims=True) + 1e-9
    facing = np.clip((normal * half).sum(1), 0, 1)
    grazing = np.clip(1 + (normal * view).sum(1), 0, 1) ** 5
    fresnel = .35 + .65 * grazing
    spec = gloss * (.13 * facing ** 12 + .42 * gloss * facing ** 48) * fresnel * 1.8 * (1 - shade) * (lit > 0)
    shine = spec[:, None] * light.key_colour + (.10 * gloss * grazing * open_sky)[:, None] * light.sky * 2
    return diffuse * light.key_colour + ambient + fill + behind, shine


def hair_sheen(direction, normal, view, height, light, shade):
    """Two shifted highlights [N,1] along strands (after Kajiya and Kay)."""
    shine = 0.0
    for shift, power, amount in ((.10, 30, .46), (-.16, 9, .26)):
        tangent = direction + normal * (shift + .05 * height)[:, None]
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
        half = light.key - view
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        sine = np.sqrt(np.clip(1 - (tangent * half).sum(1) ** 2, 0, 1))
        shine = shine + amount * sine ** power
    return (shine * (1 - .8 * shade) * np.clip(normal @ light.key + .25, 0, 1))[:, None]


def develop(colour):
    """Linear light to sRGB 0..1 with a soft shoulder."""
    colour = np.clip(colour, 0, None)
    colour = colour * (1 + colour * .12) / (1 + colour * .42)
    colour = colour * 1.18
    bright = np.maximum(colour - .65, 0)
    colour = np.where(bright > 0, .65 + .35 * (1 - np.exp(-bright / .35)), colour)
    return colour ** (1 / 2.2)


def backdrop_saturation(f):
    """Saturation 0..1 of the background: mostly calm, strong in about one picture of seven."""
    u = f.u('backdrop', 1)
    return u ** 2 * .25 + .50 * smoothstep(.80, .97, u)


def backdrop_colours(f):
    """The two sRGB colours [3] of the background."""
    hue, sat, val = f.u('backdrop', 0), backdrop_saturation(f), f.u('backdrop', 2, .10, .92)
    other = np.clip(val + .14 * f.n('backdrop', 4), .04, 1)
    return (np.array(colorsys.hsv_to_rgb(hue, sat, val)),
            np.array(colorsys.hsv_to_rgb((hue + .08 * f.n('backdrop', 3)) % 1, sat * .8, other)))


def backdrop(f, size, domain):
    """Background [size·size, 3] sRGB: a soft gradient, sometimes with out-of-focus patches; fixed to the image."""
    y, x = np.meshgrid((np.arange(size) + .5) / size, (np.arange(size) + .5) / size, indexing='ij')
    x, y = x.ravel(), y.ravel()
    first, second = backdrop_colours(f)
    mix = smoothstep(-.1, 1.1, y + .5 * np.tanh(f.n('backdrop', 5)) * (x - .5))
    if f.u('backdrop', 6) > .55:
        key = int(f.u('backdrop', 6) * 1000)
        mix = np.clip(mix + .38 * waves(np.stack([x, y, 0 * x], 1), 5.0, key), 0, 1)
    colour = first + (second - first) * mix[:, None]
    if domain == 'marble':
        colour = colour.mean(1, keepdims=True) * .45 * np.array([1, 1, 1.05])
    elif domain == 'clay':
        colour = .5 * colour.mean(1, keepdims=True) + .5 * np.array([.62, .60, .58])
    return colour


def restyle(colour, domain, point, material_light, f):
    """Surface colours [N,3] sRGB for a style domain.

    point [N,3] cm; material_light [N] 0..1 the lightness to keep a hint of.
    """
    if domain == 'marble':
        cut = np.array([f.n('backdrop', 3), f.n('backdrop', 4), f.n('backdrop', 5)])
        point = point + 40 * cut    # another cut of the stone
        field = waves(point, .15, 41) + .30 * waves(point, .55, 42)
        vein = ((.13 * np.exp(-(field / .16) ** 2) + .10 * np.exp(-(field / .05) ** 2))
                * smoothstep(-.1, .7, waves(point, .2, 44)))
        base = np.array([.80, .79, .77]) - (vein - .03 * waves(point, .3, 45))[:, None] * np.array([1.0, 1.0, .88])
        return base * (.84 + .16 * material_light[:, None])
    if domain == 'clay':
        tint = np.array([.74, .45, .33]) * (1 - f.u('ambient', 2)) + np.array([.62, .58, .53]) * f.u('ambient', 2)
        return tint * (.74 + .26 * material_light[:, None]) * (1 + .03 * waves(point, 3.0, 43))[:, None]
    if domain == 'toon':
        grey = colour.mean(1, keepdims=True)
        return np.clip(grey + (colour - grey) * 1.35, 0, 1)
    return colour
