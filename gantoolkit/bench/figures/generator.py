"""What a generator draws: random codes, from three sides where it is 3D, and walks between them in W."""

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
from gantoolkit.tasks.gan import sheet

COLUMNS = 8


def main(args) -> int:
    """`gantoolkit figure generator NAME`"""
    from gantoolkit.generators import load_generator

    command.check_out(args)
    generator = load_generator(args.generator).to(pick_device(args.device))
    facts = {
        "figure": "generator",
        **{key: getattr(args, key) for key in ("generator", "walks", "seed", "truncation")},
    }
    facts["sha256"] = weights.sha256(weights.resolve(args.generator))
    print(pictures.save(draw(generator, args.walks, args.seed, args.truncation), args.out, facts))
    return 0


@torch.no_grad()
def draw(generator, walks: int, seed: int = 0, truncation: float = 1.0) -> np.ndarray:
    """The sheet [H,W,3]: G(w) of eight random codes, then `walks` lines from one random w to another."""
    stream = torch.Generator().manual_seed(seed)
    z = torch.randn(COLUMNS + 2 * walks, generator.z_dim, generator=stream).to(generator.mean_w)
    ws = generator.mapping(z, truncation_psi=truncation)
    rows = [_row(images, label) for label, images in _views(generator, ws[:COLUMNS])]
    share = torch.linspace(0, 1, COLUMNS, device=ws.device)[:, None, None]
    for start, end in ws[COLUMNS:].unflatten(0, (-1, 2)):
        rows.append(
            _row(_render(generator, torch.lerp(start, end, share), 0.0).image, ["walk", "in W"])
        )
    return figure_sheets.FigureSheet([""] * COLUMNS, rows).render()


def _views(generator, ws: Tensor) -> list[tuple[list[str], Tensor]]:
    """(label, images [B,3,R,R]) of the same codes, in 3D from every side, then the depth from the front."""
    sides = [*(["random z,", f"{math.degrees(yaw):.0f}°"] for yaw in YAWS), ["depth,", "0°"]]
    labels = sides if generator.is_3d else [["random z"]]
    return list(zip(labels, sheet.drawn(generator, ws, "const"), strict=True))


def _render(generator, ws: Tensor, yaw: float):
    camera = frame_of(generator).side(yaw, len(ws)).to(ws.device) if generator.is_3d else None
    return generator.render(ws, camera, noise="const", deterministic=True)


def _row(images: Tensor, label: list[str]) -> figure_sheets.SheetRow:
    return figure_sheets.SheetRow(
        [pictures.image_picture(image.cpu()) for image in images], label=label
    )
