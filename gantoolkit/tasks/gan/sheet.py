"""The picture that a generator's training writes: what it should draw above what it draws."""

from __future__ import annotations

import torch
from torch import Tensor

from gantoolkit.core.camera import YAWS, frame_of
from gantoolkit.tasks.sheet import joined

COLUMNS = 8


@torch.no_grad()
def sheet(task) -> Tensor:
    """[3,H,W] in −1..1: training faces, regressions, unseen faces, regressions, then random codes."""
    seen = torch.linspace(0, task.size() - 1, COLUMNS).long()
    source, unseen = task._held(COLUMNS)
    rows = []
    for part, which in ((seen, task.zip), (unseen, source)):
        rows += [task.images(part, which), task.regressed(part, which)]
        if task.encoder is not None:
            rows.append(task.encoded(part, which))
    z = torch.randn(COLUMNS, task.arch["z_dim"], generator=torch.Generator().manual_seed(1)).to(
        task.device
    )
    return joined(map(_fill, rows + drawn(task.average, task.average.mapping(z))))


def drawn(generator, ws: Tensor, noise: str = "none") -> list[Tensor]:
    """Rows of images [b,3,R,R] that show the codes ws, in 3D as `three_views` does."""
    return (
        three_views(generator, ws, noise)
        if generator.is_3d
        else [generator.render(ws, noise=noise).image]
    )


def three_views(generator, ws: Tensor, noise: str) -> list[Tensor]:
    """Rows: each face from the left, the front and the right, and the frontal depth (near is bright)."""
    rows, planes = [], generator.planes(ws, noise)
    for yaw in YAWS:
        camera = frame_of(generator).side(yaw, len(ws)).to(ws.device)
        render = generator.render_planes(planes, ws, camera, deterministic=True)
        rows.append(render.image)
        if yaw == 0:
            depth = torch.nn.functional.interpolate(render.depth, size=render.image.shape[-2:])
    low, high = depth.amin((1, 2, 3), keepdim=True), depth.amax((1, 2, 3), keepdim=True)
    return [*rows, (1 - 2 * (depth - low) / (high - low + 1e-6)).expand(-1, 3, -1, -1)]


def _fill(row: Tensor) -> Tensor:
    """A row shorter than the others is repeated."""
    return row.repeat(-(-COLUMNS // len(row)), 1, 1, 1)[:COLUMNS]
