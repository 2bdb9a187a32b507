"""Marching cubes over known densities, and the .ply file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gantoolkit.core.errors import DataError
from gantoolkit.generators import mesh
from gantoolkit.generators.eg3d import EG3D

pytest.importorskip("skimage.measure")


class Ball:
    """A ball of radius 0.3 about (0.1, 0, 0): raw density 10 at its surface; colour = place."""

    box_warp = 1.0

    def planes(self, ws):
        return ws

    def query(self, planes, points):
        distance = (points - torch.tensor([0.1, 0, 0])).norm(dim=-1, keepdim=True)
        return points.clamp(0, 1), 10 + 50 * (0.3 - distance)


def volume_of(found: mesh.Mesh) -> float:
    """Signed volume (divergence theorem): positive when faces turn counter-clockwise outside."""
    a, b, c = (found.vertices[found.faces[:, i]].astype(float) for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def test_a_ball_has_the_right_place_size_and_orientation():
    found = mesh.extract_mesh(Ball(), torch.zeros(1), 48)
    distance = np.linalg.norm(found.vertices - [0.1, 0, 0], axis=1)
    assert np.abs(distance - 0.3).max() < 2e-3
    assert volume_of(found) == pytest.approx(4 / 3 * np.pi * 0.3**3, rel=0.02)
    assert np.abs(found.colors / 255 - found.vertices.clip(0, 1)).max() < 0.003


def test_a_body_that_touches_the_walls_is_closed():
    class Full(Ball):
        def query(self, planes, points):
            return points, torch.where(points[..., 1:2] < 0.2, 20.0, 0.0)

    found = mesh.extract_mesh(Full(), torch.zeros(1), 32)
    edges = np.sort(np.concatenate([found.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_loose_crumbs_are_dropped_and_large_pieces_kept():
    class Scattered(Ball):
        def query(self, planes, points):
            def ball(x, radius):
                return 10 + 50 * (
                    radius - (points - torch.tensor([x, 0, 0])).norm(dim=-1, keepdim=True)
                )

            return points, torch.maximum(
                torch.maximum(ball(-0.15, 0.25), ball(0.25, 0.1)), ball(0.42, 0.03)
            )

    found = mesh.extract_mesh(Scattered(), torch.zeros(1), 64, level=10)
    assert found.vertices[:, 0].max() == pytest.approx(0.35, abs=0.01)
    assert len(found.colors) == len(found.vertices)
    assert volume_of(found) == pytest.approx(4 / 3 * np.pi * (0.25**3 + 0.1**3), rel=0.02)


def test_soft_volumes_get_a_lower_level():
    class Soft(Ball):
        def query(self, planes, points):
            colors, sigma = super().query(planes, points)
            return colors, (sigma - 10) / 10 + 2

    assert len(mesh.extract_mesh(Soft(), torch.zeros(1), 32).vertices) > 100


def test_a_density_that_never_reaches_the_level_is_named():
    class Empty(Ball):
        def query(self, planes, points):
            return points, points[..., :1]

    with pytest.raises(DataError, match="no surface of density 10"):
        mesh.extract_mesh(Empty(), torch.zeros(1), 16, level=10)


@pytest.mark.parametrize("colored", [True, False])
def test_ply_reads_back(colored, tmp_path):
    found = mesh.extract_mesh(Ball(), torch.zeros(1), 16, colored=colored)
    content = mesh.write_ply(found, tmp_path / "a.ply").read_bytes()
    header, _, body = content.partition(b"end_header\n")
    assert header.startswith(b"ply\nformat binary_little_endian 1.0\ncomment world units")
    assert (
        f"element vertex {len(found.vertices)}".encode() in header and (b"red" in header) == colored
    )
    kind = [("place", "<f4", 3)] + ([("colour", "u1", 3)] if colored else [])
    vertices = np.frombuffer(body, kind, len(found.vertices))
    faces = np.frombuffer(body[vertices.nbytes :], [("n", "u1"), ("i", "<i4", 3)])
    assert np.array_equal(vertices["place"], found.vertices) and np.array_equal(
        faces["i"], found.faces
    )
    assert (faces["n"] == 3).all()


def test_density_grid_of_eg3d_is_its_query_at_the_grid_points():
    torch.manual_seed(0)
    generator = EG3D(
        z_dim=8,
        w_dim=8,
        resolution=32,
        channels=(8, 8, 8),
        plane_resolution=16,
        plane_channels=8,
        decoder_channels=8,
        decoder_hidden=8,
        rays=16,
        samples=4,
        importance=4,
        superresolution="2X",
        sr_input=16,
        sr_channels=(8, 8),
    ).eval()
    planes = generator.planes(generator.mapping(torch.randn(1, 8)))
    with torch.no_grad():
        grid = mesh.density_grid(generator, planes, 5, chunk=7)
        point = torch.tensor([[[-0.5, 0.25, 0.5]]])
        assert torch.allclose(
            grid[0, 3, 4], generator.query(planes, point)[1].flatten()[0], atol=1e-5
        )
