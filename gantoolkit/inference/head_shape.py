"""The surface of a head alone: its density, cut where no picture shows it and where it is no head.

A 3D generator's density also holds what stands behind a face, and what no camera ever saw. A parser
finds the head in views from several sides; what lies outside of one of these outlines is cut away.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter, label
from torch import Tensor

from gantoolkit import networks
from gantoolkit.core.camera import frame_of, sample_rays
from gantoolkit.core.labels import CLASSES
from gantoolkit.core.types import Camera, Render
from gantoolkit.generators import mesh
from gantoolkit.generators.mesh import Mesh
from gantoolkit.inference import cameras

PARSER = "parser"  # weights of a network that labels face parts
NOT_HEAD = ("background", "cloth")
YAWS = (-0.4, -0.2, 0.0, 0.2, 0.4)  # radians, of the views that outlines are taken from
LEAST_SHARE = 0.05  # of a picture; a smaller outline is a parser's mistake
SOFTNESS = 1.0  # grid cells over which outlines are smoothed
SOFT = 0.1  # share of a head's pixels that may be softer than the surface


@torch.no_grad()
def extract_head(generator: Any, ws: Tensor, resolution: int = 128) -> Mesh:
    """Extract the closed surface of one head [1,L,w_dim], with hair and neck, in world units.

    resolution  of the grid
    """
    planes = generator.planes(ws)
    sigma = mesh.density_grid(generator, planes, resolution).cpu().numpy()
    parser = networks.load(PARSER).to(ws.device)
    points = mesh.grid_points(generator.box_warp, resolution).to(ws.device)
    inside = torch.ones(len(points), dtype=torch.bool, device=ws.device)
    level = mesh.LEVEL
    for yaw in YAWS:
        camera = frame_of(generator).facing(yaw).to(ws.device)
        render = cameras.render(generator, ws, camera)
        outline = head_outline(parser(render.image).argmax(1)[0])
        inside &= in_outline(points, camera, outline)
        level = min(level, surface_level(generator, planes, render, outline))
    head = inside.reshape(sigma.shape).cpu().numpy()

    edge = gaussian_filter(head.astype(np.float32), SOFTNESS) - 0.5
    closed = np.minimum(sigma - level, edge * abs(level))
    found = mesh.marching_cubes_mesh(mesh.emptied_border(closed), 0.0, generator.box_warp)
    return mesh.with_colors(mesh.keep_largest_piece(found), generator, planes)


def surface_level(generator: Any, planes: Tensor, render: Render, outline: Tensor) -> float:
    """Return the density where a picture's depth places the head's surface.

    A share SOFT of the head's pixels may lie in softer hair.
    """
    assert render.depth is not None and render.camera is not None
    size = render.depth.shape[-1]
    origins, directions = sample_rays(render.camera, size)
    surface = origins + directions * render.depth.flatten(1)[..., None]
    _, sigma = generator.query(planes, surface)
    is_head = F.interpolate(outline.float()[None, None], (size, size), mode="nearest") > 0
    return float(torch.quantile(sigma.flatten()[is_head.flatten()].float(), SOFT))


def head_outline(labels: Tensor) -> Tensor:
    """Return where [H,W] the largest connected head is; everywhere where there is hardly any."""
    others = [CLASSES.index(name) for name in NOT_HEAD]
    is_head = ~np.isin(labels.cpu().numpy(), others)
    pieces, count = label(is_head)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    if not count or sizes.max() < LEAST_SHARE * is_head.size:
        return torch.ones_like(labels, dtype=torch.bool)
    return torch.from_numpy(pieces == 1 + sizes.argmax()).to(labels.device)


def in_outline(points: Tensor, camera: Camera, outline: Tensor) -> Tensor:
    """Return which world points [P,3] a camera [1] sees inside of an outline [H,W]."""
    pose = camera.cam2world[0]
    seen = (points - pose[:3, 3]) @ pose[:3, :3]  # x right, y down, z forward
    place = seen[:, :2] / seen[:, 2:] * camera.intrinsics[0].diagonal()[:2]  # −0.5..0.5
    grid = (2 * place).view(1, 1, -1, 2)
    inside = F.grid_sample(outline.float()[None, None], grid, "nearest", align_corners=False)
    return inside.flatten() > 0.5
