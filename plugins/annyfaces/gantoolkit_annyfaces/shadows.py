"""Effects between neighboring rays: soft shadows, light below skin, and uneven skin."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from gantoolkit_annyfaces.noise import noise
from gantoolkit_annyfaces.surface import SKIN_CODE

# How far red, green and blue light travels below skin: standard deviation in cm.
REACH = (0.15, 0.07, 0.04)
PICTURE = 30.9  # cm, the width of the picture at the face
LAMP = 0.10  # radius of the key light, in units of its distance


def soft_shadow(scene, surface, light, size):
    """Measure the share [N] 0..1 of a round lamp that is blocked.

    Neighboring rays look at different points of the lamp, then are averaged; `size` is the number
    of rays along a side of the picture.
    """
    start = surface.point + surface.normal * 5e-3 - surface.view * 1e-3
    shade = scene.mesh.shadowed(start, lamp_directions(surface.ray, light, size))
    is_strand = surface.is_strand()

    def blur(grid):
        return uniform_filter(grid, 4, mode="constant")

    for group in (is_strand, ~is_strand):
        shade[group] = spread(surface.ray[group], shade[group], size, blur)
    return np.where(is_strand, 0.75 * shade, shade)


def lamp_directions(ray, light, size):
    """Aim each of N rays at one of 16 points of the lamp: unit directions [N,3]."""
    side = np.cross(light.key, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, light.key)
    k = (ray // size % 4) * 4 + ray % 4
    k = k * 7 % 16
    radius = LAMP * np.sqrt((k + 0.5) / 16)
    turn = k * 2.39996
    across = (radius * np.cos(turn))[:, None] * side
    upwards = (radius * np.sin(turn))[:, None] * up
    direction = light.key + across + upwards
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return direction


def spread(ray, values, size, blur):
    """Average values [N] of rays by `blur` over the picture [size,size], among these rays alone."""
    grid = np.zeros(size * size, np.float32)
    weight = np.zeros(size * size, np.float32)
    grid[ray] = values
    weight[ray] = 1
    total = blur(grid.reshape(size, size)).ravel()[ray]
    count = blur(weight.reshape(size, size)).ravel()[ray]
    return total / (count + 1e-6)


def below_skin(surface, received, scatter, size):
    """Let light [N,3] that reached skin spread sideways before it leaves again, red farthest.

    Changes `received` and returns it.
    """
    rows = np.flatnonzero(scatter > 0.3)
    if not len(rows):
        return received
    share = np.minimum(1, scatter[rows] * 1.2)
    for channel, reach in enumerate(REACH):
        sigma = reach * size / PICTURE

        def blur(grid, sigma=sigma):
            return gaussian_filter(grid, sigma, mode="constant", truncate=2.5)

        soft = spread(surface.ray[rows], received[rows, channel], size, blur)
        received[rows, channel] += (soft - received[rows, channel]) * share
    return received


def bumps(surface, normal, scatter):
    """Add the fine unevenness of skin and cloth to normals [N,3]; changes and returns them."""
    rows = np.flatnonzero(surface.material == SKIN_CODE)
    chart = surface.chart[rows]
    amount = (0.018 + 0.022 * (scatter[rows] > 0))[:, None]
    fields = [noise(chart, 4.5, 50 + axis) for axis in range(3)]
    normal[rows] += amount * np.stack(fields, 1)
    normal[rows] /= np.linalg.norm(normal[rows], axis=1, keepdims=True)
    return normal
