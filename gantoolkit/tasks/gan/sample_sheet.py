"""The picture that a generator's training writes: training faces, held-out faces, random codes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.camera import YAWS, frame_of
from gantoolkit.generators.views import render_views
from gantoolkit.tasks.image_grid import image_grid

COLUMNS = 8


@torch.no_grad()
def sample_sheet(task) -> Tensor:
    """Draw the sheet [3,H,W] in −1..1 of a task `gan`.

    Rows: training faces and their reconstructions, the same of held-out faces, then random codes.
    Where the mapping network is not taught: training faces, their reconstructions where an encoder
    is there, random codes, and the same truncated to half.
    """
    if not task.knows_faces:
        return _random_sheet(task)

    train_rows = torch.linspace(0, task.size() - 1, COLUMNS).long()
    shown = [(task.faces, train_rows), task.split.held_out_rows(COLUMNS)]
    image_rows = []
    for faces, rows in shown:
        image_rows.append(task.images(rows, faces))
        image_rows.append(task.reconstruct_from_factors(rows, faces))
        if task.encoder is not None:
            image_rows.append(task.reconstruct_from_images(rows, faces))

    stream = torch.Generator().manual_seed(1)
    z = torch.randn(COLUMNS, task.arch["z_dim"], generator=stream).to(task.device)
    ws = task.ema_generator.mapping(z)
    image_rows += render_rows(task.ema_generator, ws)
    return image_grid(_repeat_to_fill(row) for row in image_rows)


def _random_sheet(task) -> Tensor:
    """Draw training faces, 2 · COLUMNS random codes, and the first ones with ψ = 0.5."""
    train_rows = torch.linspace(0, task.size() - 1, COLUMNS).long()
    stream = torch.Generator().manual_seed(1)
    z = torch.randn(2 * COLUMNS, task.arch["z_dim"], generator=stream).to(task.device)
    ws = task.ema_generator.mapping(z)
    mean_w = task.ema_generator.mean_w
    image_rows = [task.images(train_rows)]
    if task.encoder is not None:
        image_rows.append(task.reconstruct_from_images(train_rows))
    for row_ws in (*ws.split(COLUMNS), torch.lerp(mean_w, ws[:COLUMNS], 0.5)):
        image_rows += render_rows(task.ema_generator, row_ws)
    return image_grid(image_rows)


def render_rows(generator, ws: Tensor) -> list[Tensor]:
    """Render the codes ws as rows of images [b,3,R,R]: one in 2D, `three_views` in 3D."""
    if generator.is_3d:
        return three_views(generator, ws)
    return [generator.render(ws).image]


def three_views(generator, ws: Tensor) -> list[Tensor]:
    """Render ws from the left, the front and the right, and the frontal depth (near is bright)."""
    cameras = [frame_of(generator).side(yaw, len(ws)) for yaw in YAWS]
    renders = render_views(generator, ws, cameras)
    images = [render.image for render in renders]

    frontal = renders[YAWS.index(0)]
    depth = F.interpolate(frontal.depth, size=frontal.image.shape[-2:])
    return [*images, _depth_image(depth)]


def _depth_image(depth: Tensor) -> Tensor:
    """Return depth [b,1,R,R] as gray images [b,3,R,R] in −1..1, each over its own range."""
    low = depth.amin((1, 2, 3), keepdim=True)
    high = depth.amax((1, 2, 3), keepdim=True)
    gray = 1 - 2 * (depth - low) / (high - low + 1e-6)
    return gray.expand(-1, 3, -1, -1)


def _repeat_to_fill(row: Tensor) -> Tensor:
    """Repeat the images of a short row until it has COLUMNS of them."""
    repeats = -(-COLUMNS // len(row))
    return row.repeat(repeats, 1, 1, 1)[:COLUMNS]
