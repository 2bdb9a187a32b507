"""Smooth pseudo-random fields: two octaves of gradient noise, computed by Warp on the CPU."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gantoolkit_annyfaces.raycast import kernels, warp_array


@lru_cache(maxsize=1)
def kernel():
    """Compile the kernel, once per machine, and return it."""
    import warp as wp

    kernels()  # configures and starts Warp

    @wp.kernel(enable_backward=False, module="unique")
    def fbm(
        points: wp.array(dtype=wp.vec3),
        frequency: float,
        seed: int,
        out: wp.array(dtype=float),
    ):
        i = wp.tid()
        state = wp.rand_init(seed)
        p = points[i] * frequency
        x = 0.8 * p[0] + 0.6 * p[2]
        z = 0.8 * p[2] - 0.6 * p[0]
        turned = wp.vec3(x, p[1], z)
        q = turned * 1.93 + wp.vec3(11.3, 5.7, 3.1)
        out[i] = 2.3 * wp.noise(state, p) + 1.1 * wp.noise(state, q)

    return fbm


def noise(points, frequency, seed):
    """Sample a field at points [N,3]: float64 [N], about −1..1, standard deviation about 0.6.

    frequency is in cells per unit of length.
    """
    import warp as wp

    fbm = kernel()
    count = len(points)
    out = wp.zeros(count, dtype=float, device="cpu")
    if count:
        inputs = [warp_array(points, wp.vec3), float(frequency), int(seed), out]
        wp.launch(fbm, count, device="cpu", inputs=inputs)
    return out.numpy().astype(np.float64)
