"""A mesh out of a 3D generator: its density on a grid, marching cubes, a .ply file.

Vertices are in world units (the generator's cube has the side `box_warp`), y up, the face towards +z.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError

LEVEL = 10.0  # raw density at the surface, as in EG3D's own shape export; less for softer volumes
CRUMB = 0.02  # share of the largest piece's vertices below which a loose piece is dropped
EDGE = 0.02  # share of the cube next to its walls that counts as empty


@dataclass(frozen=True)
class Mesh:
    """Triangles in world units."""

    vertices: np.ndarray  # [V,3] float32
    faces: np.ndarray  # [F,3] int32, seen counter-clockwise from outside
    colours: np.ndarray | None = None  # [V,3] uint8


@torch.no_grad()
def density_grid(generator, planes: Tensor, resolution: int = 128, chunk: int = 2**17) -> Tensor:
    """Raw density σ [R,R,R] (axes x, y, z) of one latent's planes [1,3,C,H,W] over the generator's cube."""
    half = generator.box_warp / 2
    axis = torch.linspace(-half, half, resolution, device=planes.device)
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(1, -1, 3)
    parts = [
        generator.query(planes, part)[1].reshape(-1).float() for part in points.split(chunk, 1)
    ]
    return torch.cat(parts).reshape(resolution, resolution, resolution)


@torch.no_grad()
def extract(
    generator, ws: Tensor, resolution: int = 128, level: float | None = None, coloured: bool = True
) -> Mesh:
    """The surface of one latent [1,L,w_dim] where its density crosses `level`, with a colour per vertex.

    Without a level: LEVEL, or half way between the median and the densest thousandth where that is less.
    """
    planes = generator.planes(ws)
    sigma = density_grid(generator, planes, resolution).cpu().numpy()
    border = max(int(EDGE * resolution), 1)
    closed = np.full_like(sigma, sigma.min())
    inner = (slice(border, -border),) * 3
    closed[inner] = sigma[inner]
    if level is None:
        level = min(LEVEL, float(np.median(sigma) + np.quantile(sigma, 0.999)) / 2)
    mesh = without_crumbs(surface(closed, level, generator.box_warp))
    if not coloured:
        return mesh
    points = torch.from_numpy(mesh.vertices)[None].to(planes.device)
    parts = [generator.query(planes, part)[0][0, :, :3] for part in points.split(2**17, 1)]
    colours = torch.cat(parts).float().clamp(0, 1).mul(255).round().byte().cpu().numpy()
    return Mesh(mesh.vertices, mesh.faces, colours)


def surface(sigma: np.ndarray, level: float, side: float) -> Mesh:
    """Marching cubes over a grid [R,R,R] (axes x, y, z) that spans a cube of the given side about 0."""
    try:
        from skimage.measure import marching_cubes
    except ImportError:
        raise UsageError(
            "A mesh needs scikit-image; install it with `pip install scikit-image`."
        ) from None
    low, high = float(sigma.min()), float(sigma.max())
    if not low < level < high:
        raise DataError(
            f"There is no surface of density {level:g}: this face's density goes from {low:.3g} "
            f"to {high:.3g}."
        )
    step = side / (sigma.shape[0] - 1)
    vertices, faces, _, _ = marching_cubes(
        sigma, level, spacing=(step,) * 3, gradient_direction="ascent"
    )
    return Mesh((vertices - side / 2).astype(np.float32), faces.astype(np.int32))


def without_crumbs(mesh: Mesh, share: float = CRUMB) -> Mesh:
    """The pieces of a mesh that have at least `share` as many vertices as its largest piece."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    a, b, count = (
        mesh.faces[:, [0, 1]].T.flatten(),
        mesh.faces[:, [1, 2]].T.flatten(),
        len(mesh.vertices),
    )
    _, piece = connected_components(
        coo_matrix((np.ones(len(a)), (a, b)), (count, count)), directed=False
    )
    sizes = np.bincount(piece)
    kept = (sizes >= share * sizes.max())[piece]
    place = np.cumsum(kept) - 1
    return Mesh(mesh.vertices[kept], place[mesh.faces[kept[mesh.faces[:, 0]]]].astype(np.int32))


def write_ply(mesh: Mesh, path: str | Path) -> Path:
    """Write a binary little-endian PLY file, atomically."""
    coloured = mesh.colours is not None
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(mesh.vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {name}" for name in ("red", "green", "blue") if coloured),
        f"element face {len(mesh.faces)}",
        "property list uchar int vertex_indices",
        "end_header",
        "",
    ]
    kind = [("place", "<f4", 3)] + ([("colour", "u1", 3)] if coloured else [])
    vertices = np.zeros(len(mesh.vertices), kind)
    vertices["place"] = mesh.vertices
    if coloured:
        vertices["colour"] = mesh.colours
    faces = np.zeros(len(mesh.faces), [("count", "u1"), ("indices", "<i4", 3)])
    faces["count"], faces["indices"] = 3, mesh.faces
    return files.write_bytes(
        path, "\n".join(header).encode() + vertices.tobytes() + faces.tobytes()
    )
