"""Rays to images: casts, paints and downsamples one view of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gantoolkit.core.labels import CLASSES
from gantoolkit_annyfaces import camera as cameras
from gantoolkit_annyfaces.attributes import describe
from gantoolkit_annyfaces.backdrop import backdrop
from gantoolkit_annyfaces.captions import write_captions
from gantoolkit_annyfaces.domains import DOMAINS
from gantoolkit_annyfaces.factors import Factors, draw_camera
from gantoolkit_annyfaces.identities import split_index
from gantoolkit_annyfaces.lighting import decide_light
from gantoolkit_annyfaces.rare import draw_state
from gantoolkit_annyfaces.scene import build_scene
from gantoolkit_annyfaces.scribble import edges, scribble
from gantoolkit_annyfaces.shading import look_through, shade_surface
from gantoolkit_annyfaces.surface import see
from gantoolkit_annyfaces.traits import decide

SHADINGS = ("full", "fast")
# Thin classes win ties so that they do not vanish at 64 px.
RANKS = {"background": 0, "skin": 1, "neck": 1, "cloth": 2, "hair": 2}
PRIORITY = np.array([RANKS.get(name, 3) + k / 32 for k, name in enumerate(CLASSES)])


@dataclass
class FaceSample:
    """Hold one rendered sample of R × R pixels."""

    image: np.ndarray  # uint8 [R,R,3]
    labels: np.ndarray  # uint8 [R,R], 0..18
    scribble: np.ndarray  # uint8 [R,R]
    depth: np.ndarray  # float32 [R,R], along the normalized ray as in EG3D; 0 is background
    camera: np.ndarray  # float32 [25]
    factors: np.ndarray  # float32 [K]
    attributes: dict
    captions: list
    identity: int
    state: int
    view: int
    index: int


@dataclass
class Traced:
    """Hold what size × size rays brought, one row a ray."""

    size: int
    pixels: np.ndarray  # [size²,3] sRGB
    label: np.ndarray  # [size²]
    depth: np.ndarray  # [size²], 0 is background
    normal: np.ndarray  # [size²,3]

    def square(self, rows):
        """Arrange rows as a picture [size,size,…]."""
        return rows.reshape(self.size, self.size, *rows.shape[1:])

    def seen(self):
        """Arrange what edges are drawn from: (label, depth, normal), each [size,size,…]."""
        return self.square(self.label), self.square(self.depth), self.square(self.normal)


def supersampling(resolution):
    """Choose how many rays a pixel gets along each side; small pictures need more."""
    return 2 if resolution >= 96 else 4


def trace(
    scene,
    traits,
    f,
    label25,
    size,
    domain,
    fast,
):
    """Cast size × size rays of a camera label [25] and shade what they see, as `Traced`."""
    origin, rays = cameras.rays(label25, size)
    surface = see(scene, origin, rays)
    light = decide_light(f)
    count = size * size
    traced = Traced(
        size=size,
        pixels=backdrop(f, size, domain),
        label=np.zeros(count, np.int64),
        depth=np.zeros(count, np.float32),
        normal=np.tile(np.float32([0, 0, 1]), (count, 1)),
    )
    color, label = shade_surface(scene, surface, traits, f, light, size, domain, fast)
    traced.pixels[surface.ray] = color
    traced.label[surface.ray] = label
    traced.depth[surface.ray] = surface.distance
    traced.normal[surface.ray] = surface.normal
    if scene.lens is not None:
        look_through(
            scene,
            origin,
            rays,
            traced.pixels,
            traced.label,
            traced.depth,
            traits,
            light,
            domain,
        )
    return traced


def render_view(
    scene,
    traits,
    f,
    label25,
    resolution,
    domain,
    key,
    fast=False,
):
    """Render one view, with soft shadows, light below skin and uneven skin unless `fast`.

    label25 is the camera; key (integers) seeds the hand of the scribble. Returns image uint8
    [R,R,3], labels uint8, scribble uint8, depth float32, each [R,R].
    """
    rays_wide = supersampling(resolution)
    traced = trace(scene, traits, f, label25, resolution * rays_wide, domain, fast)
    sketch = scribble(*traced.seen(), resolution, key)
    pixels = traced.pixels
    if domain == "toon":
        outline = edges(*traced.seen()).reshape(-1, 1)
        pixels = pixels * (1 - 0.8 * outline)
    grid = traced.square(pixels).reshape(resolution, rays_wide, resolution, rays_wide, 3)
    image = np.clip(grid.mean((1, 3)), 0, 1) * 255
    labels, chosen = majority(traced.square(traced.label), resolution)
    depth = pick_depth(traced.square(traced.depth), chosen, resolution)
    return image.round().astype(np.uint8), labels, sketch, depth


def blocks(rows, resolution):
    """Group a picture of rays [S,S] by pixels: [R,R,s²]."""
    s = rows.shape[0] // resolution
    grid = rows.reshape(resolution, s, resolution, s).transpose(0, 2, 1, 3)
    return grid.reshape(resolution, resolution, s * s)


def majority(label, resolution):
    """Choose the most frequent label of every pixel's rays; thin parts win ties.

    Returns labels [R,R] uint8, and which rays have the chosen one [R,R,s²].
    """
    cells = blocks(label, resolution)
    votes = (cells[..., :, None] == cells[..., None, :]).sum(-1)
    best = (votes * 32 + PRIORITY[cells]).argmax(-1)[..., None]
    chosen = np.take_along_axis(cells, best, -1)
    return chosen[..., 0].astype(np.uint8), cells == chosen


def pick_depth(depth, chosen, resolution):
    """Average the distance [R,R] float32 of the rays that carry the pixel's label."""
    cells = blocks(depth, resolution)
    total = (cells * chosen).sum(-1)
    return (total / chosen.sum(-1)).astype(np.float32)


