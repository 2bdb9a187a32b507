"""Rays to images: casts, paints and downsamples one view of a scene."""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit.data.labels import CLASSES, index
from gantoolkit_annyfaces import camera as cameras
from gantoolkit_annyfaces import lighting, materials
from gantoolkit_annyfaces.attributes import describe
from gantoolkit_annyfaces.captions import write_captions
from gantoolkit_annyfaces.factors import Factors, draw, draw_camera
from gantoolkit_annyfaces.identities import split_index
from gantoolkit_annyfaces.parts import MATERIALS, WORLD_OFFSET, WORLD_SCALE
from gantoolkit_annyfaces.scene import build_scene
from gantoolkit_annyfaces.scribble import scribble
from gantoolkit_annyfaces.skin import paint_skin
from gantoolkit_annyfaces.traits import decide

SUPERSAMPLING = 2
PART_LABELS = {'cavity': 'mouth', 'tongue': 'mouth', 'teeth': 'mouth', 'eye_l': 'l_eye', 'eye_r': 'r_eye', 'hair': 'hair', 'cap': 'hair', 'hat': 'hat',
               'frame': 'eye_g', 'earring': 'ear_r', 'necklace': 'neck_l', 'collar': 'cloth'}


@dataclass
class FaceSample:
    """One rendered sample.

    image uint8 [R,R,3]; labels uint8 [R,R] (0..18); scribble uint8 [R,R]; depth float32 [R,R], the distance along the
    normalised ray as in EG3D (0 = background); camera float32 [25]; factors float32 [K]; attributes; ten captions.
    """
    image: np.ndarray
    labels: np.ndarray
    scribble: np.ndarray
    depth: np.ndarray
    camera: np.ndarray
    factors: np.ndarray
    attributes: dict
    captions: list
    identity: int
    state: int
    view: int
    index: int


@dataclass
class Surface:
    """What rays saw, one row per hit ray: `ray` index, world `point`, `normal`, `view`, `chart`, `extra`, `material`, `distance`."""
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
    back = (normal * view).sum(1) > 0
    normal = np.where(back[:, None] & (scene.material[face[hit]] != MATERIALS.index('skin'))[:, None], -normal, normal)
    return Surface(hit, origin + view * distance[hit, None], normal, view, blend(scene.chart), blend(scene.extra), scene.material[face[hit]], distance[hit])


def paint(surface, traits, f):
    """Per hit: colour [N,3] sRGB, gloss, label, scatter (1 skin), open sky share, and hair's strand data."""
    count = len(surface.ray)
    colour, gloss, label = np.zeros((count, 3)), np.zeros(count), np.zeros(count, np.int64)
    scatter, sky = np.zeros(count), np.full(count, .85)
    strand = (np.zeros(0, np.int64), None, None)
    for code in np.unique(surface.material):
        rows, name = np.flatnonzero(surface.material == code), MATERIALS[code]
        chart, extra = surface.chart[rows].astype(np.float64), surface.extra[rows].astype(np.float64)
        if name == 'skin':
            colour[rows], gloss[rows], label[rows], hairy, cloth = paint_skin(chart, extra, traits, f)
            scatter[rows], sky[rows] = np.where(cloth, 0, 1 - hairy), .25 + .75 * extra[:, 2] * (1 - .35 * np.clip(extra[:, 3] + .6, 0, 1))
            continue
        label[rows] = index(PART_LABELS[name])
        if name in ('eye_l', 'eye_r'):
            colour[rows], gloss[rows], sky[rows] = materials.paint_eye(chart, traits, f, 1 if name == 'eye_l' else -1), 1.2, .8
            label[rows] = index('l_eye' if name == 'eye_l' else 'r_eye')
        elif name == 'hair':
            colour[rows], direction, height = materials.paint_hair(chart, extra, traits, f)
            sky[rows] = .35 + .55 * extra[:, 3]
            strand = (rows, direction, height)
        elif name == 'cap':
            colour[rows], sky[rows] = materials.paint_cap(chart, extra, traits, f), .6
        else:
            colour[rows], gloss[rows] = materials.paint_part(name, chart, extra, traits, f)
            if name in ('cavity', 'teeth', 'tongue'):
                sky[rows] = .75 if name == 'teeth' else .5
                inside_eye = chart[:, 1] > -4
                if name == 'cavity':
                    colour[rows[inside_eye]] = [.55, .30, .28]
                    label[rows[inside_eye]] = np.where(chart[inside_eye, 0] > 0, index('l_eye'), index('r_eye'))
    return colour, gloss, label, scatter, sky, strand


