"""What rays see and how it is shaded: surfaces, paint, soft shadows, light that spreads below skin, lenses."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from gantoolkit.core.labels import index
from gantoolkit_annyfaces import lighting, materials
from gantoolkit_annyfaces.noise import noise
from gantoolkit_annyfaces.parts import MATERIALS, WORLD_OFFSET, WORLD_SCALE
from gantoolkit_annyfaces.skin import brow_colour, paint_skin

PART_LABELS = {'cavity': 'mouth', 'tongue': 'mouth', 'teeth': 'mouth', 'eye_l': 'l_eye', 'eye_r': 'r_eye',
               'hair': 'hair', 'cap': 'hair', 'hat': 'hat', 'frame': 'eye_g', 'earring': 'ear_r',
               'necklace': 'neck_l', 'collar': 'cloth', 'beard': 'skin'}
SPREAD = (.15, .07, .04)       # cm that red, green and blue light travels below skin (standard deviation)
LAMP = .10                     # radius of the key light, in units of its distance
STRANDS = ('hair', 'beard', 'brow', 'lash')


@dataclass
class Surface:
    """What rays saw, one row per ray that hit: `ray` is its index, `point` in the world."""
    ray: np.ndarray
    point: np.ndarray
    normal: np.ndarray
    view: np.ndarray
    chart: np.ndarray
    extra: np.ndarray
    material: np.ndarray
    distance: np.ndarray


def see(scene, origin, rays):
    """First surface along every ray that hits something."""
    face, weight, distance = scene.mesh.cast(origin, rays)
    hit = np.flatnonzero(face >= 0)
    corner, weight = scene.faces[face[hit]], weight[hit][:, :, None]
    blend = lambda rows: (rows[corner] * weight).sum(1)
    normal = blend(scene.normals)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    view = rays[hit]
    material = scene.material[face[hit]]
    strands = [MATERIALS.index(n) for n in STRANDS]
    limit = np.where(np.isin(material, strands), .25, 0)      # strands' normals lean sideways
    back = ((normal * view).sum(1) > limit) & (material != MATERIALS.index('skin'))
    normal = np.where(back[:, None], -normal, normal)
    return Surface(hit, origin + view * distance[hit, None], normal, view, blend(scene.chart),
                   blend(scene.extra), material, distance[hit])


def paint(surface, traits, f, light):
    """Per hit: colour [N,3] sRGB, gloss, label, scatter (1 skin), open sky share, and strands.

    Strands are rows, directions and heights.
    """
    count = len(surface.ray)
    colour, gloss, label = np.zeros((count, 3)), np.zeros(count), np.zeros(count, np.int64)
    scatter, sky = np.zeros(count), np.full(count, .85)
    strands = []
    for code in np.unique(surface.material):
        rows, name = np.flatnonzero(surface.material == code), MATERIALS[code]
        chart, extra = surface.chart[rows].astype(np.float64), surface.extra[rows].astype(np.float64)
        if name == 'skin':
            colour[rows], gloss[rows], label[rows], hairy, cloth = paint_skin(chart, extra, traits, f)
            scatter[rows], sky[rows] = np.where(cloth, 0, 1 - .5 * hairy), .12 + .88 * extra[:, 2]
        elif name in STRANDS:
            look = materials.brown_or_black(traits, brow_colour(traits), name)
            colour[rows], direction, height = materials.paint_hair(chart, extra, traits, look)
            sky[rows] = .42 + .52 * extra[:, 3] + .16 * materials.lightness(look) * (1 - extra[:, 3])
            side = chart_side(surface.point[rows])
            label[rows] = {'hair': index('hair'), 'beard': index('skin'),
                           'brow': np.where(side, index('l_brow'), index('r_brow')),
                           'lash': np.where(side, index('l_eye'), index('r_eye'))}[name]
            strands.append((rows, direction, height if name != 'brow' else 0 * height))
        elif name in ('eye_l', 'eye_r'):
            colour[rows] = materials.paint_eye(chart, traits, f, 1 if name == 'eye_l' else -1, light)
            gloss[rows], sky[rows] = .9, .85
            label[rows] = index(PART_LABELS[name])
        elif name == 'cap':
            colour[rows], sky[rows], label[rows] = materials.paint_cap(chart, extra, traits), cap_sky(traits), index('hair')
        else:
            colour[rows], gloss[rows] = materials.paint_part(name, chart, extra, traits, f)
            label[rows] = index(PART_LABELS[name])
            if name in ('cavity', 'teeth', 'tongue'):
                sky[rows] = .95 if name == 'teeth' else .5
                paint_socket(name, rows, chart, colour, label)
    strands = tuple(np.concatenate(rows) for rows in zip(*strands)) if strands else (np.zeros(0, np.int64), None, None)
    return colour, gloss, label, scatter, sky, strands


def cap_sky(traits):
    """Open sky share of the shell below the locks; cropped hair lies as open as skin."""
    return .85 if traits.style == 'buzz' else .55 + .2 * materials.lightness(traits.hair)


def chart_side(point):
    """True [N] where world points lie on the person's left."""
    return point[:, 0] > WORLD_OFFSET[0]


