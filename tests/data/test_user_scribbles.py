"""Users' drawings become white strokes on black."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from test_label_maps import REAL, real

from gantoolkit.core.errors import DataError
from gantoolkit.core.labels import PALETTE
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.data.user_scribbles import is_label_map, read_scribble, resize_strokes


def drawing(
    size: int = 64, ground: str = "black", pen: str = "white", mode: str = "RGB"
) -> Image.Image:
    picture = Image.new(mode, (size, size), ground)
    box = [size // 4, size // 4, 3 * size // 4, 3 * size // 4]
    ImageDraw.Draw(picture).ellipse(box, outline=pen, width=size // 32)
    return picture


@pytest.mark.parametrize(
    "ground, pen",
    [
        ("black", "white"),
        ("white", "black"),
        ("#f5e8c8", "#101010"),
        ("white", "#c00000"),
        ("#e0e0e0", "#0000d0"),
    ],
)
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
    Image.fromarray(np.asarray(drawing(mode="L"), np.uint16) * 257).save(tmp_path / "b.png")
    assert torch.equal(read_scribble(tmp_path / "a.png", 64), read_scribble(tmp_path / "b.png", 64))


def test_shrinking_is_by_area_and_keeps_thin_strokes_visible():
    strokes = np.zeros((512, 512), np.float32)
    strokes[:, 200] = 1  # one pixel of eight
    small = resize_strokes(strokes, 64)
    assert small[:, 25].min() > 0.9 and small[:, 26:].max() == 0
    soft = np.full((128, 128), 0.0, np.float32)
    soft[::2] = 1
    assert np.allclose(resize_strokes(soft, 64), resize_strokes(soft, 64)[0, 0])


def test_refusals(tmp_path):
    Image.new("L", (64, 64)).save(tmp_path / "empty.png")
    y, x = np.mgrid[0:64, 0:64] * 4
    Image.fromarray(np.stack([x, y, (x + y) // 2], 2).astype(np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray((x // 16).astype(np.uint8)).save(tmp_path / "labels.png")
    for name, words in (
        ("empty", "no strokes"),
        ("photo", "looks like a photo"),
        ("labels", "--mask"),
    ):
        with pytest.raises(DataError, match=words):
            read_scribble(tmp_path / f"{name}.png", 64)


def colored(labels: np.ndarray) -> dict[str, Image.Image]:
    """A label map as people store it: in CelebAMask-HQ's colors, by JPEG, in others, in grays."""
    own, others = (
        np.asarray(PALETTE, np.uint8),
        np.random.default_rng(0).integers(0, 256, (19, 3)).astype(np.uint8),
    )
    content = io.BytesIO()
    Image.fromarray(own[labels]).save(content, "JPEG", quality=85)
    return {
        "own": Image.fromarray(own[labels]),
        "jpeg": Image.open(content),
        "others": Image.fromarray(others[labels]),
        "grays": Image.fromarray(labels * 13),
    }


@real
@pytest.mark.parametrize(
    "name", ["masks/cd_27007_512.png", "masks/cd_29980_256.png", "triple_psp/mask.png"]
)
def test_a_label_map_is_no_drawing_in_whatever_colours(name, tmp_path):
    for colors, picture in colored(np.asarray(Image.open(REAL / name))).items():
        picture.save(tmp_path / f"{colors}.png")
        with pytest.raises(DataError, match="looks like a label map, which --mask takes"):
            read_scribble(tmp_path / f"{colors}.png", 64)


def test_label_maps_of_the_zoo_are_no_drawings_and_its_scribbles_are():
    faces = FaceZip("val")
    for labels, drawn in zip(faces.labels[:40].numpy(), faces.scribbles[:40].numpy()):
        assert all(
            is_label_map(picture) for colors, picture in colored(labels).items() if colors != "jpeg"
        )  # 64 px
        for size in (64, 512):
            for how in (Image.Resampling.NEAREST, Image.Resampling.BILINEAR):
                assert not is_label_map(Image.fromarray(drawn).resize((size, size), how))


@pytest.mark.parametrize("ground", ["black", "white"])
@pytest.mark.parametrize("width", [3, 8, 16, 24])
def test_colored_pens_are_pens_even_in_the_colors_of_label_maps(ground, width):
    picture = Image.new("RGB", (512, 512), ground)
    pen, colors = (
        ImageDraw.Draw(picture),
        ["#{:02x}{:02x}{:02x}".format(*PALETTE[k]) for k in (1, 4, 10, 13)],
    )
    for color, box in zip(
        colors,
        ([60, 20, 440, 480], [150, 180, 230, 220], [290, 180, 370, 220], [180, 330, 340, 380]),
    ):
        pen.ellipse(box, outline=color, width=width)
    assert not is_label_map(picture)


@real
def test_every_real_sketch_is_taken():
    for path in [
        *REAL.glob("unite_conquer/sketch/*.jpg"),
        *REAL.glob("sketches/*"),
        REAL / "triple_psp/sketch.jpg",
    ]:
        assert not is_label_map(Image.open(path)) and read_scribble(path, 64).any(), path


@real
def test_real_drawings():
    names = [
        "triple_psp/sketch.jpg",
        "sketches/jojo_sketch2.jpeg",
        "sketches/jojo_sketch4.jpeg",
        *(f"unite_conquer/sketch/{i}.jpg" for i in (0, 100, 10014)),
    ]
    for name in names:
        found = read_scribble(REAL / name, 64)
        assert 0.02 < float(found.mean()) < 0.3 and float(found.max()) == 1, name


@real
@pytest.mark.parametrize(
    "name", ["triple_psp/photo.jpg", "photos_misc/mmagic_000001.png", "style_aligned/art.png"]
)
def test_real_photos_are_no_drawings(name):
    with pytest.raises(DataError, match="photo"):
        read_scribble(REAL / name, 64)
