"""Rays to images: casts, paints and downsamples one view of a scene."""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit.core.labels import CLASSES
from gantoolkit_annyfaces import camera as cameras
from gantoolkit_annyfaces import lighting
from gantoolkit_annyfaces.attributes import describe
from gantoolkit_annyfaces.captions import write_captions
from gantoolkit_annyfaces.factors import Factors, draw_camera
from gantoolkit_annyfaces.identities import split_index
from gantoolkit_annyfaces.rare import draw_state
from gantoolkit_annyfaces.scene import build_scene
from gantoolkit_annyfaces.scribble import scribble
from gantoolkit_annyfaces.shading import look_through, see, shade_surface
from gantoolkit_annyfaces.traits import decide

SHADINGS = ('full', 'fast')


def supersampling(resolution):
    """Rays per pixel and axis: small pictures need more to stay readable."""
    return 2 if resolution >= 96 else 4


@dataclass
class FaceSample:
    """One rendered sample.

    image uint8 [R,R,3]; labels uint8 [R,R] (0..18); scribble uint8 [R,R]; depth float32 [R,R], the distance along the
    normalised ray as in EG3D (0 = background); camera float32 [25]; factors float32 [K]; attributes; captions.
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


def render_view(scene, traits, f, label25, resolution, domain, key, fast=False):
    """One view, with soft shadows, spread light and uneven skin unless `fast`.

    Returns image uint8 [R,R,3], labels uint8, scribble uint8, depth float32, each [R,R].
    """
    rays_wide = supersampling(resolution)
    size = resolution * rays_wide
    origin, rays = cameras.rays(label25, size)
    surface = see(scene, origin, rays)
    light = lighting.decide_light(f)
    pixels = lighting.backdrop(f, size, domain)
    label, depth, normal = (np.zeros(size * size, np.int64), np.zeros(size * size, np.float32),
                            np.tile(np.float32([0, 0, 1]), (size * size, 1)))
    pixels[surface.ray], label[surface.ray] = shade_surface(scene, surface, traits, f, light, size, domain, fast)
    depth[surface.ray], normal[surface.ray] = surface.distance, surface.normal
    if scene.lens is not None:
        look_through(scene, origin, rays, pixels, label, depth, traits, light, domain)
    square = lambda rows: rows.reshape(size, size, *rows.shape[1:])
    sketch = scribble(square(label), square(depth), square(normal), resolution, key)
    if domain == 'toon':
        from gantoolkit_annyfaces.scribble import edges
        pixels = pixels * (1 - .8 * edges(square(label), square(depth), square(normal)).reshape(-1, 1))
    image = square(pixels).reshape(resolution, rays_wide, resolution, rays_wide, 3).mean((1, 3))
    labels, chosen = majority(square(label), resolution)
    return ((np.clip(image, 0, 1) * 255).round().astype(np.uint8), labels, sketch,
            pick_depth(square(depth), chosen, resolution))


def blocks(rows, resolution):
    """[S,S] to [R,R,s²]: the rays of every pixel."""
    s = rows.shape[0] // resolution
    return rows.reshape(resolution, s, resolution, s).transpose(0, 2, 1, 3).reshape(resolution, resolution, s * s)


def majority(label, resolution):
    """Most frequent label of every pixel's rays [R,R] uint8, thin parts winning ties; which rays have it [R,R,s²]."""
    cells = blocks(label, resolution)
    count = (cells[..., :, None] == cells[..., None, :]).sum(-1) * 32 + PRIORITY[cells]
    best = np.take_along_axis(cells, count.argmax(-1)[..., None], -1)
    return best[..., 0].astype(np.uint8), cells == best


def pick_depth(depth, chosen, resolution):
    """Mean distance [R,R] float32 of the rays that carry the pixel's label."""
    cells = blocks(depth, resolution)
    return ((cells * chosen).sum(-1) / chosen.sum(-1)).astype(np.float32)


# Thin classes win ties so that they do not vanish at 64 px.
PRIORITY = np.array([{'background': 0, 'skin': 1, 'neck': 1, 'cloth': 2, 'hair': 2}.get(name, 3) + k / 32
                     for k, name in enumerate(CLASSES)])


@lru_cache(maxsize=2)
def prepared(seed, identity, state, fast=False, rare=1.0):
    """(factors, traits, scene) of one state; kept for its other views."""
    vector = draw_state(seed, identity, state, rare)
    f = Factors(vector)
    traits = decide(f)
    return vector, f, traits, build_scene(traits, f, fast)


def render_sample(index, *, seed=0, start=0, states=1, views=1, resolution=64, domain='photo', shading='full',
                  rare=1.0):
    """Render sample `index` (0, 1, …) as a `FaceSample`; a pure function of its arguments."""
    if domain not in lighting.DOMAINS:
        raise ValueError(f"There is no style domain '{domain}'; the domains are {', '.join(lighting.DOMAINS)}.")
    if shading not in SHADINGS:
        raise ValueError(f"There is no shading '{shading}'; choose {' or '.join(SHADINGS)}.")
    fast = shading == 'fast'
    identity, state, view = split_index(index, start, states, views)
    vector, f, traits, scene = prepared(seed, identity, state, fast, float(rare))
    label25 = cameras.look_at(*cameras.angles(draw_camera(seed, identity, state, view)))
    key = (seed, identity, 3, state, view)
    image, labels, sketch, depth = render_view(scene, traits, f, label25, resolution, domain, key, fast)
    attributes = describe(traits, f)
    captions = write_captions(attributes, (seed, identity, 4, state), domain)
    return FaceSample(image, labels, sketch, depth, label25, vector, attributes, captions, identity, state, view,
                      index)
