"""Users' drawings become white strokes on black."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from test_read import REAL, real

from gantoolkit.data.strokes import read_scribble, resize
from gantoolkit.errors import DataError


def drawing(size: int = 64, ground: str = "black", pen: str = "white", mode: str = "RGB") -> Image.Image:
    picture = Image.new(mode, (size, size), ground)
    box = [size // 4, size // 4, 3 * size // 4, 3 * size // 4]
    ImageDraw.Draw(picture).ellipse(box, outline=pen, width=size // 32)
    return picture


@pytest.mark.parametrize("ground, pen", [("black", "white"), ("white", "black"), ("#f5e8c8", "#101010"),
                                         ("white", "#c00000"), ("#e0e0e0", "#0000d0")])
def test_polarity_and_paper_do_not_matter(ground, pen, tmp_path):
    drawing(ground=ground, pen=pen).save(tmp_path / "s.png")
    drawing().save(tmp_path / "reference.png")
    found, expected = (read_scribble(tmp_path / f"{n}.png", 64) for n in ("s", "reference"))
    assert found.shape == (1, 64, 64) and found.dtype == torch.float32
    assert torch.equal(found > 0.5, expected > 0.5) and float(found[expected == 0].max()) < 0.05


@pytest.mark.parametrize("pen", ["black", "white"])
def test_transparent_ground(pen, tmp_path):
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(picture).line([8, 8, 56, 56], fill=pen, width=3)
    picture.save(tmp_path / "s.png")
    found = read_scribble(tmp_path / "s.png", 64)[0]
    assert float(found[32, 32]) == 1 and float(found[0, 63]) == 0


def test_one_bit_and_16_bit(tmp_path):
    drawing(mode="L").convert("1").save(tmp_path / "a.png")
    Image.fromarray((np.asarray(drawing(mode="L"), np.uint16) * 257)).save(tmp_path / "b.png")
    assert torch.equal(read_scribble(tmp_path / "a.png", 64), read_scribble(tmp_path / "b.png", 64))


def test_shrinking_is_by_area_and_keeps_thin_strokes_visible():
    strokes = np.zeros((512, 512), np.float32)
    strokes[:, 200] = 1  # one pixel of eight
    small = resize(strokes, 64)
    assert small[:, 25].min() > 0.9 and small[:, 26:].max() == 0
    soft = np.full((128, 128), 0.0, np.float32)
    soft[::2] = 1
    assert np.allclose(resize(soft, 64), resize(soft, 64)[0, 0])


def test_refusals(tmp_path):
    Image.new("L", (64, 64)).save(tmp_path / "empty.png")
    y, x = np.mgrid[0:64, 0:64] * 4
    Image.fromarray(np.stack([x, y, (x + y) // 2], 2).astype(np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray((x // 16).astype(np.uint8)).save(tmp_path / "labels.png")
    for name, words in (("empty", "no strokes"), ("photo", "looks like a photo"), ("labels", "--mask")):
        with pytest.raises(DataError, match=words):
            read_scribble(tmp_path / f"{name}.png", 64)


@real
def test_real_drawings():
    names = ["triple_psp/sketch.jpg", "sketches/jojo_sketch2.jpeg", "sketches/jojo_sketch4.jpeg",
             *(f"unite_conquer/sketch/{i}.jpg" for i in (0, 100, 10014))]
    for name in names:
        found = read_scribble(REAL / name, 64)
        assert 0.02 < float(found.mean()) < 0.3 and float(found.max()) == 1, name


@real
@pytest.mark.parametrize("name", ["triple_psp/photo.jpg", "photos_misc/mmagic_000001.png",
                                  "style_aligned/art.png"])
def test_real_photos_are_no_drawings(name):
    with pytest.raises(DataError, match="photo"):
        read_scribble(REAL / name, 64)
