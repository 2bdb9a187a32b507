"""Nearest hits and shadows of rays on a triangle mesh, by Warp on the CPU."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def warp_array(rows, dtype):
    """Copy numbers into a contiguous Warp array of Warp's `dtype` on the CPU."""
    import warp as wp

    numpy_dtype = np.int32 if dtype is int else np.float32
    return wp.array(np.ascontiguousarray(rows, numpy_dtype), dtype=dtype, device="cpu")


@lru_cache(maxsize=1)
def kernels():
    """Compile the kernels and return them: (nearest, blocked, occlusion).

    Warp caches what it compiled, once per machine.
    """
    import warp as wp

    wp.config.quiet = True
    wp.config.log_level = getattr(wp, "LOG_ERROR", 40)
    wp.init()

    @wp.kernel(enable_backward=False, module="unique")
    def nearest(
        mesh: wp.uint64,
        origin: wp.vec3,
        direction: wp.array(dtype=wp.vec3),
        far: float,
        face: wp.array(dtype=int),
        bary: wp.array(dtype=wp.vec2),
        distance: wp.array(dtype=float),
    ):
        i = wp.tid()
        hit = wp.mesh_query_ray(mesh, origin, direction[i], far)
        if hit.result:
            face[i] = hit.face
            bary[i] = wp.vec2(hit.u, hit.v)
            distance[i] = hit.t
        else:
            face[i] = -1

    @wp.kernel(enable_backward=False, module="unique")
    def blocked(
        mesh: wp.uint64,
        start: wp.array(dtype=wp.vec3),
        direction: wp.array(dtype=wp.vec3),
        far: float,
        out: wp.array(dtype=float),
    ):
        i = wp.tid()
        hit = wp.mesh_query_ray(mesh, start[i], direction[i], far)
        if hit.result:
            out[i] = 1.0

    @wp.kernel(enable_backward=False, module="unique")
    def occlusion(
        mesh: wp.uint64,
        start: wp.array(dtype=wp.vec3),
        normal: wp.array(dtype=wp.vec3),
        directions: wp.array(dtype=wp.vec3),
        far: float,
        out: wp.array(dtype=float),
    ):
        i = wp.tid()
        total = wp.float32(0.0)
        open_sky = wp.float32(0.0)
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
    """Answer ray queries on a triangle mesh.

    vertices are [V,3] in world coordinates, faces [F,3].
    """

    def __init__(self, vertices, faces):
        import warp as wp

        kernels()
        points = warp_array(vertices, wp.vec3)
        indices = warp_array(np.asarray(faces).ravel(), int)
        self.mesh = wp.Mesh(points=points, indices=indices)

    def cast(self, origin, directions, far=10.0):
        """Find the nearest hits of rays from one origin [3] along unit directions [N,3].

        Returns face [N] (−1 for none), weights of its corners [N,3], distance [N] (0 for none).
        """
        import warp as wp

        count = len(directions)
        face = wp.empty(count, dtype=int, device="cpu")
        bary = wp.zeros(count, dtype=wp.vec2, device="cpu")
        distance = wp.zeros(count, dtype=float, device="cpu")
        start = wp.vec3(*map(float, origin))
        directions = warp_array(directions, wp.vec3)
        inputs = [self.mesh.id, start, directions, far, face, bary, distance]
        nearest = kernels()[0]
        wp.launch(nearest, count, device="cpu", inputs=inputs)
        uv = bary.numpy()
        weights = np.concatenate([uv, 1 - uv.sum(1, keepdims=True)], 1)
        return face.numpy(), weights, distance.numpy()

    def shadowed(self, points, direction, far=2.0):
        """Tell [N] which points [N,3] are in shadow: 1 where something lies in the way, else 0.

        direction [N,3] is the unit direction to the light; `far` is in world units.
        """
        import warp as wp

        count = len(points)
        out = wp.zeros(count, dtype=float, device="cpu")
        if count:
            points = warp_array(points, wp.vec3)
            direction = warp_array(direction, wp.vec3)
            blocked = kernels()[1]
            wp.launch(
                blocked, count, device="cpu", inputs=[self.mesh.id, points, direction, far, out]
            )
        return out.numpy()

    def ambient(self, points, normals, directions, far):
        """Measure the share [N] of `directions` [K,3] that is open, weighted by cosine.

        Of points and normals [N,3]; what lies beyond `far` (world units) blocks nothing.
        """
        import warp as wp

        count = len(points)
        out = wp.zeros(count, dtype=float, device="cpu")
        points = warp_array(points, wp.vec3)
        normals = warp_array(normals, wp.vec3)
        directions = warp_array(directions, wp.vec3)
        occlusion = kernels()[2]
        inputs = [self.mesh.id, points, normals, directions, far, out]
        wp.launch(occlusion, count, device="cpu", inputs=inputs)
        return out.numpy()
