"""Smooth pseudo-random fields: two octaves of gradient noise, computed by Warp on the CPU."""
from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=1)
def kernel():
    """Compile once per machine and return the kernel."""
    import warp as wp

    from gantoolkit_annyfaces.raycast import kernels
    kernels()

    @wp.kernel(enable_backward=False, module='unique')
    def fbm(points: wp.array(dtype=wp.vec3), frequency: float, seed: int, out: wp.array(dtype=float)):
        i = wp.tid()
        state = wp.rand_init(seed)
        p = points[i] * frequency
        q = wp.vec3(0.8 * p[0] + 0.6 * p[2], p[1], 0.8 * p[2] - 0.6 * p[0]) * 1.93 + wp.vec3(11.3, 5.7, 3.1)
        out[i] = 2.3 * wp.noise(state, p) + 1.1 * wp.noise(state, q)

    return fbm


def noise(points, frequency, seed):
    """Values [N] float64 at points [N,3], about −1..1, standard deviation about 0.6; `frequency` in cells per unit."""
    import warp as wp
    made = kernel()
    out = wp.zeros(len(points), dtype=float, device='cpu')
    if len(points):
        rows = wp.array(np.ascontiguousarray(points, np.float32), dtype=wp.vec3, device='cpu')
        wp.launch(made, len(points), device='cpu', inputs=[rows, float(frequency), int(seed), out])
    return out.numpy().astype(np.float64)
