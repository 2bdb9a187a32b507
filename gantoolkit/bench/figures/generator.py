"""What a generator makes of random codes: faces, in 3D from three sides, and walks in W."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from gantoolkit import weights
from gantoolkit.bench.figures import command
from gantoolkit.core.camera import YAWS, frame_of
from gantoolkit.core.distributed import pick_device
from gantoolkit.report import figure_sheets, pictures
from gantoolkit.tasks.gan.sample_sheet import render_rows

COLUMNS = 8


def main(args) -> int:
    """Run `gantoolkit figure generator NAME`."""
    from gantoolkit.generators import load_generator

    command.check_out(args)
    generator = load_generator(args.generator).to(pick_device(args.device))
    description = {
        "figure": "generator",
        "generator": args.generator,
        "walks": args.walks,
        "seed": args.seed,
        "truncation": args.truncation,
        "sha256": weights.sha256(weights.resolve(args.generator)),
    }
    picture = render(generator, args.walks, args.seed, args.truncation)
    print(pictures.save(picture, args.out, description))
    return 0


@torch.no_grad()
def render(generator, walks: int, seed: int = 0, truncation: float = 1.0) -> np.ndarray:
    """Render the sheet [H,W,3]: G(w) of eight random codes, then lines from one w to another.

    walks       number of lines
    truncation  ψ: 1 is the whole distribution, 0 the mean code
    """
    stream = torch.Generator().manual_seed(seed)
    z = torch.randn(COLUMNS + 2 * walks, generator.z_dim, generator=stream)
    ws = generator.mapping(z.to(generator.mean_w), truncation_psi=truncation)
    rows = _random_rows(generator, ws[:COLUMNS])

    fraction = torch.linspace(0, 1, COLUMNS, device=ws.device)[:, None, None]
    for start, end in ws[COLUMNS:].unflatten(0, (-1, 2)):
        images = _render_front(generator, torch.lerp(start, end, fraction))
        rows.append(_row(images, ["walk", "in W"]))
    return figure_sheets.FigureSheet([""] * COLUMNS, rows).render()


def _random_rows(generator, ws: Tensor) -> list[figure_sheets.SheetRow]:
    """Lay out images of codes; in 3D from every side, and their depth from the front."""
    labels = [["random z"]]
    if generator.is_3d:
        labels = [["random z,", f"{math.degrees(yaw):.0f}°"] for yaw in YAWS]
        labels.append(["depth,", "0°"])
    images = render_rows(generator, ws)
    return [_row(row, label) for row, label in zip(images, labels, strict=True)]


def _render_front(generator, ws: Tensor) -> Tensor:
    """Render images [B,3,R,R], in 3D from the front."""
    camera = None
    if generator.is_3d:
        camera = frame_of(generator).side(0.0, len(ws)).to(ws.device)
    return generator.render(ws, camera, noise="const", deterministic=True).image


def _row(images: Tensor, label: list[str]) -> figure_sheets.SheetRow:
    cells = [pictures.image_picture(image.cpu()) for image in images]
    return figure_sheets.SheetRow(cells, label=label)
