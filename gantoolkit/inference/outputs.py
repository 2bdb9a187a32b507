"""Files of one code, as their manifest rows plan them: images, depth maps, a turntable, a mesh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gantoolkit.core.camera import frame_of
from gantoolkit.core.types import Camera, Render
from gantoolkit.inference import cameras
from gantoolkit.report import pictures

if TYPE_CHECKING:
    from torch import Tensor

    from gantoolkit.data.user_inputs import UserInput
    from gantoolkit.inference.options import GenerateOptions


def write(
    rows: Sequence[dict],
    generator,
    ws: Tensor,
    user_input: UserInput,
    options: GenerateOptions,
) -> Iterator[dict]:
    """Write the file of every row of the codes ws [1,L,w_dim]; yields the rows, completed."""
    if not generator.is_3d:
        for row in rows:
            _save_image(generator.render(ws).image, Path(options.out) / row["file"])
            yield row
        return
    frame = frame_of(generator)
    source = options.camera or cameras.default_source(
        user_input.labels is not None, user_input.path
    )
    base = cameras.camera_from(source, user_input.labels, user_input.path, frame)
    views = cameras.side_views(base, options.views, frame)
    renders: dict[int, Render] = {}  # view → its render, which the depth map shares
    for row in rows:
        path = Path(options.out) / row["file"]
        if row["kind"] == "turntable":
            cameras.save_turntable(generator, ws, base, path, options.frames)
            yield row | {"label": cameras.rounded_label(base)}
        elif row["kind"] == "mesh":
            yield row | _save_mesh(generator, ws, path)
        else:
            view = row["view"]
            if view not in renders:
                renders = {view: cameras.render(generator, ws, views[view])}
            yield row | _save_view(renders[view], views[view], row["kind"], path)


def _save_view(render: Render, camera: Camera, kind: str, path: Path) -> dict:
    facts: dict = {"label": cameras.rounded_label(camera)}
    if kind == "depth":
        cameras.save_depth(render, path)
        return facts | {"unit": cameras.DEPTH_UNIT}
    _save_image(render.image, path)
    return facts


def _save_image(image: Tensor, path: Path) -> None:
    pictures.save(pictures.image_picture(image), path)


def _save_mesh(generator, ws: Tensor, path: Path) -> dict:
    from gantoolkit.inference.head_shape import extract_head

    mesh = extract_head(generator, ws)
    mesh.save(path)
    return {"vertices": len(mesh.vertices), "faces": len(mesh.faces)}
