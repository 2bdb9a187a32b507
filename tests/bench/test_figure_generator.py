"""`figure generator`: every cell is what the generator draws for that code and side."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from gantoolkit.cli import main
from gantoolkit.core.camera import orbit_camera
from gantoolkit.generators import load_generator
from gantoolkit.report import figure_sheets, pictures

SEED, PSI, WALKS = 3, 0.7, 2


def codes(drawn, count):
    z = torch.randn(count, drawn.z_dim, generator=torch.Generator().manual_seed(SEED))
    return drawn.mapping(z, truncation_psi=PSI)


@pytest.fixture
def cells(monkeypatch, tmp_path):
    """cells(name) → the pictures of the sheet, row by row, and what the file says of itself."""

    def make(name):
        kept = []
        draw = figure_sheets.FigureSheet.render
        monkeypatch.setattr(
            figure_sheets.FigureSheet, "render", lambda self: kept.append(self) or draw(self)
        )
        out = tmp_path / "sheet.png"
        assert (
            main.main(
                [
                    "figure",
                    "generator",
                    name,
                    "--seed",
                    str(SEED),
                    "--truncation",
                    str(PSI),
                    "--walks",
                    str(WALKS),
                    "--out",
                    str(out),
                ]
            )
            == 0
        )
        with Image.open(out) as file:
            return [row.cells for row in kept[0].rows], json.loads(
                file.text[pictures.DESCRIPTION_KEY]
            )

    return make


def near(cell, image):
    return np.abs(cell.astype(int) - pictures.image_picture(image).astype(int)).max() <= 1


@torch.no_grad()
def test_faces_and_walks_of_a_2d_generator(cells):
    drawn = load_generator("stylegan2")
    rows, about = cells("stylegan2")
    ws = codes(drawn, 8 + 2 * WALKS)
    assert len(rows) == 1 + WALKS and about["generator"] == "stylegan2" and about["seed"] == SEED
    assert near(rows[0][5], drawn.render(ws[5:6], noise="const").image[0])
    for k in range(WALKS):
        ends = drawn.render(ws[8 + 2 * k : 10 + 2 * k], noise="const").image
        middle = drawn.render(
            (4 * ws[8 + 2 * k] + 3 * ws[9 + 2 * k])[None] / 7, noise="const"
        ).image[0]
        assert (
            near(rows[1 + k][0], ends[0])
            and near(rows[1 + k][3], middle)
            and near(rows[1 + k][7], ends[1])
        )


@torch.no_grad()
def test_a_3d_generator_is_seen_from_three_sides_and_in_depth(cells):
    drawn = load_generator("eg3d")
    rows, _ = cells("eg3d")
    assert len(rows) == 4 + WALKS
    ws = codes(drawn, 8 + 2 * WALKS)[2:3]
    for row, yaw in enumerate((-0.4, 0.0, 0.4)):
        seen = drawn.render(
            ws,
            orbit_camera(torch.tensor([yaw]), drawn.frame.level),
            noise="const",
            deterministic=True,
        )
        assert near(rows[row][2], seen.image[0])
    depth = rows[3][2]
    assert depth.min() == 0 and depth.max() == 255
    eighth = len(depth) // 8
    middle = slice(3 * eighth, 5 * eighth)
    # a face is nearer than what is behind it
    assert depth[middle, middle].mean() > depth[:eighth].mean() + 50


def test_what_cannot_be_drawn_is_a_sentence(capsys, tmp_path):
    out = str(tmp_path / "sheet.png")
    assert main.main(["figure", "generator", "stylegan2", "--walks", "-1", "--out", out]) == 2
    assert main.main(["figure", "generator", "stilegan2", "--out", out]) == 1
    assert main.main(["figure", "generator", "stylegan2", "--out", "sheet.xyz"]) == 2
    said = capsys.readouterr().err
    assert "sheet.xyz is not a PNG file" in said
    assert "--walks must be at least 0" in said and "stylegan2" in said and "Traceback" not in said