def paint_socket(name, rows, chart, colour, label):
    """The cavity around an eyeball is pink and belongs to the eye."""
    inside = chart[:, 1] > -4
    if name == 'cavity' and inside.any():
        colour[rows[inside]] = [.55, .30, .28]
        label[rows[inside]] = np.where(chart[inside, 0] > 0, index('l_eye'), index('r_eye'))


def soft_shadow(scene, surface, light, size):
    """Share [N] 0..1 of a round lamp that is blocked.

    Neighbouring rays look at different points of the lamp, then are averaged.
    """
    start = surface.point + surface.normal * 5e-3 - surface.view * 1e-3
    side = np.cross(light.key, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, light.key)
    k = (surface.ray // size % 4) * 4 + surface.ray % 4
    k = k * 7 % 16
    radius, turn = LAMP * np.sqrt((k + .5) / 16), k * 2.39996
    direction = light.key + (radius * np.cos(turn))[:, None] * side + (radius * np.sin(turn))[:, None] * up
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    shade = scene.mesh.shadowed(start, direction)
    strand = np.isin(surface.material, [MATERIALS.index(n) for n in STRANDS])
    for group in (strand, ~strand):
        shade[group] = spread(surface.ray[group], shade[group], size,
                              lambda rows: uniform_filter(rows, 4, mode='constant'))
    return np.where(strand, .75 * shade, shade)


def spread(ray, values, size, blur):
    """Values [N] at rays, averaged by `blur` over the picture [size,size] among these rays alone."""
    grid, weight = np.zeros(size * size, np.float32), np.zeros(size * size, np.float32)
    grid[ray], weight[ray] = values, 1
    return (blur(grid.reshape(size, size)).ravel()[ray] / (blur(weight.reshape(size, size)).ravel()[ray] + 1e-6))


def below_skin(surface, received, scatter, size):
    """Let light [N,3] that reached skin spread sideways before it leaves again, red farthest."""
    rows = np.flatnonzero(scatter > .3)
    if len(rows):
        for channel, reach in enumerate(SPREAD):
            sigma = reach * size / 30.9                           # the picture is 30.9 cm wide at the face
            blur = lambda grid: gaussian_filter(grid, sigma, mode='constant', truncate=2.5)
            soft = spread(surface.ray[rows], received[rows, channel], size, blur)
            received[rows, channel] += (soft - received[rows, channel]) * np.minimum(1, scatter[rows] * 1.2)
    return received


def bumps(surface, normal, scatter):
    """Normals [N,3] with the fine unevenness of skin and cloth."""
    rows = np.flatnonzero(surface.material == MATERIALS.index('skin'))
    chart = surface.chart[rows]
    amount = (.018 + .022 * (scatter[rows] > 0))[:, None]
    normal[rows] += amount * np.stack([noise(chart, 4.5, 50 + k) for k in range(3)], 1)
    normal[rows] /= np.linalg.norm(normal[rows], axis=1, keepdims=True)
    return normal


def shade_surface(scene, surface, traits, f, light, size, domain, fast=False):
    """(sRGB colour [N,3], label [N]) of every hit."""
    colour, gloss, label, scatter, sky, (rows, direction, height) = paint(surface, traits, f, light)
    shade = np.zeros(len(surface.ray)) if fast else soft_shadow(scene, surface, light, size)
    if domain != 'photo':
        centimetres = (surface.point - WORLD_OFFSET) / WORLD_SCALE
        colour = lighting.restyle(colour, domain, centimetres, colour.mean(1), f)
        gloss = np.full(len(gloss), {'marble': .5, 'clay': .08, 'toon': .15}[domain])
        scatter = scatter * 0 + (.5 if domain == 'marble' else 0)
    shade[rows] *= 1 - .45 * materials.lightness(traits.hair)        # light passes through pale strands
    normal = surface.normal.astype(np.float64)
    if domain == 'toon':
        return toon(colour, normal, light, shade, sky), label
    if domain == 'photo' and not fast:
        normal = bumps(surface, normal, scatter)
    received, shine = lighting.illuminate(normal, surface.view, gloss, sky, shade, light, scatter[:, None])
    if not fast:
        received = below_skin(surface, received, scatter, size)
    linear = lighting.linear(colour) * received + shine
    if len(rows) and domain == 'photo':
        sheen = lighting.hair_sheen(direction, normal[rows], surface.view[rows], height, light, shade[rows])
        linear[rows] += sheen * (lighting.linear(colour[rows]) * 1.0 + .025) * light.key_colour
    return lighting.develop(linear), label


def toon(colour, normal, light, shade, sky):
    """Flat cel shading: three bands."""
    lit = (normal @ light.key) * .5 + .5 - .35 * shade - .2 * (1 - sky)
    band = np.where(lit > .62, 1.06, np.where(lit > .36, .84, .62))
    return np.clip(colour * band[:, None] * np.where(band[:, None] < .8, [[.96, .93, 1.06]], [[1, 1, 1]]), 0, 1)


def look_through(scene, origin, rays, pixels, label, depth, traits, light, domain):
    """Lay the lenses of glasses over the picture; eyes and brows stay labelled behind clear ones."""
    lens = see(scene.lens, origin, rays)
    front = (depth[lens.ray] == 0) | (lens.distance < depth[lens.ray])
    rays_hit, chart = lens.ray[front], lens.chart[front]
    if traits.glasses == 'sunglasses':
        tint = np.array([.07, .065, .07]) + .10 * (chart[:, 1:2] < -.2) * (-.2 - chart[:, 1:2])
        stone = domain in ('marble', 'clay')
        pixels[rays_hit] = pixels[rays_hit] * (.55 if stone else .10) + (0 if stone else tint)
        label[rays_hit] = index('eye_g')
        depth[rays_hit] = lens.distance[front]
    else:
        pixels[rays_hit] *= .95
        kept = np.isin(label[rays_hit],
                       [index(n) for n in ('l_eye', 'r_eye', 'l_brow', 'r_brow', 'hair', 'hat', 'background')])
        label[rays_hit] = np.where(kept, label[rays_hit], index('eye_g'))
    streak = np.exp(-((chart[:, 0] * .8 + chart[:, 1] - .55 + .6 * light.key[0]) / .13) ** 2)
    pixels[rays_hit] = np.clip(pixels[rays_hit] + (.20 if traits.glasses == 'sunglasses' else .12) * streak[:, None],
                               0, 1)