def soft_shadow(scene, surface, light, rays):
    """Share [N] of the key light blocked; neighbouring rays look at slightly different points of the lamp."""
    start = surface.point + surface.normal * 5e-3 - surface.view * 1e-3
    side = np.cross(light.key, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, light.key)
    size = int(len(rays) ** .5)
    cell = (surface.ray // size % 2) * 2 + surface.ray % size % 2
    shade = np.zeros(len(surface.ray))
    for k, (a, b) in enumerate(((-1, -.4), (.4, -1), (-.4, 1), (1, .4))):
        rows = np.flatnonzero(cell == k)
        direction = light.key + .06 * (a * side + b * up)
        shade[rows] = scene.mesh.shadowed(start[rows], direction / np.linalg.norm(direction))
    return shade


def shade_surface(scene, surface, traits, f, light, rays, domain):
    """(sRGB colour [N,3], label [N]) of every hit."""
    colour, gloss, label, scatter, sky, (rows, direction, height) = paint(surface, traits, f)
    shade = soft_shadow(scene, surface, light, rays)
    centimetres = (surface.point - WORLD_OFFSET) / WORLD_SCALE
    if domain != 'photo':
        colour = lighting.restyle(colour, domain, centimetres, colour.mean(1), f)
        gloss = np.full(len(gloss), {'marble': .7, 'clay': .08, 'toon': .15}[domain])
        scatter = scatter * 0 + (.5 if domain == 'marble' else 0)
    normal = surface.normal
    if len(rows):
        normal = normal.copy()
        side = np.cross(direction, normal[rows])
        normal[rows] += .12 * side * height[:, None]
        normal[rows] /= np.linalg.norm(normal[rows], axis=1, keepdims=True)
    if domain == 'toon':
        return toon(colour, normal, light, shade, sky), label
    linear = lighting.illuminate(lighting.linear(colour), normal, surface.view, gloss, sky, shade, light, scatter[:, None])
    if len(rows) and domain == 'photo':
        sheen = lighting.hair_sheen(direction, normal[rows], surface.view[rows], height, light, shade[rows])
        linear[rows] += sheen * (lighting.linear(colour[rows]) * .9 + .03) * light.key_colour
    return lighting.develop(linear), label


def toon(colour, normal, light, shade, sky):
    """Flat cel shading: three bands."""
    lit = (normal @ light.key) * .5 + .5 - .35 * shade - .2 * (1 - sky)
    band = np.where(lit > .62, 1.06, np.where(lit > .36, .84, .62))
    return np.clip(colour * band[:, None] * np.where(band[:, None] < .8, [[.96, .93, 1.06]], [[1, 1, 1]]), 0, 1)


def look_through(scene, origin, rays, pixels, label, depth, traits, light):
    """Lay the lenses of glasses over the picture; eyes and brows stay labelled behind clear ones."""
    lens = see(scene.lens, origin, rays)
    front = (depth[lens.ray] == 0) | (lens.distance < depth[lens.ray])
    rays_hit, chart, normal = lens.ray[front], lens.chart[front], lens.normal[front]
    if traits.glasses == 'sunglasses':
        tint = np.array([.07, .065, .07]) + .10 * (chart[:, 1:2] < -.2) * (-.2 - chart[:, 1:2])
        pixels[rays_hit] = pixels[rays_hit] * .10 + tint
        label[rays_hit] = index('eye_g')
        depth[rays_hit] = lens.distance[front]
    else:
        pixels[rays_hit] *= .95
        kept = np.isin(label[rays_hit], [index(n) for n in ('l_eye', 'r_eye', 'l_brow', 'r_brow', 'hair', 'hat', 'background')])
        label[rays_hit] = np.where(kept, label[rays_hit], index('eye_g'))
    streak = np.exp(-((chart[:, 0] * .8 + chart[:, 1] - .55 + .6 * light.key[0]) / .13) ** 2)
    pixels[rays_hit] = np.clip(pixels[rays_hit] + (.20 if traits.glasses == 'sunglasses' else .12) * streak[:, None], 0, 1)


def render_view(scene, traits, f, label25, resolution, domain, key):
    """One view: image uint8, labels uint8, scribble uint8, depth float32, all [R,R]."""
    size = resolution * SUPERSAMPLING
    origin, rays = cameras.rays(label25, size)
    surface = see(scene, origin, rays)
    light = lighting.decide_light(f)
    pixels = lighting.backdrop(f, size, domain)
    label, depth, normal = np.zeros(size * size, np.int64), np.zeros(size * size, np.float32), np.tile(np.float32([0, 0, 1]), (size * size, 1))
    pixels[surface.ray], label[surface.ray] = shade_surface(scene, surface, traits, f, light, rays, domain)
    depth[surface.ray], normal[surface.ray] = surface.distance, surface.normal
    if scene.lens is not None:
        look_through(scene, origin, rays, pixels, label, depth, traits, light)
    square = lambda rows: rows.reshape(size, size, *rows.shape[1:])
    sketch = scribble(square(label), square(depth), square(normal), resolution, key)
    if domain == 'toon':
        from gantoolkit_annyfaces.scribble import edges
        pixels = pixels * (1 - .8 * edges(square(label), square(depth), square(normal)).reshape(-1, 1))
    image = square(pixels).reshape(resolution, SUPERSAMPLING, resolution, SUPERSAMPLING, 3).mean((1, 3))
    labels, chosen = majority(square(label), resolution)
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8), labels, sketch, pick_depth(square(depth), chosen, resolution)


