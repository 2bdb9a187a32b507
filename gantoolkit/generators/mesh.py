"""A mesh out of a 3D generator: its density on a grid, marching cubes, a .ply file.

Vertices are in world units (the generator's cube has the side `box_warp`), y up, the face towards
+z.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantoolkit.core import files
from gantoolkit.core.errors import DataError, UsageError

LEVEL = 10.0  # raw density at the surface, as in EG3D's own shape export; less for softer volumes
MIN_PIECE = 0.02  # loose pieces with fewer vertices than this part of the largest are dropped
BORDER = 0.02  # part of the cube next to its walls that counts as empty
POINTS_PER_CHUNK = 2**17
UNITS = "world units of the generator; x to the viewer's right, y up, the face towards +z"


@dataclass(frozen=True)
class Mesh:
    """Triangles in world units."""

    vertices: np.ndarray  # [V,3] float32
    faces: np.ndarray  # [F,3] int32, seen counter-clockwise from outside
    colors: np.ndarray | None = None  # [V,3] uint8

    def save(self, path: str | Path) -> Path:
        """Write the mesh as .ply."""
        return write_ply(self, path)


def grid_points(side: float, resolution: int) -> Tensor:
    """Return the points [R³,3] of a grid over a centered cube; z varies fastest."""
    axis = torch.linspace(-side / 2, side / 2, resolution)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


@torch.no_grad()
def density_grid(
    generator: Any, planes: Tensor, resolution: int = 128, chunk: int = POINTS_PER_CHUNK
) -> Tensor:
    """Return the raw density σ [R,R,R] (axes x, y, z) over the generator's cube.

    planes  of one latent, [1,3,C,H,W]
    chunk   points evaluated at a time
    """
    points = grid_points(generator.box_warp, resolution).to(planes.device)
    densities = []
    for part in points[None].split(chunk, 1):
        _, density = generator.query(planes, part)
        densities.append(density.reshape(-1).float())
    return torch.cat(densities).reshape(resolution, resolution, resolution)


@torch.no_grad()
def extract_mesh(
    generator: Any,
    ws: Tensor,
    resolution: int = 128,
    level: float | None = None,
    colored: bool = True,
) -> Mesh:
    """Extract the surface of one latent [1,L,w_dim] where its density crosses `level`.

    All of the cube counts, also what no camera sees; `inference.head_shape` cuts out the head.

    resolution  of the grid
    level       None: LEVEL, or half way between the median and the densest thousandth of the
                volume where that is less
    colored     give each vertex a color
    """
    planes = generator.planes(ws)
    sigma = density_grid(generator, planes, resolution).cpu().numpy()
    if level is None:
        level = min(LEVEL, float(np.median(sigma) + np.quantile(sigma, 0.999)) / 2)
    mesh = remove_small_pieces(
        marching_cubes_mesh(emptied_border(sigma), level, generator.box_warp)
    )
    return with_colors(mesh, generator, planes) if colored else mesh


@torch.no_grad()
def with_colors(mesh: Mesh, generator: Any, planes: Tensor) -> Mesh:
    """Give each vertex the color of the volume there."""
    points = torch.from_numpy(mesh.vertices)[None].to(planes.device)
    colors = []
    for part in points.split(POINTS_PER_CHUNK, 1):
        features, _ = generator.query(planes, part)
        colors.append(features[0, :, :3])
    channels = torch.cat(colors).float().clamp(0, 1).mul(255).round().byte()
    return Mesh(mesh.vertices, mesh.faces, channels.cpu().numpy())


def emptied_border(sigma: np.ndarray) -> np.ndarray:
    """Return the grid with the least density near the cube's walls, so that surfaces are closed."""
    border = max(int(BORDER * len(sigma)), 1)
    inner = (slice(border, -border),) * 3
    closed = np.full_like(sigma, sigma.min())
    closed[inner] = sigma[inner]
    return closed


def marching_cubes_mesh(sigma: np.ndarray, level: float, side: float) -> Mesh:
    """Run marching cubes over a grid [R,R,R] (axes x, y, z) that spans a cube about 0.

    level  density of the surface; DataError unless it lies within the grid's densities
    side   of the cube
    """
    try:
        from skimage.measure import marching_cubes
    except ImportError:
        raise UsageError(
            "A mesh needs scikit-image; install it with `pip install scikit-image`."
        ) from None
    low = float(sigma.min())
    high = float(sigma.max())
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


def remove_small_pieces(mesh: Mesh, min_piece: float = MIN_PIECE) -> Mesh:
    """Keep the connected pieces with at least `min_piece` of the largest one's vertices."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = len(mesh.vertices)
    starts = mesh.faces[:, [0, 1]].T.flatten()
    ends = mesh.faces[:, [1, 2]].T.flatten()
    edges = coo_matrix((np.ones(len(starts)), (starts, ends)), (count, count))
    _, piece_of_vertex = connected_components(edges, directed=False)
    sizes = np.bincount(piece_of_vertex)
    is_large = sizes >= min_piece * sizes.max()

    kept = is_large[piece_of_vertex]
    new_index = np.cumsum(kept) - 1
    kept_faces = mesh.faces[kept[mesh.faces[:, 0]]]
    return Mesh(mesh.vertices[kept], new_index[kept_faces].astype(np.int32))


def keep_largest_piece(mesh: Mesh) -> Mesh:
    """Keep the connected piece with the most vertices."""
    return remove_small_pieces(mesh, 1.0)


def write_ply(mesh: Mesh, path: str | Path) -> Path:
    """Write a binary little-endian PLY file, atomically."""
    colored = mesh.colors is not None
    vertex_fields = [("position", "<f4", 3)]
    if colored:
        vertex_fields.append(("color", "u1", 3))
    vertices = np.zeros(len(mesh.vertices), vertex_fields)
    vertices["position"] = mesh.vertices
    if colored:
        vertices["color"] = mesh.colors

    faces = np.zeros(len(mesh.faces), [("count", "u1"), ("indices", "<i4", 3)])
    faces["count"] = 3
    faces["indices"] = mesh.faces
    content = _ply_header(mesh).encode() + vertices.tobytes() + faces.tobytes()
    return files.write_bytes(path, content)


def _ply_header(mesh: Mesh) -> str:
    channels = ("red", "green", "blue") if mesh.colors is not None else ()
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {UNITS}",
        f"element vertex {len(mesh.vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {channel}" for channel in channels),
        f"element face {len(mesh.faces)}",
        "property list uchar int vertex_indices",
        "end_header",
        "",
    ]
    return "\n".join(lines)
