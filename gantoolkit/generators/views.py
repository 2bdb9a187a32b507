"""Several views of one code: what every picture, film and figure of a 3D face is rendered with."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from gantoolkit.core.types import Camera, Render


def render_views(
    generator,
    ws: Tensor,
    cameras: Iterable[Camera],
    noise: str = "const",
    planes: Tensor | None = None,
) -> list[Render]:
    """Render the codes ws [B,L,w_dim] of a 3D generator from each camera, without randomness.

    The feature planes do not depend on the camera, so they are computed once, or given by `planes`.
    A camera holds one view per code, [B]; with a single code it may hold any number of views [V],
    which are rendered as one batch.
    """
    planes = generator.planes(ws, noise) if planes is None else planes
    renders = []
    for camera in cameras:
        views = len(camera)
        render = generator.render_planes(
            planes.expand(views, *planes.shape[1:]),
            ws.expand(views, *ws.shape[1:]),
            camera.to(ws.device),
            deterministic=True,
        )
        renders.append(render)
    return renders