@lru_cache(maxsize=2)
def prepared(seed, identity, state, fast=False, rare=1.0):
    """Prepare one state and keep it for its other views: (vector, `Factors`, `Traits`, `Scene`)."""
    vector = draw_state(seed, identity, state, rare)
    f = Factors(vector)
    traits = decide(f)
    return vector, f, traits, build_scene(traits, f, fast)


def check_choice(kind, chosen, known):
    """Raise ValueError unless `chosen` is one of the `known` words."""
    if chosen not in known:
        raise ValueError(f"There is no {kind} '{chosen}'; choose {', '.join(known)}.")


def render_sample(
    index,
    *,
    seed=0,
    start=0,
    states=1,
    views=1,
    resolution=64,
    domain="photo",
    shading="full",
    rare=1.0,
):
    """Render sample `index` (0, 1, …) as a `FaceSample`; a pure function of its arguments.

    start is the first identity, each has `states` states with `views` cameras; `rare` multiplies
    the odds of rare things. Raises ValueError for an unknown domain or shading.
    """
    check_choice("style domain", domain, DOMAINS)
    check_choice("shading", shading, SHADINGS)
    fast = shading == "fast"
    identity, state, view = split_index(index, start, states, views)
    vector, f, traits, scene = prepared(seed, identity, state, fast, float(rare))
    yaw, pitch = cameras.angles(draw_camera(seed, identity, state, view))
    label25 = cameras.look_at(yaw, pitch)
    key = (seed, identity, 3, state, view)
    image, labels, sketch, depth = render_view(
        scene, traits, f, label25, resolution, domain, key, fast
    )
    attributes = describe(traits, f)
    return FaceSample(
        image=image,
        labels=labels,
        scribble=sketch,
        depth=depth,
        camera=label25,
        factors=vector,
        attributes=attributes,
        captions=write_captions(attributes, (seed, identity, 4, state), domain),
        identity=identity,
        state=state,
        view=view,
        index=index,
    )
