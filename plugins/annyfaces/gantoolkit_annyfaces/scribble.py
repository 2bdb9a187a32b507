"""A hand-like scribble from what the rays saw: edges, wobbled and broken."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter

from gantoolkit.core.labels import index
from gantoolkit_annyfaces.factors import stream

# Each axis compares a ray with the next one along it: (this one, the next one).
NEIGHBORS = (
    (np.s_[:-1], np.s_[1:]),
    (np.s_[:, :-1], np.s_[:, 1:]),
)


def edges(label, depth, normal):
    """Measure the strength [S,S] 0..1 of edges at ray resolution.

    label and depth are [S,S], normal [S,S,3]; depth 0 is background.
    """
    strength = np.zeros(label.shape, np.float32)
    is_nose = label == index("nose")
    label = np.where(is_nose, index("skin"), label)  # nobody draws the sides of a nose
    far = np.where(depth > 0, depth, 3.4)
    strands = label == index("hair")
    reach = max(3, label.shape[0] // 36)
    mass = uniform_filter(strands.astype(np.float32), reach) > 0.5  # hair without single wisps
    for here, there in NEIGHBORS:
        wisp = strands[here] | strands[there]
        step = np.where(wisp, 0.0, label[here] != label[there])
        depth_step = abs(far[here] - far[there]) / 0.04 - 0.5
        step = np.maximum(step, np.clip(depth_step, 0, 1))
        cosine = (normal[here] * normal[there]).sum(-1)
        fold = (1 - cosine) * 2.2 - 0.55
        step = np.maximum(step, np.clip(fold, 0, 0.8))
        step = np.where(wisp, 0, step)
        step = np.maximum(step, mass[here] != mass[there])
        strength[here] = np.maximum(strength[here], step)
    return strength


def scribble(label, depth, normal, size, key):
    """Draw a white-on-black scribble: uint8 [size,size], soft, 0..255.

    From label and depth [S,S] and normal [S,S,3] of rays; `key` (integers) seeds the hand.
    """
    hand = stream(*key)
    rays = label.shape[0]

    def wander(cells):
        return zoom_noise(hand.standard_normal((cells, cells)), rays)

    strength = edges(label, depth, normal)
    wobble = rays / 64 * 0.55
    pixel = np.arange(rays)
    rows, columns = np.meshgrid(pixel, pixel, indexing="ij")
    place = [rows + wobble * wander(9), columns + wobble * wander(9)]
    moved = map_coordinates(strength, place, order=1, mode="nearest")
    pressure = np.clip(1.15 + 0.55 * wander(13), 0, 1)
    is_drawn = wander(17) > -1.55
    soft = gaussian_filter(moved, rays / 256 * 0.9)
    line = np.clip(soft * 2.0, 0, 1) * (pressure * is_drawn)
    step = rays // size
    if step > 1:
        line = line.reshape(size, step, size, step).mean((1, 3))
    line = np.clip(line * 1.5, 0, 1)
    return (line * 255).round().astype(np.uint8)


def zoom_noise(cells, size):
    """Interpolate cell values [n,n] smoothly to [size,size]."""
    grid = np.linspace(0, cells.shape[0] - 1, size)
    low = np.minimum(grid.astype(int), cells.shape[0] - 2)
    t = grid - low
    t = t * t * (3 - 2 * t)
    down = t[:, None]
    rows = cells[low] * (1 - down) + cells[low + 1] * down
    return rows[:, low] * (1 - t) + rows[:, low + 1] * t