def blocks(rows, resolution):
    """[S,S] to [R,R,s²]: the rays of every pixel."""
    s = rows.shape[0] // resolution
    return rows.reshape(resolution, s, resolution, s).transpose(0, 2, 1, 3).reshape(resolution, resolution, s * s)


def majority(label, resolution):
    """Most frequent label of every pixel's rays [R,R] uint8, thin parts winning ties; and which rays have it [R,R,s²]."""
    cells = blocks(label, resolution)
    count = (cells[..., :, None] == cells[..., None, :]).sum(-1) * 32 + PRIORITY[cells]
    best = np.take_along_axis(cells, count.argmax(-1)[..., None], -1)
    return best[..., 0].astype(np.uint8), cells == best


def pick_depth(depth, chosen, resolution):
    """Mean distance [R,R] float32 of the rays that carry the pixel's label."""
    cells = blocks(depth, resolution)
    return ((cells * chosen).sum(-1) / chosen.sum(-1)).astype(np.float32)


# Thin classes win ties so that they do not vanish at 64 px.
PRIORITY = np.array([{'background': 0, 'skin': 1, 'neck': 1, 'cloth': 2, 'hair': 2}.get(name, 3) + k / 32 for k, name in enumerate(CLASSES)])


@lru_cache(maxsize=2)
def prepared(seed, identity, state):
    """(factors, traits, scene) of one state; kept for its other views."""
    vector = draw(seed, identity, state)
    f = Factors(vector)
    traits = decide(f)
    return vector, f, traits, build_scene(traits, f)


def render_sample(index, *, seed=0, start=0, states=1, views=1, resolution=64, domain='photo'):
    """Render sample `index` (0, 1, …) as a `FaceSample`; a pure function of its arguments."""
    if domain not in lighting.DOMAINS:
        raise ValueError(f"There is no style domain '{domain}'; the domains are {', '.join(lighting.DOMAINS)}.")
    identity, state, view = split_index(index, start, states, views)
    vector, f, traits, scene = prepared(seed, identity, state)
    label25 = cameras.look_at(*cameras.angles(draw_camera(seed, identity, state, view)))
    key = (seed, identity, 3, state, view)
    image, labels, sketch, depth = render_view(scene, traits, f, label25, resolution, domain, key)
    attributes = describe(traits, f)
    return FaceSample(image, labels, sketch, depth, label25, vector, attributes, write_captions(attributes, (seed, identity, 4, state)),
                      identity, state, view, index)
