"""Light on painted surfaces, and lenses before them."""

from __future__ import annotations

import numpy as np

from gantoolkit.core.labels import index
from gantoolkit_annyfaces import domains, lighting, materials
from gantoolkit_annyfaces.painting import paint
from gantoolkit_annyfaces.parts import WORLD_OFFSET, WORLD_SCALE, bell
from gantoolkit_annyfaces.shadows import below_skin, bumps, soft_shadow
from gantoolkit_annyfaces.surface import see

DARK_LENS = np.array([0.07, 0.065, 0.07])
# What keeps its label behind clear glasses.
SEEN_THROUGH = [
    index(name) for name in ("l_eye", "r_eye", "l_brow", "r_brow", "hair", "hat", "background")
]


def shade_surface(
    scene,
    surface,
    traits,
    f,
    light,
    size,
    domain,
    fast=False,
):
    """Shade every hit of a `Surface`: (sRGB color [N,3], label [N]).

    size is the number of rays along a side of the picture; `fast` leaves out soft shadows, light
    below skin and bumps.
    """
    painted = paint(surface, traits, f, light)
    rows, direction, height = painted.joined_strands()
    shade = np.zeros(len(surface.ray)) if fast else soft_shadow(scene, surface, light, size)
    shade[rows] *= 1 - 0.45 * materials.lightness(traits.hair)  # light passes through pale strands
    if domain != "photo":
        restyle(painted, surface, f, domain)
    color = painted.color
    normal = surface.normal.astype(np.float64)
    if domain == "toon":
        return domains.toon(color, normal, light, shade, painted.sky), painted.label
    if domain == "photo" and not fast:
        normal = bumps(surface, normal, painted.scatter)
    received, shine = lighting.illuminate(
        normal,
        surface.view,
        painted.gloss,
        painted.sky,
        shade,
        light,
        painted.scatter[:, None],
    )
    if not fast:
        received = below_skin(surface, received, painted.scatter, size)
    linear = lighting.linear(color) * received + shine
    if len(rows) and domain == "photo":
        sheen = lighting.hair_sheen(
            direction, normal[rows], surface.view[rows], height, light, shade[rows]
        )
        linear[rows] += sheen * (lighting.linear(color[rows]) + 0.025) * light.key_color
    return lighting.develop(linear), painted.label


def restyle(painted, surface, f, domain):
    """Change what is painted into another style domain."""
    point = (surface.point - WORLD_OFFSET) / WORLD_SCALE
    painted.color = domains.restyle(painted.color, domain, point, f)
    painted.gloss = np.full(len(painted.gloss), domains.GLOSS[domain])
    painted.scatter = np.full(len(painted.scatter), float(domains.SCATTER[domain]))


def look_through(
    scene,
    origin,
    rays,
    pixels,
    label,
    depth,
    traits,
    light,
    domain,
):
    """Lay the lenses of glasses over the picture; changes pixels, label and depth, one row a ray.

    Eyes and brows stay labelled behind clear ones; dark ones hide them.
    """
    lens = see(scene.lens, origin, rays)
    behind = depth[lens.ray]
    is_front = (behind == 0) | (lens.distance < behind)
    hit = lens.ray[is_front]
    chart = lens.chart[is_front]
    if traits.glasses == "sunglasses":
        streak_strength = 0.20
        pixels[hit] = through_dark_lens(pixels[hit], chart, domain)
        label[hit] = index("eye_g")
        depth[hit] = lens.distance[is_front]
    else:
        streak_strength = 0.12
        pixels[hit] *= 0.95
        is_kept = np.isin(label[hit], SEEN_THROUGH)
        label[hit] = np.where(is_kept, label[hit], index("eye_g"))
    x = chart[:, 0]
    y = chart[:, 1]
    across = x * 0.8 + y - 0.55 + 0.6 * light.key[0]
    streak = streak_strength * bell(across / 0.13)[:, None]
    pixels[hit] = np.clip(pixels[hit] + streak, 0, 1)


def through_dark_lens(behind, chart, domain):
    """Darken colors [N,3] behind sunglasses; stone ones are only less light."""
    if domain in domains.STONE:
        return behind * 0.55
    height = chart[:, 1:2]
    lighter_below = 0.10 * (height < -0.2) * (-0.2 - height)
    return behind * 0.10 + (DARK_LENS + lighter_below)
