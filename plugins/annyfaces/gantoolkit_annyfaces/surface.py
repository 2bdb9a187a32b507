"""What rays see: points of the scene's surfaces with everything that paints them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gantoolkit_annyfaces.parts import MATERIALS, WORLD_OFFSET

STRANDS = ("hair", "beard", "brow", "lash")
STRAND_CODES = [MATERIALS.index(name) for name in STRANDS]
SKIN_CODE = MATERIALS.index("skin")


@dataclass
class Surface:
    """Hold what rays saw, one row for each of the N rays that hit."""

    ray: np.ndarray  # [N] index of the ray
    point: np.ndarray  # [N,3] in the world
    normal: np.ndarray  # [N,3] unit, towards the camera but for strands
    view: np.ndarray  # [N,3] unit, along the ray
    chart: np.ndarray  # [N,3]
    extra: np.ndarray  # [N,4]
    material: np.ndarray  # [N] index into MATERIALS
    distance: np.ndarray  # [N] along the ray

    def is_strand(self):
        """Tell which rows are strands [N]."""
        return np.isin(self.material, STRAND_CODES)

    def is_left(self):
        """Tell which rows lie on the person's left [N]."""
        return self.point[:, 0] > WORLD_OFFSET[0]


def see(scene, origin, rays):
    """Find the first `Surface` along every ray from origin [3] in directions [R,3]."""
    face, weight, distance = scene.mesh.cast(origin, rays)
    hit = np.flatnonzero(face >= 0)
    corner = scene.faces[face[hit]]
    weight = weight[hit][:, :, None]

    def blend(rows):
        return (rows[corner] * weight).sum(1)

    normal = blend(scene.normals)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    view = rays[hit]
    material = scene.material[face[hit]]
    limit = np.where(np.isin(material, STRAND_CODES), 0.25, 0)  # their normals lean sideways
    is_back = ((normal * view).sum(1) > limit) & (material != SKIN_CODE)
    return Surface(
        ray=hit,
        point=origin + view * distance[hit, None],
        normal=np.where(is_back[:, None], -normal, normal),
        view=view,
        chart=blend(scene.chart),
        extra=blend(scene.extra),
        material=material,
        distance=distance[hit],
    )
