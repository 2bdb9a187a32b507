"""Meshes of heads, checked with trimesh: closed, one piece, hair in, nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gantoolkit import networks
from gantoolkit.core.camera import Frame, sample_rays
from gantoolkit.core.types import Render
from gantoolkit.generators import load_generator
from gantoolkit.inference import head_shape

trimesh = pytest.importorskip("trimesh")
pytest.importorskip("skimage.measure")

HEAD, HAIR = 0.15, 0.2  # radii


class Statue:
    """A dense ball in a shell of soft hair; a dense wall behind it and a disc above the picture."""

    is_3d, box_warp, frame = True, 1.0, Frame(pivot=(0, 0, 0))

    def planes(self, ws, noise="const"):
        return ws[:, None, :, :, None]

    def query(self, planes, points):
        radius = points.norm(dim=-1, keepdim=True)
        sigma = 6 + 60 * (HAIR - radius)
        sigma = torch.where(radius < HEAD, 40.0, sigma)
        rest = ((points[..., 2:] + 0.2).abs() < 0.05) | (points[..., 1:2] > 0.42)
        return points.clamp(0, 1), torch.where(rest & (radius > HAIR), 40.0, sigma)

    def render_planes(self, planes, ws, camera, deterministic=False):
        origins, directions = sample_rays(camera, 64)
        ahead = -(origins * directions).sum(-1)
        nearest = (origins + directions * ahead[..., None]).norm(dim=-1)
        depth = ahead - (HAIR**2 - nearest**2).clamp(0).sqrt()
        outline = (nearest < HAIR).float().view(-1, 1, 64, 64)
        return Render(outline.expand(-1, 3, 64, 64), depth=depth.view(-1, 1, 64, 64), camera=camera)


class Outlines(torch.nn.Module):
    """Hair where a picture is white."""

    def forward(self, images):
        labels = (images[:, :1] > 0.5).long() * 13
        return torch.zeros(len(images), 19, *images.shape[2:]).scatter_(1, labels, 1.0)


def solid(mesh):
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def test_a_head_is_cut_out_closed_with_its_hair(monkeypatch):
    monkeypatch.setattr(networks, "load", lambda name: Outlines())
    found = head_shape.extract_head(Statue(), torch.zeros(1, 1, 1), 64)
    body = solid(found)
    assert body.is_watertight and body.is_winding_consistent and body.body_count == 1
    front = found.vertices[found.vertices[:, 2] > -0.1]
    assert np.abs(np.linalg.norm(front, axis=1) - HAIR).max() < 0.03
    assert np.abs(found.vertices).max() < HAIR + 0.12  # behind, outlines leave a cone
    assert 0 < body.volume < 1.5 * 4 / 3 * np.pi * HAIR**3
    assert len(found.colors) == len(found.vertices)


def test_a_parser_that_finds_nobody_leaves_what_pictures_show(monkeypatch):
    class Blind(torch.nn.Module):
        def forward(self, images):
            return torch.zeros(len(images), 19, *images.shape[2:])

    monkeypatch.setattr(networks, "load", lambda name: Blind())
    body = solid(head_shape.extract_head(Statue(), torch.zeros(1, 1, 1), 48))
    assert body.is_watertight and body.bounds[1, 1] < 0.4  # the disc is beyond the picture


def test_the_embedded_generator_makes_closed_heads_with_hair():
    """Seen from the front, a mesh fills the outline that the parser finds in the picture."""
    generator = load_generator("eg3d")
    noise = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(1))
    ws = generator.mapping(noise, truncation_psi=0.7)
    found = head_shape.extract_head(generator, ws, 56)
    body = solid(found)
    assert body.is_watertight and body.is_winding_consistent and body.body_count == 1
    assert 0.4 < np.ptp(found.vertices[:, 1]) < 0.7 and body.volume > 0.02

    camera = generator.frame.facing()
    image = generator.render(ws, camera, deterministic=True).image
    labels = networks.load("parser")(image).argmax(1)[0]
    outline = head_shape.head_outline(labels).numpy()
    size = len(outline)
    origins, directions = sample_rays(camera, size)
    points = torch.from_numpy(found.vertices)
    pose = camera.cam2world[0]
    seen = (points - pose[:3, 3]) @ pose[:3, :3]
    pixels = (seen[:, :2] / seen[:, 2:] * generator.frame.focal + 0.5) * size
    hit = np.zeros_like(outline)
    x, y = pixels.long().clamp(0, size - 1).T.numpy()
    hit[y, x] = True
    from scipy.ndimage import binary_closing, binary_fill_holes

    filled = binary_fill_holes(binary_closing(hit, iterations=2))
    assert (filled & outline).sum() / (filled | outline).sum() > 0.75
    hair = outline & (labels == 13).numpy()
    assert (filled & hair).sum() / hair.sum() > 0.75
