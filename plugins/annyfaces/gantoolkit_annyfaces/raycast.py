"""Nearest hits and shadows of rays on a triangle mesh, by Warp on the CPU."""
from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=1)
def kernels():
    """Compile (once per machine, Warp caches the result) and return the module's two kernels."""
    import warp as wp

    wp.config.quiet = True
    wp.config.log_level = getattr(wp, 'LOG_ERROR', 40)
    wp.init()

    @wp.kernel(enable_backward=False, module='unique')
    def nearest(mesh: wp.uint64, origin: wp.vec3, direction: wp.array(dtype=wp.vec3), far: float,
                face: wp.array(dtype=int), bary: wp.array(dtype=wp.vec2), distance: wp.array(dtype=float)):
        i = wp.tid()
        hit = wp.mesh_query_ray(mesh, origin, direction[i], far)
        if hit.result:
            face[i] = hit.face
            bary[i] = wp.vec2(hit.u, hit.v)
            distance[i] = hit.t
        else:
            face[i] = -1

    @wp.kernel(enable_backward=False, module='unique')
    def blocked(mesh: wp.uint64, start: wp.array(dtype=wp.vec3), direction: wp.array(dtype=wp.vec3), far: float,
                out: wp.array(dtype=float)):
        i = wp.tid()
        hit = wp.mesh_query_ray(mesh, start[i], direction[i], far)
        if hit.result:
            out[i] = 1.0

    @wp.kernel(enable_backward=False, module='unique')
    def occlusion(mesh: wp.uint64, start: wp.array(dtype=wp.vec3), normal: wp.array(dtype=wp.vec3),
                  directions: wp.array(dtype=wp.vec3), far: float, out: wp.array(dtype=float)):
        i = wp.tid()
        total = float(0.0)
        open_sky = float(0.0)
        for k in range(directions.shape[0]):
            cosine = wp.dot(normal[i], directions[k])
            if cosine > 0.05:
                total += cosine
                hit = wp.mesh_query_ray(mesh, start[i], directions[k], far)
                if not hit.result:
                    open_sky += cosine
        out[i] = open_sky / wp.max(total, 1.0e-6)

    return nearest, blocked, occlusion


class Mesh:
    """A triangle mesh ready for ray queries. `vertices` [V,3] world, `faces` [F,3]."""

    def __init__(self, vertices, faces):
        import warp as wp

        kernels()
        self.wp = wp
        self.mesh = wp.Mesh(points=wp.array(np.ascontiguousarray(vertices, np.float32), dtype=wp.vec3, device='cpu'),
                            indices=wp.array(np.ascontiguousarray(faces, np.int32).ravel(), dtype=int, device='cpu'))

    def cast(self, origin, directions, far=10.0):
        """Nearest hit of rays from one origin [3]: face [N] (−1 for none), weights [N,3], distance [N] (0 for none)."""
        wp, count = self.wp, len(directions)
        face = wp.empty(count, dtype=int, device='cpu')
        bary = wp.zeros(count, dtype=wp.vec2, device='cpu')
        distance = wp.zeros(count, dtype=float, device='cpu')
        wp.launch(kernels()[0], count, device='cpu',
                  inputs=[self.mesh.id, wp.vec3(*map(float, origin)), self._vec(directions), far, face, bary, distance])
        uv = bary.numpy()
        return face.numpy(), np.concatenate([uv, 1 - uv.sum(1, keepdims=True)], 1), distance.numpy()

    def shadowed(self, points, direction, far=2.0):
        """1 where something lies between points [N,3] and the light in unit `direction` [N,3], else 0."""
        wp = self.wp
        out = wp.zeros(len(points), dtype=float, device='cpu')
        if len(points):
            wp.launch(kernels()[1], len(points), device='cpu',
                      inputs=[self.mesh.id, self._vec(points), self._vec(direction), far, out])
        return out.numpy()

    def ambient(self, points, normals, directions, far):
        """Cosine-weighted share [N] of `directions` [K,3] not blocked within `far`, for points and normals [N,3]."""
        wp = self.wp
        out = wp.zeros(len(points), dtype=float, device='cpu')
        wp.launch(kernels()[2], len(points), device='cpu',
                  inputs=[self.mesh.id, self._vec(points), self._vec(normals), self._vec(directions), far, out])
        return out.numpy()

    def _vec(self, rows):
        return self.wp.array(np.ascontiguousarray(rows, np.float32), dtype=self.wp.vec3, device='cpu')
