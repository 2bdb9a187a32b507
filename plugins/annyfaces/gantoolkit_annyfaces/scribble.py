"""A hand-like scribble from what the rays saw: edges of label, depth and normal, wobbled, broken and softened."""
from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter

from gantoolkit.core.labels import index
from gantoolkit_annyfaces.factors import stream


def edges(label, depth, normal):
    """Edge strength [S,S] 0..1 at ray resolution; depth 0 is background."""
    strength = np.zeros(label.shape, np.float32)
    label = np.where(label == index('nose'), index('skin'), label)      # nobody draws the sides of a nose
    far = np.where(depth > 0, depth, 3.4)
    strands = label == index('hair')
    mass = uniform_filter(strands.astype(np.float32), max(3, label.shape[0] // 36)) > .5     # hair without single wisps
    for axis in (0, 1):
        a, b = ((slice(None, -1), slice(1, None)) if axis == 0
                else ((slice(None), slice(None, -1)), (slice(None), slice(1, None))))
        wisp = strands[a] | strands[b]
        step = np.where(wisp, 0.0, label[a] != label[b])
        step = np.maximum(step, np.clip(abs(far[a] - far[b]) / .04 - .5, 0, 1))
        step = np.maximum(step, np.clip((1 - (normal[a] * normal[b]).sum(-1)) * 2.2 - .55, 0, .8))
        step = np.maximum(np.where(wisp, 0, step), mass[a] != mass[b])
        strength[a] = np.maximum(strength[a], step)
    return strength


def scribble(label, depth, normal, size, key):
    """White-on-black scribble [size,size] uint8 (0..255, soft); `key` seeds the hand.

    Drawn from label, depth [S,S] and normal [S,S,3].
    """
    hand = stream(*key)
    rays = label.shape[0]
    strength = edges(label, depth, normal)
    noise = lambda cells: zoom_noise(hand.standard_normal((cells, cells)), rays)
    wobble = rays / 64 * .55
    rows, cols = np.meshgrid(np.arange(rays), np.arange(rays), indexing='ij')
    moved = map_coordinates(strength, [rows + wobble * noise(9), cols + wobble * noise(9)], order=1, mode='nearest')
    pressure = np.clip(1.15 + .55 * noise(13), 0, 1) * (noise(17) > -1.55)
    line = np.clip(gaussian_filter(moved, rays / 256 * .9) * 2.0, 0, 1) * pressure
    step = rays // size
    line = line.reshape(size, step, size, step).mean((1, 3)) if step > 1 else line
    return (np.clip(line * 1.5, 0, 1) * 255).round().astype(np.uint8)


def zoom_noise(cells, size):
    """Cell values [n,n] interpolated smoothly to [size,size]."""
    grid = np.linspace(0, cells.shape[0] - 1, size)
    low = np.minimum(grid.astype(int), cells.shape[0] - 2)
    t = grid - low
    t = t * t * (3 - 2 * t)
    rows = cells[low] * (1 - t)[:, None] + cells[low + 1] * t[:, None]
    return rows[:, low] * (1 - t) + rows[:, low + 1] * t
