"""Drawings by hand become pairs: strokes as a user's drawing is read, several seeds each."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw

from gantoolkit.bench import drawings, pairs
from gantoolkit.data.user_scribbles import read_scribble

PIXELS = 64


def test_a_folder_of_drawings_is_a_split(tmp_path):
    folder = tmp_path / "by hand"
    folder.mkdir()
    for name, size in (("b.png", 60), ("a.png", 40)):
        paper = Image.new("L", (100, 100), 255)
        box = (50 - size // 2, 50 - size // 2, 50 + size // 2, 50 + size // 2)
        ImageDraw.Draw(paper).ellipse(box, outline=0, width=3)
        paper.save(folder / name)
    out = drawings.pack(folder, tmp_path / "drawings.zip", PIXELS)

    opened = pairs.open_pairs(str(out), 6, seeds=3, prompt="A face.")
    assert len(opened) == 6 and opened.verify()["pictures"] == 2
    condition = opened.sample(torch.arange(6), "scribble").condition
    assert condition.text == ("A face.",) * 6 and condition.seed.tolist() == list(range(6))
    expected = [read_scribble(folder / name, PIXELS) for name in ("a.png", "b.png")]
    expected = torch.stack(expected).repeat_interleave(3, 0)
    torch.testing.assert_close(condition.scribble, expected, atol=1 / 255, rtol=0)
    depth = condition.camera.cam2world[:, 2, 3]
    assert np.allclose(condition.camera.cam2world[:, :2, 3], 0, atol=0.5) and depth.abs().min() > 1
